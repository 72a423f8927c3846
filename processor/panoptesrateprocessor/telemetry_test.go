package panoptesrateprocessor

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/metadatatest"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// observed is a processor whose telemetry and log can be read.
type observed struct {
	*rateProcessor
	tel  *componenttest.Telemetry
	logs *observer.ObservedLogs
}

func newObserved(t *testing.T, cfg *Config) observed {
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.WithoutCancel(t.Context()))) })
	core, logs := observer.New(zap.WarnLevel)
	settings := tel.NewTelemetrySettings()
	settings.Logger = zap.New(core)
	p, _ := newTestProcessor(t, settings, cfg)
	return observed{p, tel, logs}
}

func (o *observed) assertSkipped(t *testing.T, want map[string]int64) {
	t.Helper()
	o.assertSkippedOf(t, "test_plugin", want)
}

func (o *observed) assertSkippedOf(t *testing.T, plugin string, want map[string]int64) {
	t.Helper()
	var points []metricdata.DataPoint[int64]
	for reason, n := range want {
		points = append(points, metricdata.DataPoint[int64]{
			Value: n, Attributes: attribute.NewSet(attribute.String("plugin", plugin), attribute.String("reason", reason)),
		})
	}
	metadatatest.AssertEqualPanoptesRatesSkipped(t, o.tel, points, metricdatatest.IgnoreTimestamp())
}

func count(n int64) []metricdata.DataPoint[int64] { return []metricdata.DataPoint[int64]{{Value: n}} }

func octetsGroup(t *testing.T, seconds float64, value pluginsdk.Number) pmetric.Metrics {
	return build(octets, groupOf(t, "interface", seconds, nil, number{"octets": value}))
}

func TestTelemetry(t *testing.T) {
	t.Parallel()
	o := newObserved(t, nil)
	for _, in := range []struct {
		seconds float64
		value   int64
	}{
		{0, 100},  // first
		{60, 200}, // rate
		{60, 200}, // the same again
		{60, 300}, // duplicate
		{30, 250}, // out_of_order
		{120, 10}, // reset
		{180, 20}, // rate
		{400, 30}, // gap
		{460, 40}, // rate
	} {
		process(t, o.rateProcessor, octetsGroup(t, in.seconds, pluginsdk.Int(in.value)))
	}
	for _, value := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		md := octetsGroup(t, 520, pluginsdk.Int(0))
		counterPoint(md).SetDoubleValue(value)
		process(t, o.rateProcessor, md)
	}
	md := octetsGroup(t, 520, pluginsdk.Int(0))
	counterPoint(md).SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	process(t, o.rateProcessor, md)
	md = octetsGroup(t, 520, pluginsdk.Int(0))
	md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().AppendEmpty() // has no value at all
	counterPoint(md).SetIntValue(50)
	out := process(t, o.rateProcessor, md)
	assert.Equal(t, 2, out.MetricCount(), "what was no number left the state alone")

	metadatatest.AssertEqualPanoptesRatesProduced(t, o.tel, count(5), metricdatatest.IgnoreTimestamp())
	o.assertSkipped(t, map[string]int64{
		"first": 1, "duplicate": 1, "out_of_order": 1, "reset": 1, "gap": 1, "not_a_number": 5,
	})
	metadatatest.AssertEqualPanoptesRateSeries(t, o.tel, count(1), metricdatatest.IgnoreTimestamp())
	assert.Zero(t, o.logs.Len(), "none of this is worth a log line")
}

func counterPoint(md pmetric.Metrics) pmetric.NumberDataPoint {
	return md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().At(0)
}

