package panoptesreceiver

import (
	"os"
	"path/filepath"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
)

// env is what Python plugins run in whose directory says nothing else.
func (c *PythonConfig) env() plugin.PythonEnv {
	return plugin.PythonEnv{
		Interpreter: c.Interpreter, MaxWorkers: c.MaxWorkers, MaxRuns: c.MaxRuns, MaxMemory: int64(c.MaxMemoryMiB) << 20,
	}
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

// workers is the most Python processes at once, of all settings together.
func (c *Config) workers() int {
	n := c.Python.MaxWorkers
	seen := map[plugin.PythonEnv]struct{}{{}: {}}
	for _, d := range c.Plugins.Directories {
		env := d.Python.env()
		if _, ok := seen[env]; ok {
			continue
		}
		seen[env] = struct{}{}
		if env.MaxWorkers == 0 {
			env.MaxWorkers = c.Python.MaxWorkers
		}
		n += env.MaxWorkers
	}
	return n
}
