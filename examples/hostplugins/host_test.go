package hostplugins

import (
	"testing"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk/plugintest"
)

// TestRun runs the plugin once, as a receiver would, on the machine at hand.
func TestRun(t *testing.T) {
	t.Parallel()
	found := map[string]*pluginsdk.MetricsGroup{}
	for _, g := range plugintest.Run(t, pluginsdk.PollingPluginFunc(Run)) {
		found[g.Type] = g
	}
	memory := found["host_memory"]
	if memory == nil || len(memory.Metrics()) != 3 {
		t.Fatalf("no memory in %v", found)
	}
	if network := found["host_network"]; network != nil {
		if name, ok := network.Dimension("interface"); !ok || name == "" {
			t.Errorf("an interface without a name: %v", network.Dimensions())
		}
	}
}

func TestFactory(t *testing.T) {
	t.Parallel()
	if got := NewFactory().Type().String(); got != "host_plugins" {
		t.Errorf("type %q, the README and the quickstart say host_plugins", got)
	}
}
