package input

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const pluginExtension = ".panoptes-plugin"

// PluginFiles returns the plugin files of directories and below, each once, in order. Links to directories are
// followed: a deployed release often is one.
func PluginFiles(dirs []string) ([]string, error) {
	var files []string
	var errs []error
	seen := map[string]bool{}
	var walk func(path string, depth int)
	walk = func(path string, depth int) {
		info, err := os.Stat(path)
		if err != nil {
			// A link that leads nowhere is no plugin; what the user named has to be there.
			if depth == 0 {
				errs = append(errs, err)
			}
			return
		}
		if !info.IsDir() {
			if depth == 0 || strings.HasSuffix(path, pluginExtension) {
				files = append(files, path)
			}
			return
		}
		real, err := filepath.EvalSymlinks(path)
		if err != nil || seen[real] {
			errs = append(errs, err)
			return
		}
		seen[real] = true
		entries, err := os.ReadDir(path)
		errs = append(errs, err)
		for _, e := range entries {
			// The receiver leaves these out as well: Kubernetes keeps the versions of a mounted volume there.
			if !strings.HasPrefix(e.Name(), "..") {
				walk(filepath.Join(path, e.Name()), depth+1)
			}
		}
	}
	for _, dir := range dirs {
		walk(dir, 0)
	}
	slices.Sort(files)
	return slices.Compact(files), errors.Join(errs...)
}
