package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/safepath"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
)

// ErrChanged is what the error of Snapshot wraps where the plugin changed since it was opened.
var ErrChanged = errors.New("the plugin changed while it was read")

// Snapshot copies what would be run into the folder dir, which it makes, and returns the plugin that runs from there:
// what happens to the original afterwards changes nothing. A plugin that is compiled or built in is returned as it is. A
// module that is one file still sees itself at its own place (__file__), so that it finds the files beside it, and so do
// modules that the plugin can import, which are copied next to dir. A package, whose files are all copied, sees the copy, and so
// does a program.
func (p *Plugin) Snapshot(dir string) (*Plugin, error) {
	switch {
	case len(p.documents) > 0:
	case p.program == nil && (p.Kind != KindPython || p.builtIn), p.program != nil && !p.program.copied:
		return p, nil
	case p.program != nil && safepath.NoExec(filepath.Dir(dir)):
		if safepath.ReadOnly(filepath.Dir(p.Module)) {
			return p, nil // it is run where it is: what cannot be written changes as a whole, with the mount
		}
		return nil, fmt.Errorf("plugin %q: copies of plugins cannot be run from %q, which is mounted noexec: set the "+
			"environment variable TMPDIR of the Collector to a folder that is not, or have plugins on a file system that is "+
			"mounted read-only, which are run where they are", p.Name(), filepath.Dir(dir))
	}
	copied := *p
	if copied.documents = p.documentsIn(dir); p.Kind != KindSNMP {
		copied.Module = filepath.Join(dir, filepath.Base(p.Module))
	}
	err := p.visitFiles(func(f ownFile) error { return f.copy(dir) })
	if err == nil {
		copied.beside, err = p.beside.copy(dir)
	}
	copied.packaged = nil
	for _, i := range p.packaged {
		if err == nil {
			i, err = i.copy(dir)
			copied.packaged = append(copied.packaged, i)
		}
	}
	if err == nil {
		err = copied.setVersion()
	}
	if err != nil {
		return nil, fmt.Errorf("plugin %q: copy module: %w", p.Name(), err)
	}
	if copied.SHA256 != p.SHA256 {
		return nil, fmt.Errorf("plugin %q: %w", p.Name(), ErrChanged)
	}
	snapshot := *p
	snapshot.source, snapshot.beside, snapshot.packaged, snapshot.documents = copied.Module, copied.beside, copied.packaged, copied.documents
	if err := snapshot.marshal(); err != nil {
		return nil, fmt.Errorf("plugin %q: %w", p.Name(), err)
	}
	return &snapshot, nil
}

// copy copies a file below a folder, with the rights to read and to execute it: another user may be who runs it.
func (f ownFile) copy(folder string) error {
	to := filepath.Join(folder, filepath.FromSlash(f.name))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if f.link != "" {
		return os.Symlink(f.link, to)
	}
	in, err := safefile.Open(context.Background(), f.path, maxModuleBytes)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Chmod(info.Mode().Perm()&0o555 | 0o400)
	}
	return errors.Join(err, out.Close())
}
