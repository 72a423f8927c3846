package pluginrun

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sysPathOption of [main] lets a plugin import the modules beside its plugin file, where it is sysPathPlugin.
const (
	sysPathOption = "sys_path"
	sysPathPlugin = "plugin"
)

// copiesSuffix makes of the name of the folder that a module is copied to the one for the modules beside the plugin.
const copiesSuffix = ".beside"

// besideFolder is the folder whose modules the plugin may import: that of its plugin file, or "".
func (p *Plugin) besideFolder() string {
	if p.Kind != KindPython || p.File.Config.Get("main", sysPathOption) != sysPathPlugin {
		return ""
	}
	return filepath.Dir(p.File.Path)
}

// addBeside adds the modules beside the plugin to its version. folder has them, or copies of them.
func (p *Plugin) addBeside(c *content, folder string) error {
	return visitModules(folder, func(path, name string) error {
		if err := checkPath(path); err != nil {
			return fmt.Errorf("module file %q beside the plugin: %w", path, err)
		}
		return c.addFile("beside/"+name, path)
	})
}

// maxPackageDepth ends links that lead to what they are in.
const maxPackageDepth = 32

// visitModules visits the Python files of a folder that can be imported, through symbolic links: those in it, and those of
// packages. Other files of packages are no modules, and are left where they are.
func visitModules(folder string, visit func(path, name string) error) error {
	n := 0
	var walk func(path, name string, depth int) error
	walk = func(path, name string, depth int) error {
		entries, err := os.ReadDir(path)
		if err != nil || depth > maxPackageDepth {
			return err
		}
		for _, e := range entries {
			path, name := filepath.Join(path, e.Name()), name+e.Name()
			info, err := os.Stat(path)
			switch {
			case err != nil: // it leads nowhere, or is gone by now
			case info.IsDir() && isPackage(path):
				err = walk(path, name+"/", depth+1)
			case info.Mode().IsRegular() && strings.HasSuffix(name, ".py"):
				if n++; n > maxModuleFiles {
					return fmt.Errorf("the folder %q has more than %d Python files: give the plugin a folder of its own", folder, maxModuleFiles)
				}
				err = visit(path, name)
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	}
	return walk(folder, "", 0)
}

func isPackage(folder string) bool {
	info, err := os.Stat(filepath.Join(folder, packageFile))
	return err == nil && info.Mode().IsRegular()
}

// copyBeside copies the modules beside the plugin.
func (p *Plugin) copyBeside(to string) error {
	return visitModules(p.besideFolder(), func(path, name string) error {
		return copyFile(path, filepath.Join(to, filepath.FromSlash(name)))
	})
}
