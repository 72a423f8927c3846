package plugincmd

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/spelling"
)

// find finds the file of the plugin with a name or path among those that the receiver has, and opens it.
func (e *explanation) find(name string) (*plugin.Plugin, error) {
	cfg := e.options.collector.cfg
	var dirs []string
	for _, d := range cfg.Plugins.Directories {
		dirs = append(dirs, d.Path)
	}
	files, err := input.PluginFiles(dirs)
	if err != nil {
		return nil, exit.Misusef("plugins::directories: %w", err)
	}
	first := map[string]string{} // file by normalized name
	var names []string
	broken := 0
	for _, file := range files {
		parsed, err := pluginfile.Load(file)
		switch {
		case err != nil && samePath(file, name):
			e.holds("file found", "%s", file)
			return nil, e.breaks("parsed", err.Error(), "correct the plugin file")
		case err != nil:
			broken++
			continue
		case pluginfile.Means(name, parsed.Name, file) || samePath(file, name):
			e.holds("file found", "%s", file)
			if owner := first[parsed.NormalizedName]; owner != "" {
				return nil, e.breaks("name", fmt.Sprintf("%q is taken by %s", parsed.Name, owner), "give one of them another Name under [Core]")
			}
			return e.open(file)
		}
		names = append(names, parsed.Name)
		if first[parsed.NormalizedName] == "" {
			first[parsed.NormalizedName] = file
		}
	}
	next := "write the Name of [Core], or the path of a file that ends in " + pluginfile.Extension + " in one of the directories"
	if near := spelling.Nearest(name, names, 2); near != "" {
		next = fmt.Sprintf("did you mean %q?", near)
	} else if broken > 0 {
		next += "; not parsed: " + logs.Count(broken, "file") + ", and panoptes validate says why"
	}
	return nil, e.breaks("file found", fmt.Sprintf("none of %d in %q is of the plugin %q", len(files), dirs, name), next)
}

func samePath(file, name string) bool {
	a, errA := filepath.Abs(file)
	b, errB := filepath.Abs(name)
	return errA == nil && errB == nil && a == b
}

// open opens the plugin file as the receiver does, pins included.
func (e *explanation) open(file string) (*plugin.Plugin, error) {
	p, warnings, err := plugin.Open(file, e.options.collector.cfg.Plugins.OpenOptions(file))
	unscheduled := errors.Is(err, plugin.ErrNotScheduled) && p != nil
	if err != nil && !unscheduled {
		for _, w := range warnings {
			err = fmt.Errorf("%w; %s", err, w)
		}
		return nil, e.breaks("loaded", err.Error(), "correct the plugin file or its module")
	}
	e.holds("parsed", "plugin %q, runtime %s", p.Name(), p.Kind)
	for _, w := range warnings {
		fmt.Fprintf(e.out, "     %s\n", term.Cell(w))
	}
	return p, nil
}
