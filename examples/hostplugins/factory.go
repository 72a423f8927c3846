package hostplugins

import (
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk/pluginextension"
)

// NewFactory returns the factory of the extension host_plugins, which offers the Go plugin "host".
func NewFactory() extension.Factory {
	return pluginextension.NewFactory(component.MustNewType("host_plugins"), map[string]pluginsdk.PollingPlugin{
		"host": pluginsdk.PollingPluginFunc(Run),
	})
}
