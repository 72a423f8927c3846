package plugincmd

import (
	"context"
	"strings"

	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/collectorconfig"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/override"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

// collector is what plugin run takes from a Collector's configuration.
type collector struct {
	configs  []string
	receiver string
	rules    override.Rules
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
	if len(o.resources) == 0 {
		o.resources = receiver.Resources.Files
	}
	if o.secrets == "" {
		o.secrets = receiver.Secrets.Directory
	}
	if o.python == "" {
		o.python = receiver.Python.Interpreter
	}
	return nil
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
