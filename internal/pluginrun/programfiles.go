package pluginrun

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
)

// maxProgramFiles bounds the files of a program's folder.
const maxProgramFiles = 20_000

// errShared ends a walk at the plugin file of another plugin.
var errShared = errors.New("the folder is shared")

// belongings decides what belongs to a program beside itself. A program outside of the plugin file's folder is the
// system's, such as one of /usr/lib/nagios/plugins: the file alone, run where it is. Inside, the folder that it is in
// is the plugin's, unless another plugin has its plugin file there.
func (g *program) belongings(pluginFile, module string) error {
	pluginFile, err := filepath.Abs(pluginFile)
	if err != nil {
		return err
	}
	dir := filepath.Dir(module)
	rel, err := filepath.Rel(filepath.Dir(pluginFile), dir)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return nil
	}
	g.copied = true
	err = walkProgram(dir, func(path string, _ fs.DirEntry) error {
		if pluginfile.IsPluginFile(path) && path != pluginFile {
			return errShared
		}
		return nil
	})
	if errors.Is(err, errShared) {
		return nil
	}
	g.folder = err == nil
	return err
}

// walkProgram visits the files and the symbolic links of a folder, in lexical order, but hidden ones and what
// interpreters leave there.
func walkProgram(dir string, visit func(path string, d fs.DirEntry) error) error {
	n := 0
	dir = throughLink(dir)
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "__pycache__"):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular() && d.Type() != fs.ModeSymlink:
			return nil
		}
		if n++; n > maxProgramFiles {
			return fmt.Errorf("the folder %q has more than %d files: give the plugin a folder of its own", dir, maxProgramFiles)
		}
		return visit(path, d)
	})
}

// visitProgram visits what belongs to the program. name is the path in its folder. For a symbolic link to a folder,
// which is not entered, link is what it leads to.
func (p *Plugin) visitProgram(visit func(path, name, link string) error) error {
	dir := filepath.Dir(p.Module)
	if !p.program.folder {
		return visit(p.Module, filepath.Base(p.Module), "")
	}
	return walkProgram(dir, func(path string, d fs.DirEntry) error {
		if pluginfile.IsPluginFile(path) {
			return nil // the plugin's own, which counts for itself
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		link := ""
		if d.Type() == fs.ModeSymlink {
			info, err := os.Stat(path)
			switch {
			case err != nil || !info.IsDir() && !info.Mode().IsRegular():
				return nil // it leads nowhere: nothing can be run or read by it
			case info.IsDir():
				if link, err = filepath.EvalSymlinks(path); err != nil {
					return err
				}
			}
		}
		return visit(path, filepath.ToSlash(name), link)
	})
}

// addProgram adds what belongs to the program to its version, and makes sure that nobody else can replace it.
func (p *Plugin) addProgram(c *content) error {
	if p.program.copied {
		c.addText("program", filepath.Base(p.Module)) // whatever folder it is in
	} else {
		c.addText("program", p.Module)
	}
	return p.visitProgram(func(path, name, link string) error {
		if err := checkPath(path); err != nil {
			return fmt.Errorf("file %q of the module: %w", path, err)
		}
		var err error
		switch {
		case link != "":
			c.addText(name, link)
		default:
			err = c.addFile(name, path)
		}
		if err != nil {
			return fmt.Errorf("read module: %w", err)
		}
		return nil
	})
}

// snapshotProgram is Snapshot for programs.
func (p *Plugin) snapshotProgram(dir string) (*Plugin, error) {
	if !p.program.copied {
		return p, nil
	}
	if noExec(filepath.Dir(dir)) {
		if readOnlyMount(filepath.Dir(p.Module)) {
			return p, nil // it is run where it is: what cannot be written changes as a whole, with the mount
		}
		return nil, fmt.Errorf("plugin %q: copies of plugins cannot be run from %q, which is mounted noexec: set the "+
			"environment variable TMPDIR of the Collector to a folder that is not, or have plugins on a file system that is "+
			"mounted read-only, which are run where they are", p.Name(), filepath.Dir(dir))
	}
	err := p.visitProgram(func(path, name, link string) error {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if link == "" {
			return copyProgramFile(path, to)
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.Symlink(link, to)
	})
	if err != nil {
		return nil, fmt.Errorf("plugin %q: copy module: %w", p.Name(), err)
	}
	copied, snapshot := *p, *p
	copied.Module = filepath.Join(dir, filepath.Base(p.Module))
	if err := copied.setVersion(); err != nil {
		return nil, fmt.Errorf("plugin %q: copy module: %w", p.Name(), err)
	}
	if copied.SHA256 != p.SHA256 {
		return nil, fmt.Errorf("plugin %q: %w", p.Name(), ErrChanged)
	}
	snapshot.source = copied.Module
	return &snapshot, nil
}

// copyProgramFile copies a file with the rights to read and to execute it: another user may be who runs it.
func copyProgramFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := copyFile(from, to); err != nil {
		return err
	}
	return os.Chmod(to, info.Mode().Perm()&0o555|0o400)
}
