// Package loading loads plugins as a Collector does, without running them, to say which would not run.
package loading

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/wait"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/python"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
)

// limit is how long one plugin may take to load.
const limit = time.Minute

// Failure is a plugin that would not run, and why.
type Failure struct {
	File string
	Err  error
}

// Error implements error.
func (f Failure) Error() string { return fmt.Sprintf("%s: %v", f.File, f.Err) }

// Unwrap is why.
func (f Failure) Unwrap() error { return f.Err }

// Unfit is an interpreter that runs no plugin at all.
type Unfit struct {
	Err *python.InterpreterError
	// Plugins is how many were not loaded for that.
	Plugins int
}

// Loader loads plugins, one after the other. It starts nothing before the first one.
type Loader struct {
	runners *run.Runner
	envs    []plugin.PythonEnv // of unfit
	unfit   []Unfit
}

// New returns a loader; Close it. settings say what plugins see and what runs them.
func New(settings runtimes.Settings) (*Loader, error) {
	if settings.Host.Logger == nil {
		settings.Host.Logger = zap.NewNop()
	}
	runners, err := runtimes.New(settings)
	return &Loader{runners: runners}, err
}

// Load loads the module of a plugin, and returns the plugin with its type. Go plugins, which are compiled into a Collector, are left as
// they are. The first plugin of an interpreter that runs none has it asked, and all get its error, an *python.InterpreterError.
func (l *Loader) Load(ctx context.Context, p *plugin.Plugin) (*plugin.Plugin, error) {
	if p.Kind == plugin.KindGo {
		return p, nil
	}
	known := slices.Index(l.envs, p.Python)
	if p.Kind == plugin.KindPython && known >= 0 {
		l.unfit[known].Plugins++
		return nil, l.unfit[known].Err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	loaded, err := l.runners.Load(ctx, p)
	if unfit, ok := errors.AsType[*python.InterpreterError](err); ok && ctx.Err() == nil {
		l.envs, l.unfit = append(l.envs, p.Python), append(l.unfit, Unfit{Err: unfit, Plugins: 1})
	}
	return loaded, err
}

// Unfit returns the interpreters that run no plugin, in the order in which they were asked.
func (l *Loader) Unfit() []Unfit { return l.unfit }

// Close ends what was started.
func (l *Loader) Close() error { return wait.End(l.runners.Close) }

// Load opens plugin files and loads their modules, one after the other. loaded are those that would run; the failures come in the order of
// the files, without those of unfit interpreters. settings are New's; options say how a file is opened. The error is not about a plugin.
func Load(
	ctx context.Context, files []string, settings runtimes.Settings, options func(file string) plugin.OpenOptions,
) (loaded []*plugin.Plugin, failures []Failure, unfit []Unfit, err error) {
	loader, err := New(settings)
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() { err = errors.Join(err, loader.Close()) }()
	for _, file := range files {
		p, _, err := plugin.Open(file, options(file))
		if errors.Is(err, plugin.ErrNotScheduled) && p != nil {
			err = nil // whoever checks the file says so
		}
		if err == nil {
			_, err = loader.Load(ctx, p)
		}
		if ctx.Err() != nil {
			return nil, nil, nil, ctx.Err()
		}
		if _, none := errors.AsType[*python.InterpreterError](err); none {
			continue
		}
		if err != nil {
			failures = append(failures, Failure{file, err})
			continue
		}
		loaded = append(loaded, p)
	}
	return loaded, failures, loader.Unfit(), nil
}
