package replaycmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/recording"
	"github.com/panoptes-otel/panoptes-otel/internal/pluginrun"
)

// open prepares to run the plugin again, with the recording in the place of its host.
func (p *player) open(o *options, version string, head recording.Head, logger *zap.Logger) error {
	plugin, warnings, err := pluginrun.Open(o.plugin, pluginrun.OpenOptions{})
	for _, warning := range warnings {
		fmt.Fprintf(p.stderr, "panoptes: %s\n", warning)
	}
	if err != nil && (plugin == nil || !errors.Is(err, pluginrun.ErrNotScheduled)) {
		return exit.Misuse(err)
	}
	if plugin.Version != head.Plugin.Version {
		fmt.Fprintf(p.stderr, "panoptes: the plugin is of version %s, the recording of version %s\n", plugin.Version, head.Plugin.Version)
	}
	p.plugin = plugin
	p.runner, err = pluginrun.New(pluginrun.Settings{
		Logger:    logger,
		Host:      pluginrun.HostInfo{Name: "panoptes", Version: version},
		Python:    pluginrun.PythonSettings{PythonEnv: pluginrun.PythonEnv{Interpreter: o.python, MaxWorkers: 1}},
		Intercept: p.host.Intercept,
	})
	return err
}

// again runs the plugin and compares how the run ended and what it returned.
func (p *player) again(ctx context.Context, n int, run *recording.Run) error {
	plugin := p.plugin
	if run.Type != "" {
		var err error
		if plugin, err = plugin.As(pluginrun.Type(run.Type)); err != nil {
			return exit.Misuse(err)
		}
	}
	if run.Interval > 0 {
		plugin = plugin.Variant(func(v *pluginrun.Plugin) { v.Interval = seconds(run.Interval) })
	}
	req, err := request(plugin, run)
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
