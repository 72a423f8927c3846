package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/safepath"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
)

const (
	versionDigits = 12
	// maxModuleBytes limits what belongs to one plugin.
	maxModuleBytes = 256 << 20
)

// content is a hash over the names and the contents of files.
type content struct {
	sum   hash.Hash
	bytes int64
}

// addText adds a text under a name. Lengths go before both, so that nothing can be moved from one to the other.
func (c *content) addText(name, text string) {
	fmt.Fprintf(c.sum, "%d:%s%d:", len(name), name, len(text))
	_, _ = io.WriteString(c.sum, text) // a hash takes everything
}

func (c *content) addFile(name, path string) error {
	f, err := safefile.Open(context.Background(), path, maxModuleBytes-c.bytes)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintf(c.sum, "%d:%s%d:", len(name), name, info.Size())
	read, err := io.Copy(c.sum, io.LimitReader(f, info.Size()))
	if err == nil && read != info.Size() {
		err = fmt.Errorf("file %q: %w", path, ErrChanged)
	}
	c.bytes += read
	return err
}

// add returns what adds files, of which prefix begins the names, and makes sure that nobody else can replace them.
func (c *content) add(prefix string) func(ownFile) error {
	return func(f ownFile) error {
		if err := safepath.Check(f.path); err != nil {
			return fmt.Errorf("file %q of the module: %w", f.path, err)
		}
		if f.link != "" {
			c.addText(prefix+f.name, f.link)
			return nil
		}
		return c.addFile(prefix+f.name, f.path)
	}
}

// setVersion hashes what would be run.
func (p *Plugin) setVersion() error {
	c := &content{sum: sha256.New()}
	if _, err := os.Stat(p.File.Path); err == nil {
		if err := c.addFile("plugin", p.File.Path); err != nil {
			return fmt.Errorf("read plugin file: %w", err)
		}
	} else {
		c.addText("plugin", fmt.Sprint(p.File.Config)) // inline: maps are printed in order of their keys
	}
	switch {
	case p.program != nil && p.program.copied:
		c.addText("program", filepath.Base(p.Module)) // whatever folder it is in
	case p.program != nil:
		c.addText("program", p.Module)
	case p.Kind != KindPython || p.builtIn:
		c.addText("module", p.Module)
	}
	if err := p.visitFiles(c.add("")); err != nil {
		return fmt.Errorf("read module: %w", err)
	}
	if p.program != nil {
		if err := c.addScripts(p.program.scripts); err != nil {
			return err
		}
	}
	for _, i := range p.packaged {
		c.addText("package", i.name)
	}
	for _, i := range append([]importable{p.beside}, p.packaged...) {
		if err := i.addTo(c); err != nil {
			return err
		}
	}
	p.SHA256 = hex.EncodeToString(c.sum.Sum(nil))
	p.Version = p.SHA256[:versionDigits]
	return nil
}
