package panoptesreceiver

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// TestPollingStatusStandsBesideMetrics: with the resource and the scope of the plugin's metrics, and only where it is wanted.
func TestPollingStatusStandsBesideMetrics(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.cfg.PollingStatus = true
	fails := make(chan bool, 1)
	fails <- false
	b.plugins["fans"] = pluginsdk.PollingPluginFunc(func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		failing := <-fails
		fails <- failing
		if failing {
			return nil, context.DeadlineExceeded
		}
		g := pc.NewGroups()
		g.Group("fans").Gauge("slow", 1)
		return g.Result()
	})
	b.write("plugins/fans.panoptes-plugin", conf("Fans Of A Device", "go:fans"))
	b.start()
	measured := b.until("fans", func(p point) bool { return p.metric == "fans.slow" })
	status := b.until("status", func(p point) bool { return p.metric == "polling.status" })
	assert.Equal(t, measured.attributes, status.attributes)
	assert.Equal(t, measured.scope, status.scope)
	assert.Equal(t, map[string]any{"plugin": "Fans Of A Device"}, status.dimensions)
	assert.Zero(t, status.value)
	<-fails
	fails <- true
	b.until("timeout", func(p point) bool { return p.metric == "polling.status" && p.value == 3 })
}

func TestPollingStatusIsOffByDefault(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.plugins["gauge"] = gauge(one)
	b.write("plugins/gauge.panoptes-plugin", conf("gauge", "go:gauge"))
	b.start()
	b.until("a second run", func(p point) bool {
		assert.NotContains(t, p.metric, "polling")
		return b.sum("panoptes_runs") > 1
	})
}
