package panoptesrateprocessor

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/metadatatest"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

func TestPluginsAreBounded(t *testing.T) {
	t.Parallel()
	ps := newPlugins()
	assert.Equal(t, otherPlugin, ps.get("panoptes/x", strings.Repeat("x", maxPluginName+1)).name)
	for i := range 2 * maxPlugins {
		want := fmt.Sprint(i)
		if i >= maxPlugins {
			want = otherPlugin
		}
		require.Equal(t, want, ps.get(fmt.Sprint("panoptes/", i), fmt.Sprint(i)).name)
	}
	assert.Len(t, ps.known, maxPlugins)
	assert.Equal(t, "7", ps.get("panoptes/7", "7").name)

	ps = newPlugins()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range maxPlugins {
				ps.get(fmt.Sprint(i), "p")
			}
		})
	}
	wg.Wait()
	assert.Len(t, ps.known, maxPlugins)
}

// The name is the one that the receiver's own metrics have, so that both stand in one panel.
func TestPluginName(t *testing.T) {
	t.Parallel()
	for scope, want := range map[[2]string]string{
		{"", ""}:                            "unknown",
		{"panoptes/", ""}:                   "unknown",
		{"some/scraper", ""}:                "some/scraper",
		{"panoptes/ports", ""}:              "ports",
		{"panoptes/TCP_check", "TCP check"}: "TCP check",
		{"panoptes/TCP_check", ""}:          "TCP_check",
	} {
		in := pcommon.NewInstrumentationScope()
		in.SetName(scope[0])
		if scope[1] != "" {
			in.Attributes().PutStr(attrs.PluginName, scope[1])
		}
		assert.Equal(t, want, pluginName(in))
	}
}

// TestSkippedByPlugin: several plugins in one batch.
func TestSkippedByPlugin(t *testing.T) {
	t.Parallel()
	o := newObserved(t, nil)
	b := pdata.NewBuilder(pdata.Options{})
	for i := range 3 * talliesSearched {
		g := groupOf(t, "interface", 0, map[string]string{"i": fmt.Sprint(i)}, number{"octets": pluginsdk.Int(1)})
		g.Resource = testResource()
		g.Resource.ID = fmt.Sprint(i)
		b.Add(pdata.Scope{Plugin: fmt.Sprint("p", i%(talliesSearched+2)), Transforms: octets}, g)
	}
	process(t, o.rateProcessor, b.Take())
	var want []metricdata.DataPoint[int64]
	for i := range talliesSearched + 2 {
		n := int64(2)
		if i < 3*talliesSearched-2*(talliesSearched+2) {
			n = 3
		}
		want = append(want, metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(
			attribute.String("plugin", fmt.Sprint("p", i)), attribute.String("reason", "first"))})
	}
	metadatatest.AssertEqualPanoptesRatesSkipped(t, o.tel, want, metricdatatest.IgnoreTimestamp())
}

// TestEvictedIsAReason: a series that max_series cost its state has no rate for that reason, not because it is new.
func TestEvictedIsAReason(t *testing.T) {
	t.Parallel()
	// No more than one series is forgotten at a time: of two, one could take the other's place in the memory for them.
	o := newObserved(t, &Config{MaxSeries: 1})
	for round := range 3 {
		for i := range 2 {
			process(t, o.rateProcessor, build(octets, groupOf(t, "interface", float64(60*round),
				map[string]string{"ifname": fmt.Sprint(i)}, number{"octets": pluginsdk.Int(1)})))
		}
	}
	o.assertSkipped(t, map[string]int64{"first": 2, "evicted": 4})
	metadatatest.AssertEqualPanoptesRateSeriesEvicted(t, o.tel, count(5), metricdatatest.IgnoreTimestamp())
}

func TestDebugLog(t *testing.T) {
	t.Parallel()
	core, written := observer.New(zap.DebugLevel)
	settings := componenttest.NewNopTelemetrySettings()
	settings.Logger = zap.New(core)
	p, _ := newTestProcessor(t, settings, nil)
	now := time.Unix(1_700_000_000, 0)
	p.debugLines = logs.NewPerMinute(func() time.Time { return now })
	send := func(n int) {
		var groups []*pluginsdk.MetricsGroup
		for i := range n {
			groups = append(groups, groupOf(t, "interface", 0, map[string]string{"ifname": fmt.Sprint(i)}, number{"octets": pluginsdk.Int(1)}))
		}
		process(t, p, build(octets, groups...))
	}
	send(1)
	require.Equal(t, 1, written.Len())
	fields := written.All()[0].ContextMap()
	assert.Equal(t, "first", fields["reason"])
	assert.Equal(t, "test_plugin", fields["plugin"])
	assert.Equal(t, "interface.octets", fields["metric"])
	assert.Equal(t, map[string]any{"ifname": "0"}, fields["attributes"])
	assert.Equal(t, "sw1", fields["resource"].(map[string]any)["panoptes.resource.id"])
	assert.Equal(t, int64(0), fields["not_logged"])

	send(100)
	logged := written.Len()
	require.Less(t, logged, 101, "no line per point")
	now = now.Add(time.Minute)
	send(1)
	require.Equal(t, logged+1, written.Len())
	assert.Equal(t, "duplicate", written.All()[logged].ContextMap()["reason"])
	assert.EqualValues(t, 101-logged, written.All()[logged].ContextMap()["not_logged"])
}

