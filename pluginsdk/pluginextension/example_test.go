package pluginextension_test

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk/pluginextension"
)

// NewFactory is all that a package of plugins exports; the builder config names the package.
func NewFactory() extension.Factory {
	return pluginextension.NewFactory(component.MustNewType("acme_plugins"), map[string]pluginsdk.PollingPlugin{
		"door": pluginsdk.PollingPluginFunc(runDoor),
	})
}

// runDoor is a plugin: it looks at one resource and answers with metrics groups.
func runDoor(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
	group, err := pc.NewMetricsGroup("door")
	if err != nil {
		return nil, err
	}
	if err := group.AddGauge("open", 1); err != nil {
		return nil, err
	}
	return pluginsdk.NewMetricsGroupSet(group), nil
}

// A whole package of Go plugins for the Collector, and what the Collector does with it.
func Example() {
	factory := NewFactory()
	settings := extensiontest.NewNopSettings(factory.Type())
	ext, err := factory.Create(context.Background(), settings, factory.CreateDefaultConfig())
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := ext.Start(context.Background(), componenttest.NewNopHost()); err != nil {
		fmt.Println(err)
		return
	}
	plugins, err := pluginextension.Collect(map[component.ID]component.Component{settings.ID: ext})
	fmt.Println(slices.Sorted(maps.Keys(plugins)), err)
	fmt.Println(ext.Shutdown(context.Background()))
	// Output:
	// [door] <nil>
	// <nil>
}