func TestMaxSeries(t *testing.T) {
	t.Parallel()
	o := newObserved(t, &Config{MaxSeries: 2})
	send := func(seconds float64, name string) (hasRate bool) {
		md := build(octets, groupOf(t, "interface", seconds, map[string]string{"ifname": name}, number{"octets": pluginsdk.Int(1)}))
		_, hasRate = rateOf(groupsOf(t, process(t, o.rateProcessor, md))[0], "octets")
		return hasRate
	}
	for _, name := range []string{"a", "b", "c"} { // c instead of a
		assert.False(t, send(0, name), name)
	}
	assert.True(t, send(60, "b"))
	assert.True(t, send(60, "c"))
	assert.False(t, send(60, "a")) // instead of b
	assert.True(t, send(120, "c"))
	metadatatest.AssertEqualPanoptesRateSeries(t, o.tel, count(2), metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualPanoptesRateSeriesEvicted(t, o.tel, count(2), metricdatatest.IgnoreTimestamp())
}

func TestBadTransforms(t *testing.T) {
	t.Parallel()
	o := newObserved(t, nil)
	text := "a = rate:interface\nb = RATE:interface:octets\n" + octets + "\nnonsense"
	send := func(seconds float64, text string) *pluginsdk.MetricsGroup {
		md := build(text, groupOf(t, "interface", seconds, nil, number{"octets": pluginsdk.Int(int64(seconds))}))
		return groupsOf(t, process(t, o.rateProcessor, md))[0]
	}
	send(0, text)
	rate, ok := rateOf(send(60, text), "octets")
	assert.True(t, ok, "the good line holds")
	assert.Equal(t, 1.0, rate)
	o.assertSkipped(t, map[string]int64{"bad_transform": 6, "first": 1})
	require.Equal(t, 1, o.logs.Len(), "once for each text")
	entry := o.logs.All()[0]
	assert.Equal(t, zap.ErrorLevel, entry.Level)
	assert.Equal(t, "test_plugin", entry.ContextMap()["plugin"])
	assert.Len(t, entry.ContextMap()["errors"], 3)
	assert.Contains(t, fmt.Sprint(entry.ContextMap()["errors"]), `transform "b" = " RATE:interface:octets"`)

	send(120, text+"\nmore nonsense")
	assert.Equal(t, 2, o.logs.Len(), "another text is another matter")

	send(180, strings.Repeat("a = rate:interface:octets\n", 1+maxText/26))
	require.Equal(t, 3, o.logs.Len())
	assert.Contains(t, fmt.Sprint(o.logs.All()[2].ContextMap()["errors"]), "limit is 65536")
}

func TestCollision(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		transforms string
		metrics    number
		change     func(pmetric.MetricSlice)
		rates      int
		skipped    map[string]int64
		logged     int
	}{
		"gauge of the same name": {
			metrics: number{"octets": pluginsdk.Int(1), "octets!": pluginsdk.Int(2)},
			skipped: map[string]int64{"collision": 2},
			logged:  1,
		},
		"the listed metric is a gauge": {
			metrics: number{"octets!": pluginsdk.Int(2)},
			skipped: map[string]int64{"collision": 2},
			logged:  1,
		},
		"there is a rate already": {
			metrics: number{"octets": pluginsdk.Int(1)},
			change: func(m pmetric.MetricSlice) {
				rate := m.AppendEmpty()
				rate.SetName("interface.octets.rate")
				rate.SetEmptyGauge().DataPoints().AppendEmpty().SetDoubleValue(5)
			},
			skipped: map[string]int64{"collision": 2},
			logged:  1,
		},
		"sum that is no counter": {
			metrics: number{"octets": pluginsdk.Int(1)},
			change: func(m pmetric.MetricSlice) {
				m.At(0).CopyTo(m.AppendEmpty())
				m.At(1).Sum().SetIsMonotonic(false)
			},
			skipped: map[string]int64{"collision": 2},
			logged:  1,
		},
		"gauge of another group": {
			metrics: number{"octets": pluginsdk.Int(1)},
			change: func(m pmetric.MetricSlice) {
				gauge := m.AppendEmpty()
				gauge.SetName("interface.octets")
				gauge.SetEmptyGauge().DataPoints().AppendEmpty().Attributes().PutStr("ifname", "other")
			},
			rates:   1,
			skipped: map[string]int64{"collision": 2, "first": 1},
			logged:  1,
		},
		"other names": {
			metrics: number{"octets": pluginsdk.Int(1), "load!": pluginsdk.Int(2)},
			change: func(m pmetric.MetricSlice) {
				for _, name := range []string{"interface.load.rate", "octets.rate", "interface.octets_rate", ".rate"} {
					gauge := m.AppendEmpty()
					gauge.SetName(name)
					gauge.SetEmptyGauge().DataPoints().AppendEmpty()
				}
			},
			rates:   1,
			skipped: map[string]int64{"first": 1},
		},
		"an extra group has room for the rate": {
			transforms: "interface = rate:other:octets",
			metrics:    number{"octets": pluginsdk.Int(1), "octets!": pluginsdk.Int(2)},
			rates:      1,
			skipped:    map[string]int64{"first": 1},
		},
		"beside, and in an extra group": {
			transforms: octets + "\ninterface = rate:other:octets",
			metrics:    number{"octets": pluginsdk.Int(1), "octets!": pluginsdk.Int(2)},
			rates:      1,
			skipped:    map[string]int64{"collision": 2},
			logged:     1,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newObserved(t, nil)
			if tt.transforms == "" {
				tt.transforms = octets
			}
			for i := range 2 {
				md := build(tt.transforms, groupOf(t, "interface", float64(60*i), nil, tt.metrics))
				if tt.change != nil {
					tt.change(md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics())
				}
				before := md.DataPointCount()
				out := process(t, o.rateProcessor, md)
				assert.Equal(t, before+i*tt.rates, out.DataPointCount())
			}
			o.assertSkipped(t, tt.skipped)
			require.Equal(t, tt.logged, o.logs.Len())
			if tt.logged > 0 {
				assert.Equal(t, "test_plugin", o.logs.All()[0].ContextMap()["plugin"])
			}
		})
	}
}

