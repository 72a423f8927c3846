package plugincmd

import (
	"cmp"
	"context"
	"io"

	"github.com/spf13/pflag"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/collectorconfig"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesredisextension"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/override"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

// collector is what plugin run and plugin check take from a Collector's configuration.
type collector struct {
	configs  []string
	receiver string
	// secrets and python are the flags of these names, which count before the configuration.
	secrets, python string
	rules           override.Rules
	cfg             *panoptesreceiver.Config // nil without a configuration
	redis           component.Component
	// interpreter is what the command line says.
	interpreter string
}

// add adds the flags. says is what the command takes from the configuration.
func (c *collector) add(flags *pflag.FlagSet, says string) {
	flags.StringVar(&c.python, "python", "", "the Python `INTERPRETER`, 3.8 or newer (default "+runtimes.DefaultInterpreter+")")
	flags.StringVar(&c.secrets, "secrets", "", "the `DIRECTORY` of secrets that plugins may read: NAME/SITE and NAME/default")
	flags.StringArrayVar(&c.configs, "config", nil, "a Collector's configuration `FILE`: its receiver says "+says+", and, "+
		"where no flag does, resources, secrets and interpreter; may be repeated")
	flags.StringVar(&c.receiver, "receiver", "", "with --config: the `ID` of the receiver, where there are several")
}

// read reads the receiver's part of the configuration, and lets it say what the command line does not.
func (c *collector) read(ctx context.Context) error {
	defer func() { c.python = cmp.Or(c.python, runtimes.DefaultInterpreter) }()
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
	receiver, id, err := config.Receiver(c.receiver)
	if err != nil {
		return exit.Misuse(err)
	}
	c.cfg = receiver
	if c.rules, err = c.cfg.Plugins.Rules(); err != nil {
		return exit.Misusef("receivers::%s: %w", id, err)
	}
	c.secrets = cmp.Or(c.secrets, c.cfg.Secrets.Directory)
	c.interpreter = c.python
	c.python = cmp.Or(c.python, c.cfg.Python.Interpreter)
	return c.openRedis(ctx, config)
}

// openRedis connects to the Redis that the receiver names, as the extension does.
func (c *collector) openRedis(ctx context.Context, config *collectorconfig.Config) error {
	id := c.cfg.Redis
	if id == nil {
		return nil
	}
	cfg, err := config.Decode(collectorconfig.Extensions, *id)
	switch {
	case err != nil:
		return exit.Misusef("extensions::%s: %w", id, err)
	case !config.Has(collectorconfig.Extensions, *id):
		return exit.Misusef("redis names the extension %q, which the configuration does not have", id)
	case id.Type() != collectorconfig.RedisType:
		return exit.Misusef("redis names the extension %q: name one of type %s", id, collectorconfig.RedisType)
	}
	c.redis, err = panoptesredisextension.NewFactory().Create(ctx, extension.Settings{ID: *id, TelemetrySettings: collectorconfig.Telemetry(zap.NewNop())}, cfg)
	if err != nil {
		return err
	}
	return c.redis.Start(ctx, collectorconfig.Host{})
}

// close ends the connections.
func (c *collector) close(ctx context.Context) error {
	if c.redis == nil {
		return nil
	}
	return c.redis.Shutdown(ctx)
}

// options are what a plugin file is opened with.
func (c *collector) options(file string) plugin.OpenOptions {
	if c.cfg == nil {
		return plugin.OpenOptions{}
	}
	o := c.cfg.Plugins.OpenOptions(file)
	if c.interpreter != "" {
		o.Python.Interpreter = c.interpreter
	}
	return o
}

// apply lets the receiver and the flags say what plugins see.
func (c *collector) apply(s *runtimes.Settings) {
	if c.cfg != nil {
		c.configure(s)
	}
	if c.secrets != "" {
		s.Host.Secrets = kv.NewSecrets(c.secrets)
	}
}

func (c *collector) configure(s *runtimes.Settings) {
	s.Python.Inherit, s.Host.SNMP = c.cfg.Python.Environment, c.cfg.Context.SNMP.DeviceSettings()
	sites := s.Host.Context.Sites
	s.Host.Context, s.Host.Hidden = c.cfg.PluginContext()
	if len(s.Host.Context.Sites) == 0 {
		s.Host.Context.Sites = sites
	}
	if shared, ok := c.redis.(hostapi.Shared); ok {
		// What the plugin stores is for this command alone: a Collector polls with the same keys.
		s.Host.KV = newOverlay(shared.Namespace(kv.PluginsNamespace))
		s.Host.Secrets = shared.Secrets()
	}
}

// targets reads the resources: those of the files, or without any all that the receiver of the configuration has.
func (c *collector) targets(ctx context.Context, files []string, stderr io.Writer) (all []*pluginsdk.Resource, bad int, err error) {
	if len(files) > 0 || c.cfg == nil {
		return input.Resources(ctx, files, stderr)
	}
	return c.resources(ctx, stderr)
}

// resources are those that the receiver has. bad is how many sources are broken.
func (c *collector) resources(ctx context.Context, stderr io.Writer) (all []*pluginsdk.Resource, bad int, err error) {
	logger := term.Logger(stderr, zapcore.WarnLevel)
	ctx, cancel := context.WithTimeout(ctx, collectorconfig.SourceLimit)
	defer cancel()
	all, sources, err := c.cfg.FindResources(ctx, panoptesreceiver.Finding{Host: collectorconfig.Host{}, Telemetry: collectorconfig.Telemetry(logger), Ask: true})
	for _, s := range sources {
		if s.Error != "" {
			bad++
		}
	}
	return all, bad, err
}
