// Package loading loads plugins as a Collector does, without running them, to say which would not run.
package loading

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/wait"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
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

// Load opens plugin files and loads their modules, one after the other. Go plugins, which are compiled into a Collector, are
// opened alone. loaded is how many would run; the failures come in the order of the files. settings say what plugins see and
// what runs them; options say how a file is opened. The error is not about a plugin.
func Load(
	ctx context.Context, files []string, settings runtimes.Settings, options func(file string) plugin.OpenOptions,
) (loaded []*plugin.Plugin, failures []Failure, err error) {
	if settings.Host.Logger == nil {
		settings.Host.Logger = zap.NewNop()
	}
	runners, err := runtimes.New(settings)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, wait.End(runners.Close)) }()
	for _, file := range files {
		p, _, err := plugin.Open(file, options(file))
		if errors.Is(err, plugin.ErrNotScheduled) && p != nil {
			err = nil // whoever checks the file says so
		}
		if err == nil && p.Kind != plugin.KindGo {
			var limited context.Context
			limited, cancel := context.WithTimeout(ctx, limit)
			_, err = runners.Load(limited, p)
			cancel()
		}
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil {
			failures = append(failures, Failure{file, err})
			continue
		}
		loaded = append(loaded, p)
	}
	return loaded, failures, nil
}
