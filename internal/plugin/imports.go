package plugin

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	// sysPathOption of [main] lets a plugin import the modules beside its plugin file, where it is sysPathPlugin.
	sysPathOption = "sys_path"
	sysPathPlugin = "plugin"
	// besideKind is what importable calls the folder of the plugin file.
	besideKind = "beside"
	// maxImportDepth ends links that lead to what they are in.
	maxImportDepth = 32
)

// Package is a folder that stands for a package in what Python plugins import, as if it were mounted in site-packages.
type Package struct {
	// Name is that of the package, such as yahoo_panoptes.plugins.polling.napalm.
	Name string
	// Folder is where its modules are.
	Folder string
}

// importable is a folder whose modules a Python plugin can import. All of them belong to the plugin.
type importable struct {
	// kind is besideKind for the folder of the plugin file, and any other text for one that stands for a package.
	kind   string
	folder string
	// name is that of the package.
	name string
	// copied is where the modules are read instead, see Snapshot; "" for folder itself.
	copied string
}

// findImports sets what the plugin can import.
func (p *Plugin) findImports(packages []Package) error {
	if p.Kind != KindPython || p.builtIn {
		return nil
	}
	switch v := p.File.Config.Get("main", sysPathOption); v {
	case "":
	case sysPathPlugin:
		p.beside = importable{kind: besideKind, folder: filepath.Dir(p.File.Path)}
	default:
		return fmt.Errorf("[main] sys_path must be %q, for modules beside the plugin file, or be left out, is %q", sysPathPlugin, v)
	}
	for n, pkg := range packages {
		kind := "package"
		if n > 0 {
			kind += "-" + strconv.Itoa(n)
		}
		p.packaged = append(p.packaged, importable{kind: kind, folder: pkg.Folder, name: pkg.Name})
	}
	return nil
}

// visit visits the Python files of the folder that can be imported, through symbolic links: those in it, and those of
// packages. Below a folder that stands for a package any folder is one. Other files are no modules, and are left where
// they are.
func (i importable) visit(visit func(ownFile) error) error {
	n := 0
	var enter func(path, name string, depth int) error
	enter = func(path, name string, depth int) error {
		entries, err := os.ReadDir(path)
		if err != nil || depth > maxImportDepth {
			return err
		}
		for _, e := range entries {
			path, name := filepath.Join(path, e.Name()), name+e.Name()
			info, err := os.Stat(path)
			switch {
			case err != nil: // it leads nowhere, or is gone by now
			case info.IsDir() && (i.kind != besideKind && !strings.HasPrefix(e.Name(), ".") || isPackage(path)):
				err = enter(path, name+"/", depth+1)
			case info.Mode().IsRegular() && strings.HasSuffix(name, ".py"):
				if n++; n > maxModuleFiles {
					return fmt.Errorf("the folder %q has more than %d Python files: give the plugin a folder of its own", i.folder, maxModuleFiles)
				}
				err = visit(ownFile{path: path, name: name})
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	}
	err := enter(cmp.Or(i.copied, i.folder), "", 0)
	if i.kind != besideKind && errors.Is(err, fs.ErrNotExist) {
		return nil // what imports from it says so
	}
	return err
}

// copy copies the modules next to dir, and returns what is read there.
func (i importable) copy(dir string) (importable, error) {
	if i.folder == "" {
		return i, nil
	}
	copied := i
	copied.copied = dir + "." + i.kind
	return copied, i.visit(func(f ownFile) error { return f.copy(copied.copied) })
}

// addTo adds the modules to what the plugin's version is made of.
func (i importable) addTo(c *content) error {
	if i.folder == "" {
		return nil
	}
	if err := i.visit(c.add(i.kind + "/")); err != nil {
		return fmt.Errorf("read the modules in %q: %w", i.folder, err)
	}
	return nil
}

func isPackage(folder string) bool {
	info, err := os.Stat(filepath.Join(folder, packageFile))
	return err == nil && info.Mode().IsRegular()
}
