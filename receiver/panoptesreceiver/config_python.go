package panoptesreceiver

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run/workers"
)

// env is what Python plugins run in whose directory says nothing else.
func (c *PythonConfig) env() plugin.PythonEnv {
	return plugin.PythonEnv{
		Interpreter: c.Interpreter, MaxWorkers: c.MaxWorkers, MaxRuns: c.MaxRuns, MaxMemory: int64(c.MaxMemoryMiB) << 20,
	}
}

// OpenOptions are what the plugin file at path is opened with: of the directories that it is in the innermost one says
// what it runs in and which package comes first; those of the other directories are there as well.
func (c *PluginsConfig) OpenOptions(path string) plugin.OpenOptions {
	o, length := plugin.OpenOptions{Pins: c.Pins}, -1
	path = absolute(path)
	for _, d := range c.Directories {
		folder := absolute(d.Path)
		rest, below := strings.CutPrefix(path, folder)
		if !below || len(folder) <= length || rest != "" && !os.IsPathSeparator(rest[0]) && folder != string(filepath.Separator) {
			continue
		}
		length = len(folder)
		o.Python = d.Python.env()
	}
	for _, d := range c.Directories {
		if d.Package == "" {
			continue
		}
		pkg := plugin.Package{Name: d.Package, Folder: absolute(d.Path)}
		if len(pkg.Folder) == length && strings.HasPrefix(path, pkg.Folder) {
			o.Packages = slices.Insert(o.Packages, 0, pkg)
		} else {
			o.Packages = append(o.Packages, pkg)
		}
	}
	return o
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path // there is no working directory
}

// runtimeDir is where the embedded Python package is written: systemd's state directory (StateDirectory=) where nothing
// is set and there is one. "" leaves it to the runtime.
func (c *PythonConfig) runtimeDir() string {
	if c.RuntimeDir != "" {
		return c.RuntimeDir
	}
	// Of several directories the first counts.
	if dirs := filepath.SplitList(os.Getenv("STATE_DIRECTORY")); len(dirs) > 0 && dirs[0] != "" {
		return filepath.Join(dirs[0], "panoptes-python")
	}
	return ""
}

// Workers is the most Python processes at once, of one interpreter and its limits.
func (c *PythonConfig) Workers() int {
	_, most := workers.Growth()
	return cmp.Or(c.MaxWorkers, most)
}

// workers is the most Python processes at once, of all settings together.
func (c *Config) workers() int {
	n := c.Python.Workers()
	seen := map[plugin.PythonEnv]struct{}{{}: {}}
	for _, d := range c.Plugins.Directories {
		env := d.Python.env()
		if _, ok := seen[env]; ok {
			continue
		}
		seen[env] = struct{}{}
		n += cmp.Or(env.MaxWorkers, c.Python.Workers())
	}
	return n
}
