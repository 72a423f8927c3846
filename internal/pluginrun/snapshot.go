package pluginrun

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// ErrChanged is what the error of Snapshot wraps where the plugin changed since it was opened.
var ErrChanged = errors.New("the plugin changed while it was read")

// Snapshot copies what would be run into the folder dir, which it makes, and returns the plugin that runs from there:
// what happens to the original afterwards changes nothing. A plugin that is compiled or built in is returned as it is. A module
// that is one file still sees itself at its own place (__file__), so that it finds the files beside it, and so do modules
// beside the plugin, which are copied next to dir; a package, whose files are all copied, sees the copy, and so does a
// program.
func (p *Plugin) Snapshot(dir string) (*Plugin, error) {
	if p.program != nil {
		return p.snapshotProgram(dir)
	}
	if p.Kind != KindPython || p.builtIn {
		return p, nil
	}
	files, err := moduleFiles(p.Module)
	if err != nil {
		return nil, fmt.Errorf("plugin %q: read module: %w", p.Name(), err)
	}
	root := filepath.Dir(p.Module)
	copied := *p
	copied.Module = filepath.Join(dir, filepath.Base(p.Module))
	for _, path := range files {
		name, err := filepath.Rel(root, path)
		if err != nil {
			return nil, fmt.Errorf("plugin %q: copy module: %w", p.Name(), err)
		}
		if err := copyFile(path, filepath.Join(dir, name)); err != nil {
			return nil, fmt.Errorf("plugin %q: copy module: %w", p.Name(), err)
		}
	}
	if p.besideFolder() != "" {
		copied.beside = dir + copiesSuffix
		if err := p.copyBeside(copied.beside); err != nil {
			return nil, fmt.Errorf("plugin %q: copy the modules beside it: %w", p.Name(), err)
		}
	}
	if err := copied.setVersion(); err != nil {
		return nil, fmt.Errorf("plugin %q: copy module: %w", p.Name(), err)
	}
	if copied.SHA256 != p.SHA256 {
		return nil, fmt.Errorf("plugin %q: %w", p.Name(), ErrChanged)
	}
	snapshot := *p
	snapshot.source, snapshot.beside = copied.Module, copied.beside
	if err := snapshot.marshal(); err != nil {
		return nil, fmt.Errorf("plugin %q: %w", p.Name(), err)
	}
	return &snapshot, nil
}

func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