// TestCollisionKeepsTheBaseline: the gauge is gone the third time, and the rate is that of the second and third value.
func TestCollisionKeepsTheBaseline(t *testing.T) {
	t.Parallel()
	p, _ := newProcessor(t)
	var groups []*pluginsdk.MetricsGroup
	for i, counters := range []number{
		{"octets": pluginsdk.Int(0), "octets!": pluginsdk.Int(1)},
		{"octets": pluginsdk.Int(60), "octets!": pluginsdk.Int(1)},
		{"octets": pluginsdk.Int(660)},
	} {
		groups = groupsOf(t, process(t, p, build(octets, groupOf(t, "interface", float64(60*i), nil, counters))))
	}
	rate, ok := rateOf(groups[0], "octets")
	assert.True(t, ok)
	assert.Equal(t, 10.0, rate)
}

func TestTransformsThatAreNoText(t *testing.T) {
	t.Parallel()
	o := newObserved(t, nil)
	md := octetsGroup(t, 0, pluginsdk.Int(1))
	scope := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Scope()
	scope.Attributes().PutInt(attrs.PluginTransforms, 5)
	process(t, o.rateProcessor, md)
	_, there := scope.Attributes().Get(attrs.PluginTransforms)
	assert.False(t, there)
	o.assertSkipped(t, map[string]int64{"bad_transform": 1})
}

func TestPlansAreBounded(t *testing.T) {
	t.Parallel()
	ps := newPlans(ratestate.NewHasher(ratestate.Key{A: 1}), &rules{})
	for i := range 2*maxPlans + 10 {
		ps.get(fmt.Sprintf("k = rate:t%d:x", i), "t")
	}
	assert.Len(t, ps.known, 10)
	assert.Same(t, ps.get("k = rate:t:x", "t"), ps.get("k = rate:t:x", "t"))
	long := strings.Repeat(" ", maxText-20)
	for i := range 2 * maxPlanBytes / maxText {
		ps.get(fmt.Sprint(long, i), "t")
	}
	assert.LessOrEqual(t, ps.bytes, maxPlanBytes)
	ps.get(strings.Repeat("x", maxText+1), "t")
	_, kept := ps.known[planKey{strings.Repeat("x", maxText+1), "t"}]
	assert.False(t, kept)
}
