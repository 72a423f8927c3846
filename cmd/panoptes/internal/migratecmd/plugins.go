package migratecmd

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/loading"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run/child"
	"github.com/panoptes-otel/panoptes-otel/internal/run/python"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
)

// tryPlugins loads the plugins of the directories with an interpreter, and tells which would not run, and which variables of
// the environment they ask for in vain. It says whether all is well.
func (t *translation) tryPlugins(ctx context.Context, interpreter string, told io.Writer) (bool, error) {
	var dirs []string
	paths, _ := t.settings[directories].value.([]string)
	for _, dir := range paths {
		if _, err := os.Stat(dir); err != nil {
			fmt.Fprintf(told, "plugins are not tried: %s is not there: run panoptes migrate where it is\n", term.Cell(dir))
			continue
		}
		dirs = append(dirs, dir)
	}
	files, err := input.PluginFiles(dirs)
	if err != nil {
		return false, err
	}
	if len(files) == 0 {
		return true, nil
	}
	interpreter = cmp.Or(interpreter, runtimes.DefaultInterpreter)
	environment := plugin.PythonEnv{Interpreter: interpreter, MaxWorkers: 1}
	settings := runtimes.Settings{
		Python: python.Settings{PythonEnv: environment},
		Host:   runtimes.Host{Info: wire.HostInfo{Name: "panoptes"}},
	}
	loaded, failures, unfit, err := loading.Load(ctx, files, settings, func(string) plugin.OpenOptions { return plugin.OpenOptions{} })
	if err != nil {
		return false, err
	}
	loaded, twice := unique(loaded)
	failures = append(failures, twice...)
	for _, u := range unfit {
		fmt.Fprintf(told, "%s: %s: %s\n", term.StyleOf(told).Paint(term.Red, "not tried"), logs.Count(u.Plugins, "plugin"), term.Cell(u.Err.Error()))
	}
	if len(failures) > 0 {
		fmt.Fprintln(told, term.StyleOf(told).Paint(term.Red, "plugins that would not run:"))
		for _, f := range failures {
			fmt.Fprintf(told, "  %s: %s\n", term.Cell(f.File), term.Cell(f.Err.Error()))
		}
	}
	fmt.Fprintf(told, "tried plugins with %s: %d of %d would run\n", term.Cell(interpreter), len(loaded), len(files))
	for _, name := range slices.Sorted(slices.Values(variables(dirs))) {
		fmt.Fprintf(told, "plugins ask for %s of the environment, which they do not get: name it in %spython::environment\n", name, receiver)
	}
	return len(failures)+len(unfit) == 0, nil
}

// unique leaves out plugins whose names others have already.
func unique(loaded []*plugin.Plugin) (left []*plugin.Plugin, failures []loading.Failure) {
	owner := map[string]string{}
	for _, p := range loaded {
		file := p.File.Path
		if first, taken := owner[p.File.NormalizedName]; taken {
			failures = append(failures, loading.Failure{File: file, Err: fmt.Errorf("plugin %q has the same name as %s: give it another one", p.Name(), first)})
			continue
		}
		owner[p.File.NormalizedName] = file
		left = append(left, p)
	}
	return left, failures
}

// asksFor finds names of variables in Python's text.
var asksFor = regexp.MustCompile(`(?:environ(?:\.get\(|\[)|getenv\()\s*['"](\w+)['"]`)

// maxModule bounds how much of a file is looked at.
const maxModule = 1 << 20

// variables are those that Python files below directories ask for, and that plugins do not get.
func variables(dirs []string) (names []string) {
	for _, dir := range dirs {
		_ = filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() || !strings.HasSuffix(path, ".py") {
				return nil
			}
			text, err := safefile.Read(context.Background(), path, maxModule)
			if err != nil {
				return nil // it is too large, or loading it has told why
			}
			for _, found := range asksFor.FindAllSubmatch(text, -1) {
				name := string(found[1])
				if !slices.Contains(names, name) && len(child.Environ([]string{name + "="})) == 0 {
					names = append(names, name)
				}
			}
			return nil
		})
	}
	return names
}
