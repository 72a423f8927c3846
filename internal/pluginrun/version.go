package pluginrun

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	versionDigits = 12
	// maxModuleFiles and maxModuleBytes bound what belongs to one module, so that a Module that names a large folder
	// by mistake is an error rather than a long pause.
	maxModuleFiles = 2000
	maxModuleBytes = 256 << 20
)

// content is a hash over the names and the contents of files.
type content struct {
	sum   hash.Hash
	bytes int64
}

func newContent() *content { return &content{sum: sha256.New()} }

func (c *content) sum256() string { return hex.EncodeToString(c.sum.Sum(nil)) }

// addText adds a text under a name. Lengths go before both, so that nothing can be moved from one to the other.
func (c *content) addText(name, text string) {
	fmt.Fprintf(c.sum, "%d:%s%d:", len(name), name, len(text))
	_, _ = io.WriteString(c.sum, text) // a hash takes everything
}

func (c *content) addFile(name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxModuleBytes-c.bytes+1))
	if err != nil {
		return err
	}
	if c.bytes += int64(len(data)); c.bytes > maxModuleBytes {
		return fmt.Errorf("module at %q has more than %d bytes", path, maxModuleBytes)
	}
	c.addText(name, string(data))
	return nil
}

// moduleFiles are the files of a Python module: the file itself, or all files of the folder whose __init__.py it is,
// without what Python compiled and without hidden files. They come in lexical order.
func moduleFiles(module string) ([]string, error) {
	if filepath.Base(module) != packageFile {
		return []string{module}, nil
	}
	root := throughLink(filepath.Dir(module))
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := path != root && strings.HasPrefix(d.Name(), ".")
		switch {
		case d.IsDir() && (hidden || d.Name() == "__pycache__"):
			return fs.SkipDir
		case d.IsDir() || hidden || strings.HasSuffix(d.Name(), ".pyc"):
			return nil
		}
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			return err
		}
		if files = append(files, path); len(files) > maxModuleFiles {
			return fmt.Errorf("module folder %q has more than %d files", root, maxModuleFiles)
		}
		return nil
	})
	return files, err
}

// throughLink has filepath.WalkDir enter a folder that is a symbolic link.
func throughLink(dir string) string { return filepath.Clean(dir) + string(filepath.Separator) }
