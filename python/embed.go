// Package python carries the Python side of the runtime: the yahoo_panoptes package plugins import, and the worker
// process that runs them. Both are embedded, so that a collector needs nothing but a Python interpreter beside it.
package python

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Each depth is listed, rather than whole folders, so that neither the tests nor compiled files lying about are
// embedded; a test holds the list complete.
//
//go:embed __main__.py
//go:embed panoptes_worker/*.py
//go:embed panoptes_shims/*.py panoptes_shims/*/*.py panoptes_shims/*/*/*.py panoptes_shims/*/*/*/*.py
//go:embed panoptes/*.py
//go:embed yahoo_panoptes/*.py yahoo_panoptes/*/*.py yahoo_panoptes/*/*/*.py yahoo_panoptes/*/*/*/*.py
//go:embed yahoo_panoptes/*/*/*/*/*.py
var tree embed.FS

// Bootstrap is a program for `python3 -c` that runs the archive which is open as the descriptor in its first argument.
//
//go:embed panoptes_worker/bootstrap.py
var Bootstrap string

// zipTime is the modification time of every file in the archive: the earliest a zip can hold, so that equal trees
// give equal bytes.
var zipTime = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// digits of the SHA-256 in the archive's file name, in hexadecimal.
const nameDigits = 16

// Zip returns the embedded tree as a zip archive that a Python interpreter runs as it is
// (`python3 -I -B -u panoptes.zip`). Equal trees give equal bytes. It is safe for concurrent use.
func Zip() ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	// WalkDir goes in lexical order, which keeps the archive the same from build to build.
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := tree.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: zipTime})
		if err != nil {
			return err
		}
		_, err = file.Write(data)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("zip the Python runtime: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("zip the Python runtime: %w", err)
	}
	return out.Bytes(), nil
}

// WriteZip puts the archive into dir, making dir (mode 0700) if it is missing, as panoptes-<start of its SHA-256>.zip,
// readable and not writable (0444), and returns its path. The file appears whole or not at all. One that is already
// there is used if it has the very content, and replaced otherwise. It is safe for concurrent use, by several
// processes, too.
func WriteZip(dir string) (path string, err error) {
	data, err := Zip()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	path = filepath.Join(dir, "panoptes-"+hex.EncodeToString(sum[:])[:nameDigits]+".zip")
	if same(path, data) {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make folder %q for the Python runtime: %w", dir, err)
	}
	if err := replace(dir, path, data); err != nil {
		return "", fmt.Errorf("write the Python runtime to %q: %w", path, err)
	}
	return path, nil
}

// same tells whether path is a plain file, which nobody may write, with just this content.
func same(path string, data []byte) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o222 != 0 || info.Size() != int64(len(data)) {
		return false
	}
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	have, err := io.ReadAll(io.LimitReader(file, int64(len(data))+1))
	return err == nil && bytes.Equal(have, data)
}

// replace writes data beside path and renames it over path.
func replace(dir, path string, data []byte) error {
	file, err := os.CreateTemp(dir, ".panoptes-*.tmp")
	if err != nil {
		return err
	}
	temporary := file.Name()
	_, err = file.Write(data)
	if err == nil {
		err = file.Chmod(0o444)
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		// Nothing can be done about a leftover that cannot be removed; the first error says what went wrong.
		_ = os.Remove(temporary)
	}
	return err
}
