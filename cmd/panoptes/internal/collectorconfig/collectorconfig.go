// Package collectorconfig reads the configuration of a Collector without starting one: its files and variables are
// resolved as a Collector resolves them, and the components of this project are decoded with their own factories.
package collectorconfig

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/pipeline"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/exporter/panoptesinfluxexporter"
	"github.com/panoptes-otel/panoptes-otel/exporter/panoptesjsonexporter"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesencodingextension"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesredisextension"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesstatusextension"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

// Kind is a section of the configuration that holds components.
type Kind string

// The sections.
const (
	Receivers  Kind = "receivers"
	Processors Kind = "processors"
	Exporters  Kind = "exporters"
	Connectors Kind = "connectors"
	Extensions Kind = "extensions"
)

// Kinds are all sections, in the order of a pipeline.
var Kinds = []Kind{Extensions, Receivers, Processors, Exporters, Connectors}

// Types of the components that Decode knows.
var (
	ReceiverType  = panoptesreceiver.NewFactory().Type()
	ProcessorType = panoptesrateprocessor.NewFactory().Type()
	ExporterType  = panoptesjsonexporter.NewFactory().Type()
	InfluxType    = panoptesinfluxexporter.NewFactory().Type()
	StatusType    = panoptesstatusextension.NewFactory().Type()
	EncodingType  = panoptesencodingextension.NewFactory().Type()
	RedisType     = panoptesredisextension.NewFactory().Type()
	ShardsType    = panoptesshardsextension.NewFactory().Type()
)

// Pipeline is what a pipeline is made of.
type Pipeline struct {
	Receivers  []component.ID `mapstructure:"receivers"`
	Processors []component.ID `mapstructure:"processors"`
	Exporters  []component.ID `mapstructure:"exporters"`
}

// Config is a Collector's configuration.
type Config struct {
	// Extensions are those that are enabled.
	Extensions []component.ID
	// Pipelines by their id.
	Pipelines map[pipeline.ID]Pipeline

	components map[Kind]map[component.ID]*confmap.Conf
}

// Load resolves and merges configurations, given as a Collector takes them: files, or URIs such as "yaml:...". Nothing
// is asked of the network.
func Load(ctx context.Context, uris []string) (*Config, error) {
	resolver, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs: uris,
		ProviderFactories: []confmap.ProviderFactory{
			confmap.NewProviderFactory(newFiles), envprovider.NewFactory(), yamlprovider.NewFactory(),
		},
		DefaultScheme: "env",
	})
	if err != nil {
		return nil, err
	}
	conf, err := resolver.Resolve(ctx)
	if err = errors.Join(err, resolver.Shutdown(ctx)); err != nil {
		return nil, err
	}
	return read(conf)
}

// files is the Collector's provider of files with the bounds of input.ReadFile: a device has no end, and nobody may write to a
// pipe.
type files struct{ confmap.Provider }

func newFiles(settings confmap.ProviderSettings) confmap.Provider {
	return files{fileprovider.NewFactory().Create(settings)}
}

// Retrieve reads the file behind the scheme of uri.
func (f files) Retrieve(ctx context.Context, uri string, _ confmap.WatcherFunc) (*confmap.Retrieved, error) {
	text, err := input.ReadFile(ctx, filepath.Clean(strings.TrimPrefix(uri, f.Scheme()+":")))
	if err != nil {
		return nil, err
	}
	return confmap.NewRetrievedFromYAML(text)
}

func read(conf *confmap.Conf) (*Config, error) {
	c := &Config{components: map[Kind]map[component.ID]*confmap.Conf{}}
	var errs []error
	for _, kind := range Kinds {
		c.components[kind] = map[component.ID]*confmap.Conf{}
		section, err := conf.Sub(string(kind))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", kind, err))
			continue
		}
		for name := range section.ToStringMap() {
			var id component.ID
			if err := id.UnmarshalText([]byte(name)); err != nil {
				errs = append(errs, fmt.Errorf("%s::%s: %w", kind, name, err))
				continue
			}
			body, err := section.Sub(name)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s::%s: %w", kind, name, err))
				continue
			}
			c.components[kind][id] = body
		}
	}
	errs = append(errs, c.readService(conf))
	return c, errors.Join(errs...)
}

func (c *Config) readService(conf *confmap.Conf) error {
	service, err := conf.Sub("service")
	if err != nil {
		return fmt.Errorf("service: %w", err)
	}
	var s struct {
		Extensions []component.ID           `mapstructure:"extensions"`
		Pipelines  map[pipeline.ID]Pipeline `mapstructure:"pipelines"`
		Telemetry  map[string]any           `mapstructure:"telemetry"`
	}
	if err := service.Unmarshal(&s); err != nil {
		return fmt.Errorf("service: %w", err)
	}
	c.Extensions, c.Pipelines = s.Extensions, s.Pipelines
	return nil
}

// IDs are the components of a section, in order.
func (c *Config) IDs(kind Kind) []component.ID {
	var ids []component.ID
	for id := range c.components[kind] {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b component.ID) int { return strings.Compare(a.String(), b.String()) })
	return ids
}

// Has says whether a section has a component.
func (c *Config) Has(kind Kind, id component.ID) bool {
	_, ok := c.components[kind][id]
	return ok
}

// Raw is a component's part of the configuration as it was written.
func (c *Config) Raw(kind Kind, id component.ID) map[string]any {
	if conf := c.components[kind][id]; conf != nil {
		return conf.ToStringMap()
	}
	return nil
}

// factories make the default configurations of this project's components.
func factories() map[Kind]map[component.Type]component.Factory {
	return map[Kind]map[component.Type]component.Factory{
		Receivers:  {ReceiverType: panoptesreceiver.NewFactory()},
		Processors: {ProcessorType: panoptesrateprocessor.NewFactory()},
		Exporters:  {ExporterType: panoptesjsonexporter.NewFactory(), InfluxType: panoptesinfluxexporter.NewFactory()},
		Extensions: {
			EncodingType: panoptesencodingextension.NewFactory(), StatusType: panoptesstatusextension.NewFactory(),
			ShardsType: panoptesshardsextension.NewFactory(), RedisType: panoptesredisextension.NewFactory(),
		},
	}
}

// Decode returns the configuration of one of this project's components, or nil for any other. The error tells all that
// is wrong with it.
func (c *Config) Decode(kind Kind, id component.ID) (component.Config, error) {
	factory, ok := factories()[kind][id.Type()]
	if !ok {
		return nil, nil
	}
	cfg := factory.CreateDefaultConfig()
	if conf := c.components[kind][id]; conf != nil {
		if err := conf.Unmarshal(cfg); err != nil {
			return nil, err
		}
	}
	return cfg, confmap.Validate(cfg)
}
