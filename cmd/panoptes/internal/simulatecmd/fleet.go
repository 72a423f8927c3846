package simulatecmd

import (
	"context"
	"errors"
	"fmt"
	"io"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/override"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

// fleet is what a receiver would run against what.
type fleet struct {
	receiver  string
	cfg       *panoptesreceiver.Config
	plugins   []*override.Plugin
	resources []*pluginsdk.Resource
}

// load reads the plugins and resources of a receiver. What is broken is told, and left out as the receiver would.
func load(ctx context.Context, receiver string, cfg *panoptesreceiver.Config, extra []string, stderr io.Writer) (*fleet, error) {
	f := &fleet{receiver: receiver, cfg: cfg}
	tell := func(format string, args ...any) {
		fmt.Fprintf(stderr, "panoptes: %s: %s\n", term.Cell(receiver), term.Message(fmt.Sprintf(format, args...)))
	}
	if len(cfg.Resources.HTTP)+len(cfg.Resources.HTTPSD) > 0 || cfg.Resources.Kafka != nil {
		tell("resources::http, resources::http_sd and resources::kafka are not asked; --resources stands in for them")
	}
	if err := f.loadResources(ctx, extra, stderr, tell); err != nil {
		return nil, err
	}
	return f, f.loadPlugins(tell)
}

func (f *fleet) loadResources(ctx context.Context, extra []string, stderr io.Writer, tell func(string, ...any)) error {
	more, warnings, errs := parse.LoadFiles(extra, parse.Minimal)
	for _, w := range append(warnings, errs...) {
		tell("%v", w)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	all, _, err := f.cfg.FindResources(ctx, panoptesreceiver.Finding{Telemetry: component.TelemetrySettings{Logger: term.Logger(stderr, zapcore.WarnLevel)}, More: more})
	f.resources = all
	return err
}

func (f *fleet) loadPlugins(tell func(string, ...any)) error {
	rules, err := f.cfg.Plugins.Rules()
	if err != nil {
		return err
	}
	var dirs []string
	for _, d := range f.cfg.Plugins.Directories {
		dirs = append(dirs, d.Path)
	}
	files, err := input.PluginFiles(dirs)
	if err != nil {
		return err
	}
	named := map[string]bool{override.Any: true}
	for _, file := range files {
		p, _, err := plugin.Open(file, f.cfg.Plugins.OpenOptions(file))
		if err != nil && !(errors.Is(err, plugin.ErrNotScheduled) && p != nil) {
			tell("left out: %v", err)
			continue
		}
		named[p.Name()] = true
		f.plugins = append(f.plugins, rules.For(p))
	}
	for i, r := range rules {
		if !named[r.Plugin] {
			tell("plugins::overrides::%d names the plugin %q, which there is not", i, r.Plugin)
		}
	}
	return nil
}
