package pluginextension_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk/pluginextension"
)

var plugin = pluginsdk.PollingPluginFunc(runDoor)

func create(t *testing.T, typ string, plugins map[string]pluginsdk.PollingPlugin) (component.Component, error) {
	t.Helper()
	f := pluginextension.NewFactory(component.MustNewType(typ), plugins)
	return f.Create(context.Background(), extensiontest.NewNopSettings(f.Type()), f.CreateDefaultConfig())
}

func TestFactory(t *testing.T) {
	t.Parallel()
	f := pluginextension.NewFactory(component.MustNewType("acme"), nil, pluginextension.WithStability(component.StabilityLevelBeta))
	assert.Equal(t, component.StabilityLevelBeta, f.Stability())
	require.NoError(t, componenttest.CheckConfigStruct(f.CreateDefaultConfig()))
	err := confmap.NewFromStringMap(map[string]any{"colour": "red"}).Unmarshal(f.CreateDefaultConfig())
	assert.ErrorContains(t, err, "colour", "an extension without settings refuses any")
}

func TestFactoryCopiesThePlugins(t *testing.T) {
	t.Parallel()
	plugins := map[string]pluginsdk.PollingPlugin{"door": plugin}
	ext, err := create(t, "acme", plugins)
	require.NoError(t, err)
	plugins["window"] = plugin
	assert.Len(t, ext.(pluginextension.Provider).PollingPlugins(), 1)
}

func TestFactoryRefuses(t *testing.T) {
	t.Parallel()
	_, err := create(t, "acme", map[string]pluginsdk.PollingPlugin{" door": plugin, "": plugin, "window": nil, "ok": plugin})
	require.EqualError(t, err, `plugin name "" must be one line without spaces at its ends, and not empty: plugin files name it as Module = go:NAME
plugin name " door" must be one line without spaces at its ends, and not empty: plugin files name it as Module = go:NAME
plugin "window" is nil`)
}

func TestCollect(t *testing.T) {
	t.Parallel()
	one, err := create(t, "one", map[string]pluginsdk.PollingPlugin{"door": plugin, "lift": plugin})
	require.NoError(t, err)
	two, err := create(t, "two", map[string]pluginsdk.PollingPlugin{"door": plugin, "roof": plugin})
	require.NoError(t, err)
	nop := componenttest.NewNopHost
	for _, ext := range []component.Component{one, two} {
		require.NoError(t, ext.Start(context.Background(), nop()))
		require.NoError(t, ext.Shutdown(context.Background()))
	}

	got, err := pluginextension.Collect(map[component.ID]component.Component{
		component.MustNewID("one"): one,
		component.MustNewID("two"): two,
		component.MustNewID("zzz"): struct{ component.Component }{},
	})
	assert.Len(t, got, 3, "the first by id keeps the name")
	require.EqualError(t, err, `extensions "one" and "two" both offer the Go plugin "door": take one of them out of service.extensions, or rename the plugin`)
}