// TestSparsePoints runs hours of a plugin of 60 s, of which the processor sees some points.
func TestSparsePoints(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		seen   func(run int) bool
		warned bool
	}{
		"all of them":       {func(int) bool { return true }, false},
		"the half":          {func(run int) bool { return run%2 == 0 }, true},
		"one of five":       {func(run int) bool { return run%5 == 0 }, true},
		"two of three":      {func(run int) bool { return run%3 != 0 }, false},
		"a pause":           {func(run int) bool { return run < 100 || run > 130 }, false},
		"a few":             {func(run int) bool { return run*run%7 == 1 }, true},
		"one that is alone": {func(run int) bool { return run == 0 || run == 30 }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newObserved(t, nil)
				require.NoError(t, o.Start(t.Context(), componenttest.NewNopHost())) // what expires is swept
				for run := range 240 {
					if tt.seen(run) {
						process(t, o.rateProcessor, octetsGroup(t, float64(60*run), pluginsdk.Int(int64(run))))
					}
					<-time.After(time.Minute) // of the bubble's own clock
				}
				got, err := o.tel.GetMetric("otelcol_panoptes_rate_sparse_points")
				if !tt.warned {
					require.Error(t, err, "there is no such metric yet")
					assert.Zero(t, o.logs.Len())
					return
				}
				require.NoError(t, err)
				point := got.Data.(metricdata.Sum[int64]).DataPoints[0]
				assert.Equal(t, attribute.NewSet(attribute.String("plugin", "test_plugin")), point.Attributes)
				assert.GreaterOrEqual(t, point.Value, int64(15))
				require.NotZero(t, o.logs.Len())
				require.LessOrEqual(t, o.logs.Len(), 240/60, "once an hour")
				assert.Contains(t, o.logs.All()[0].Message, "run it beside the receiver")
			})
		})
	}
}

// TestNoIntervalIsNoWarning: nobody knows how often other metrics should come.
func TestNoIntervalIsNoWarning(t *testing.T) {
	t.Parallel()
	for interval, want := range map[int64]gaps{0: {}, 60: {all: 9, wide: 9}} {
		o := newObserved(t, configOf(Transform{Metrics: []string{"x"}, MaxGap: time.Hour}))
		for i := range 10 {
			md := sums(float64(299*i), 1, "x")
			if interval > 0 {
				md.ResourceMetrics().At(0).ScopeMetrics().At(0).Scope().Attributes().PutInt(attrs.GroupInterval, interval)
			}
			process(t, o.rateProcessor, md)
		}
		assert.Equal(t, want, o.plugins.get("some/scraper", "some/scraper").gaps, "interval %d", interval)
	}
}

func TestGapsOfAPlugin(t *testing.T) {
	t.Parallel()
	p := newPlugin("x")
	const window = ratestate.Time(gapsWindow)
	for i, tt := range []struct {
		gaps
		now  ratestate.Time
		want int64
	}{
		{gaps{10, 10}, 100, 0},
		{gaps{10, 1}, 99 + window, 0},
		{gaps{0, 0}, 101 + window, 0},
		{gaps{1, 0}, 101 + window, 21},
		{gaps{10, 5}, 102 + window, 0}, // a new window
		{gaps{10, 5}, 102 + 2*window, 0},
		{gaps{4, 4}, 103 + 2*window, 0},
		{gaps{0, 0}, 103 + 3*window, 0},
		{gaps{1, 1}, 102 + 3*window, 0}, // a clock that stands, or goes back
		{gaps{1, 1}, 103 + 3*window, 6},
	} {
		assert.Equal(t, tt.want, p.note(tt.gaps, tt.now), "%d", i)
	}
	var tl tally
	tl.noteApart(90_000, 180_000)
	assert.Equal(t, gaps{1, 0}, tl.gaps)
	tl.noteApart(90_001, 180_000)
	assert.Equal(t, gaps{2, 1}, tl.gaps)
}

// TestResourcesGoInParallel: a batch passes while another one is held up further down.
func TestResourcesGoInParallel(t *testing.T) {
	t.Parallel()
	held, release := make(chan struct{}), make(chan struct{})
	next, err := consumer.NewMetrics(func(_ context.Context, md pmetric.Metrics) error {
		if id, _ := md.ResourceMetrics().At(0).Resource().Attributes().Get("panoptes.resource.id"); id.Str() == "slow" {
			close(held)
			<-release
		}
		return nil
	})
	require.NoError(t, err)
	p, err := newRateProcessor(componenttest.NewNopTelemetrySettings(), createDefaultConfig().(*Config), next)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Shutdown(context.WithoutCancel(t.Context()))) })
	batch := func(id string) pmetric.Metrics {
		g := groupOf(t, "interface", 0, nil, number{"octets": pluginsdk.Int(1)})
		g.Resource = testResource()
		g.Resource.ID = id
		return build(octets, g)
	}
	slow := batch("slow")
	done := make(chan error)
	go func() { done <- p.ConsumeMetrics(context.WithoutCancel(t.Context()), slow) }()
	<-held
	require.NoError(t, p.ConsumeMetrics(t.Context(), batch("fast")))
	close(release)
	require.NoError(t, <-done)
}
