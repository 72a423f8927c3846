package replaycmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/recording"
	"github.com/panoptes-otel/panoptes-otel/internal/goldentext"
	"github.com/panoptes-otel/panoptes-otel/internal/pluginrun"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
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
func (p *player) again(ctx context.Context, n int, run *recording.Run, want []*pluginsdk.MetricsGroup) error {
	resource := &pluginsdk.Resource{}
	if err := json.Unmarshal(run.Resource, resource); err != nil {
		return exit.Misuse(fmt.Errorf("resource of the recording: %w", err))
	}
	p.host.Load(run.Calls)
	result := p.runner.Run(ctx, pluginrun.Request{Plugin: p.plugin, Resource: resource, Config: run.Config})
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	for _, strange := range p.host.Load(nil) {
		p.different("run %d: %s", n, strange)
	}
	if string(result.Outcome) != run.Outcome {
		p.different("run %d: ended as %s (%v), in the recording as %s (%s)", n, result.Outcome, result.Err, run.Outcome, run.Error)
	}
	wantText, err := goldentext.Of(want)
	if err != nil {
		return err
	}
	gotText, err := goldentext.Of(result.Groups)
	if err != nil {
		return err
	}
	if !bytes.Equal(wantText, gotText) {
		p.different("run %d: the groups are not those of the recording: %s", n, goldentext.Difference(string(wantText), string(gotText)))
	}
	return nil
}
