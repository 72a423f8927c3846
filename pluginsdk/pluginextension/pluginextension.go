package pluginextension

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Provider is what the receiver looks for among the extensions of the Collector. An extension that has it offers Go
// plugins to every receiver panoptes of that Collector.
type Provider interface {
	// PollingPlugins returns the plugins by the name that plugin files use after "go:". It is called once by each
	// receiver when it starts, possibly from several goroutines; the map is read only.
	PollingPlugins() map[string]pluginsdk.PollingPlugin
}

// Option changes what NewFactory makes.
type Option func(*options)

type options struct {
	stability component.StabilityLevel
}

// WithStability says how stable the plugins are; the Collector logs it at start. Without it: development.
func WithStability(level component.StabilityLevel) Option {
	return func(o *options) { o.stability = level }
}

// NewFactory returns the factory of an extension of the given type that offers these plugins. The extension has no
// settings: an empty block, or none, is its configuration. A name that no plugin file can mean and a nil plugin are
// errors when the Collector starts. The map is copied.
func NewFactory(typ component.Type, plugins map[string]pluginsdk.PollingPlugin, opts ...Option) extension.Factory {
	o := options{stability: component.StabilityLevelDevelopment}
	for _, opt := range opts {
		opt(&o)
	}
	plugins = maps.Clone(plugins)
	return extension.NewFactory(typ,
		func() component.Config { return &struct{}{} },
		func(context.Context, extension.Settings, component.Config) (extension.Extension, error) {
			if err := check(plugins); err != nil {
				return nil, err
			}
			return &provider{plugins: plugins}, nil
		},
		o.stability)
}

func check(plugins map[string]pluginsdk.PollingPlugin) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(plugins)) {
		switch {
		case name == "" || strings.TrimSpace(name) != name || strings.ContainsAny(name, "\r\n"):
			errs = append(errs, fmt.Errorf("plugin name %q must be one line without spaces at its ends, and not empty: plugin files name it as Module = go:NAME", name))
		case plugins[name] == nil:
			errs = append(errs, fmt.Errorf("plugin %q is nil", name))
		}
	}
	return errors.Join(errs...)
}

// provider is an extension that does nothing but hold plugins.
type provider struct {
	component.StartFunc
	component.ShutdownFunc
	plugins map[string]pluginsdk.PollingPlugin
}

// PollingPlugins implements Provider.
func (p *provider) PollingPlugins() map[string]pluginsdk.PollingPlugin { return p.plugins }

// Collect returns the plugins that the extensions of a host offer, by name. A name that two extensions offer is an
// error that names both, since nobody could say which one a plugin file means.
func Collect(extensions map[component.ID]component.Component) (map[string]pluginsdk.PollingPlugin, error) {
	ids := slices.SortedFunc(maps.Keys(extensions), func(a, b component.ID) int { return strings.Compare(a.String(), b.String()) })
	plugins := map[string]pluginsdk.PollingPlugin{}
	from := map[string]component.ID{}
	var errs []error
	for _, id := range ids {
		p, ok := extensions[id].(Provider)
		if !ok {
			continue
		}
		offered := p.PollingPlugins()
		for _, name := range slices.Sorted(maps.Keys(offered)) {
			if first, taken := from[name]; taken {
				errs = append(errs, fmt.Errorf("extensions %q and %q both offer the Go plugin %q: take one of them out of service.extensions, or rename the plugin", first, id, name))
				continue
			}
			from[name], plugins[name] = id, offered[name]
		}
	}
	return plugins, errors.Join(errs...)
}
