package replaycmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/recording"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run/python"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
)

// open prepares to run the plugin again, with the recording in the place of its host.
func (p *player) open(o *options, version string, head recording.Head, logger *zap.Logger) error {
	found, warnings, err := plugin.Open(o.plugin, plugin.OpenOptions{})
	for _, warning := range warnings {
		fmt.Fprintf(p.stderr, "panoptes: %s\n", term.Message(warning))
	}
	if err != nil && (found == nil || !errors.Is(err, plugin.ErrNotScheduled)) {
		return exit.Misuse(err)
	}
	if found.Version != head.Plugin.Version {
		fmt.Fprintf(p.stderr, "panoptes: the plugin is of version %s, the recording of version %s\n", found.Version, term.Cell(head.Plugin.Version))
	}
	p.plugin = found
	p.runner, err = runtimes.New(runtimes.Settings{
		Python: python.Settings{PythonEnv: plugin.PythonEnv{Interpreter: o.python, MaxWorkers: 1}},
		Host: runtimes.Host{
			Info: wire.HostInfo{Name: "panoptes", Version: version}, Logger: logger, Intercept: p.host.Intercept,
		},
	})
	return err
}

// again runs the plugin and compares how the run ended and what it returned.
func (p *player) again(ctx context.Context, n int, run *recording.Run) error {
	found := p.plugin
	if run.Type != "" {
		var err error
		if found, err = found.As(plugin.Type(run.Type)); err != nil {
			return exit.Misuse(err)
		}
	}
	if run.Interval > 0 {
		found = found.Variant(func(v *plugin.Plugin) { v.Interval = seconds(run.Interval) })
	}
	req, err := request(found, run)
	if err != nil {
		return err
	}
	p.host.Load(run.Calls)
	result := p.runner.Run(ctx, req)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	for _, strange := range p.host.Load(nil) {
		p.different("run %d: %s", n, strange)
	}
	p.compare(n, run, result)
	return p.compareAgain(n, run, result.Groups)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
