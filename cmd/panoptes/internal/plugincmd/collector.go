package plugincmd

import (
	"context"
	"strings"

	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/collectorconfig"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/override"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

// collector is what plugin run takes from a Collector's configuration.
type collector struct {
	configs  []string
	receiver string
	rules    override.Rules
	// directories say what plugin files are opened with; nil for no configuration.
	directories *panoptesreceiver.PluginsConfig
	// interpreter is what the command line says, which counts before the configuration.
	interpreter string
	// environment are the names of variables that Python plugins get.
	environment []string
}

// read reads the receiver's part of the configuration, and lets it say what the command line does not.
func (c *collector) read(ctx context.Context, o *runOptions) error {
	if len(c.configs) == 0 {
		if c.receiver != "" {
			return exit.Misusef("--receiver goes with --config")
		}
		return nil
	}
	config, err := collectorconfig.Load(ctx, c.configs)
	if err != nil {
		return exit.Misuse(err)
	}
	id, err := c.choose(config)
	if err != nil {
		return exit.Misuse(err)
	}
	decoded, err := config.Decode(collectorconfig.Receivers, id)
	if err != nil {
		return exit.Misusef("receivers::%s: %w", id, err)
	}
	receiver := decoded.(*panoptesreceiver.Config)
	if c.rules, err = receiver.Plugins.Rules(); err != nil {
		return exit.Misusef("receivers::%s: %w", id, err)
	}
	c.directories, c.environment = &receiver.Plugins, receiver.Python.Environment
	if len(o.resources) == 0 {
		o.resources = receiver.Resources.Files
	}
	if o.secrets == "" {
		o.secrets = receiver.Secrets.Directory
	}
	c.interpreter = o.python
	if o.python == "" {
		o.python = receiver.Python.Interpreter
	}
	return nil
}

// options are what a plugin file is opened with. It may be another version than the one that is pinned: that is what
// plugin run is for.
func (c *collector) options(file string) plugin.OpenOptions {
	if c.directories == nil {
		return plugin.OpenOptions{}
	}
	o := c.directories.OpenOptions(file)
	o.Pins = nil
	if c.interpreter != "" {
		o.Python.Interpreter = c.interpreter
	}
	return o
}

// choose finds the receiver that is meant.
func (c *collector) choose(config *collectorconfig.Config) (component.ID, error) {
	var ids []component.ID
	var names []string
	for _, id := range config.IDs(collectorconfig.Receivers) {
		if id.Type() != collectorconfig.ReceiverType || c.receiver != "" && id.String() != c.receiver {
			continue
		}
		ids, names = append(ids, id), append(names, id.String())
	}
	switch {
	case len(ids) == 1:
		return ids[0], nil
	case len(ids) > 1:
		return component.ID{}, exit.Misusef("the configuration has several receivers, %s: name one with --receiver", strings.Join(names, ", "))
	case c.receiver != "":
		return component.ID{}, exit.Misusef("the configuration has no receiver %q", c.receiver)
	}
	return component.ID{}, exit.Misusef("the configuration has no receiver %q", collectorconfig.ReceiverType)
}
