package panoptesshardsextension

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/kafkatest"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/metadatatest"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
)

// watched is a host that notes the component's status.
type watched struct {
	component.Host
	mu     sync.Mutex
	status componentstatus.Status
}

func (w *watched) Report(e *componentstatus.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status = e.Status()
}

func (w *watched) now() componentstatus.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status
}

// grouped starts a member of a group.
func grouped(t *testing.T, set component.TelemetrySettings, change func(*GroupConfig)) (*shardsExtension, *watched) {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Shards = 16
	g := *cfg.Group.GetOrInsertDefault()
	g.SessionTimeout, g.RebalanceTimeout, g.HeartbeatInterval, g.Drain = 2*time.Second, 2*time.Second, 50*time.Millisecond, time.Second/2
	change(&g)
	cfg.Group = configoptional.Some(g)
	e, err := newExtension(extension.Settings{ID: component.NewID(metadata.Type), TelemetrySettings: set}, cfg)
	require.NoError(t, err)
	e.options.reader = []kgo.Opt{kafkatest.Reader()}
	host := &watched{Host: componenttest.NewNopHost()}
	require.NoError(t, e.Start(t.Context(), host))
	t.Cleanup(func() { assert.NoError(t, e.Shutdown(context.Background())) })
	return e, host
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 30*time.Second, 5*time.Millisecond, what)
}

func TestGroup(t *testing.T) {
	cluster := kafkatest.Start(t, kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second))
	kafkatest.StampRecords(cluster)
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { assert.NoError(t, tel.Shutdown(context.Background())) })
	at := func(g *GroupConfig) { g.Client.Brokers = cluster.ListenAddrs() }
	a, host := grouped(t, tel.NewTelemetrySettings(), at)
	var mu sync.Mutex
	has := map[int]bool{}
	leave, err := a.Join(shard.Part{
		Name: "processor/x",
		Import: func(taken shard.Taken) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			has[taken.Shard] = true
			return 0, nil
		},
		Export: func(shards []int, write func(int, []byte, int)) error {
			for _, s := range shards {
				write(s, []byte{1}, 10)
			}
			return nil
		},
		Drop: func(shards []int) {
			mu.Lock()
			defer mu.Unlock()
			for _, s := range shards {
				delete(has, s)
			}
		},
	})
	require.NoError(t, err)
	assert.Zero(t, a.member.Owned())
	require.NoError(t, a.Ready())
	eventually(t, "all are owned", func() bool { return a.member.Owned() == 16 })
	eventually(t, "the status is good", func() bool { s := host.now(); return s == componentstatus.StatusOK || s == componentstatus.StatusNone })

	b, _ := grouped(t, componenttest.NewNopTelemetrySettings(), at)
	require.NoError(t, b.Ready())
	eventually(t, "both own half", func() bool { return a.member.Owned() == 8 && b.member.Owned() == 8 })
	for s := range a.Count() {
		_, mine := a.Owns(s)
		_, theirs := b.Owns(s)
		assert.NotEqual(t, mine, theirs, "shard %d", s)
		mu.Lock()
		assert.Equal(t, mine, has[s], "shard %d", s)
		mu.Unlock()
	}
	ofGroup := attribute.NewSet(attribute.String("group", "panoptes-shards"))
	metadatatest.AssertEqualPanoptesShardsOwned(t, tel, []metricdata.DataPoint[int64]{{Value: 8, Attributes: ofGroup}}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualPanoptesShards(t, tel, []metricdata.DataPoint[int64]{{Value: 16, Attributes: ofGroup}}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualPanoptesShardsMoved(t, tel, []metricdata.DataPoint[int64]{
		{Value: 16, Attributes: attribute.NewSet(attribute.String("reason", "taken"))},
		{Value: 8, Attributes: attribute.NewSet(attribute.String("reason", "given"))},
	}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualPanoptesShardsHandoverItems(t, tel, []metricdata.DataPoint[int64]{
		{Value: 80, Attributes: attribute.NewSet(attribute.String("direction", "given"))},
	}, metricdatatest.IgnoreTimestamp())
	leased, err := tel.GetMetric("otelcol_panoptes_shards_lease")
	require.NoError(t, err)
	left := leased.Data.(metricdata.Gauge[float64]).DataPoints[0].Value
	assert.InDelta(t, 1, left, 0.7)

	require.NoError(t, b.NotReady())
	eventually(t, "one owns all again", func() bool { return a.member.Owned() == 16 })
	cluster.Close()
	eventually(t, "the status is an error", func() bool { return host.now() == componentstatus.StatusRecoverableError })
	assert.Zero(t, a.member.Owned())
	leave()
}

func TestShutdownWithoutStart(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	e, err := newExtension(extension.Settings{ID: component.NewID(metadata.Type), TelemetrySettings: componenttest.NewNopTelemetrySettings()}, cfg)
	require.NoError(t, err)
	require.NoError(t, e.NotReady())
	require.NoError(t, e.Shutdown(context.Background()))
	require.NoError(t, e.Shutdown(context.Background()))
}
