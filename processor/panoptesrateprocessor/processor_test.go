package panoptesrateprocessor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const octets = "interface = rate:interface:octets"

func TestRateBesideItsCounter(t *testing.T) {
	t.Parallel()
	p, _ := newProcessor(t)
	two := func(seconds float64, a, b int64) pmetric.Metrics {
		md := build("x = rate:interface:octets,packets",
			groupOf(t, "interface", seconds, map[string]string{"ifname": "eth0", "vrf": "mgmt"},
				number{"octets": pluginsdk.Int(a), "load!": pluginsdk.Float(0.5), "packets": pluginsdk.Int(a)}),
			groupOf(t, "interface", seconds, map[string]string{"ifname": "eth1"},
				number{"octets": pluginsdk.Int(b), "load!": pluginsdk.Float(0.5), "packets": pluginsdk.Int(b)}))
		md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().Sort(func(a, b pmetric.Metric) bool { return a.Name() < b.Name() })
		return md
	}
	first := two(0, 1000, 500)
	untouched := pmetric.NewMetrics()
	first.CopyTo(untouched)
	out := process(t, p, first)
	untouched.ResourceMetrics().At(0).ScopeMetrics().At(0).Scope().Attributes().Remove(attrs.PluginTransforms)
	assert.Equal(t, untouched, out, "the first time only the transforms go")

	out = process(t, p, two(60, 7000, 499)) // eth1 was reset
	scope := out.ResourceMetrics().At(0).ScopeMetrics().At(0)
	assert.Equal(t, 1, out.ResourceMetrics().At(0).ScopeMetrics().Len())
	assert.Equal(t, "panoptes/test_plugin", scope.Scope().Name())
	assert.Equal(t, map[string]any{attrs.GroupType: "interface", attrs.GroupInterval: int64(60)}, scope.Scope().Attributes().AsRaw())
	names := []string{}
	for _, m := range scope.Metrics().All() {
		names = append(names, m.Name())
	}
	assert.Equal(t, []string{
		"interface.load", "interface.octets", "interface.octets.rate", "interface.packets", "interface.packets.rate",
	}, names)
	counter := scope.Metrics().At(1)
	assert.Equal(t, 2, counter.Sum().DataPoints().Len())
	assert.Equal(t, int64(7000), counter.Sum().DataPoints().At(0).IntValue())
	rate := scope.Metrics().At(2)
	assert.Equal(t, "1/s", rate.Unit())
	require.Equal(t, pmetric.MetricTypeGauge, rate.Type())
	require.Equal(t, 1, rate.Gauge().DataPoints().Len())
	point := rate.Gauge().DataPoints().At(0)
	assert.Equal(t, pmetric.NumberDataPointValueTypeDouble, point.ValueType())
	assert.Equal(t, 100.0, point.DoubleValue())
	assert.Equal(t, pcommon.Timestamp(1_600_000_060_000_000_000), point.Timestamp())
	assert.Zero(t, point.StartTimestamp())
	assert.Equal(t, map[string]any{"ifname": "eth0", "vrf": "mgmt"}, point.Attributes().AsRaw())
}

// TestInsertedInOrder converts every subset of five counters.
func TestInsertedInOrder(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "c", "d", "e"}
	for subset := 1; subset < 1<<len(names); subset++ {
		transforms, want := "", []string{}
		for i, name := range names {
			want = append(want, "t."+name)
			if subset>>i&1 == 1 {
				transforms += "x = rate:t:" + name + "\n"
				want = append(want, "t."+name+".rate")
			}
		}
		p, _ := newProcessor(t)
		var out pmetric.Metrics
		for run := range 2 {
			g := &pluginsdk.MetricsGroup{Resource: testResource(), Type: "t", Interval: 60}
			for i, name := range names {
				require.NoError(t, g.AddMetric(pluginsdk.Metric{
					Name: name, Type: pluginsdk.Counter, Value: pluginsdk.Int(int64(run * i)), Timestamp: pluginsdk.Int(int64(run)),
				}))
			}
			out = process(t, p, build(transforms, g))
		}
		got := []string{}
		for i, m := range out.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
			got = append(got, m.Name())
			if m.Type() == pmetric.MetricTypeGauge {
				counter := out.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(i - 1)
				assert.Equal(t, float64(counter.Sum().DataPoints().At(0).IntValue()), m.Gauge().DataPoints().At(0).DoubleValue())
			}
		}
		require.Equal(t, want, got)
	}
}

func TestSeveralLinesAddUp(t *testing.T) {
	t.Parallel()
	cfg := &Config{MaxSeries: 100, Transforms: []Transform{{Line: "z = rate:interface:errors"}, {Line: "z = rate:interface:octets"}}}
	p, _ := newTestProcessor(t, componenttest.NewNopTelemetrySettings(), cfg)
	counters := number{
		"octets": pluginsdk.Int(1), "packets": pluginsdk.Int(1), "errors": pluginsdk.Int(1), "drops": pluginsdk.Int(1),
	}
	transforms := "a = rate:interface:octets\nb = rate:interface:packets,octets\nc = rate:other:drops"
	process(t, p, build(transforms, groupOf(t, "interface", 0, nil, counters)))
	g := groupsOf(t, process(t, p, build(transforms, groupOf(t, "interface", 60, nil, counters))))[0]
	assert.Len(t, g.Metrics(), 7)
	for _, name := range []string{"octets", "packets", "errors"} {
		_, ok := rateOf(g, name)
		assert.True(t, ok, name)
	}
	// Without transforms of its own a plugin has those of the configuration.
	g = groupsOf(t, process(t, p, build("", groupOf(t, "interface", 120, nil, counters))))[0]
	_, ok := rateOf(g, "errors")
	assert.True(t, ok)
	_, ok = rateOf(g, "packets")
	assert.False(t, ok)
}

// TestLabelOfAnotherType: groups of the type that the label names pass, and an extra group carries their rates.
func TestLabelOfAnotherType(t *testing.T) {
	t.Parallel()
	for _, label := range []string{"Interface", "interface", "INTERFACE"} {
		p, _ := newProcessor(t)
		transforms := label + " = rate:InterfaceRates:octets,packets"
		dimensions := map[string]string{"ifname": "eth0"}
		counters := func(n int64) number { return number{"octets": pluginsdk.Int(n), "load!": pluginsdk.Int(1)} }
		in := func(seconds float64, n int64) []*pluginsdk.MetricsGroup {
			g := groupOf(t, "Interface", seconds, dimensions, counters(n))
			g.Interval = 30
			return []*pluginsdk.MetricsGroup{g, groupOf(t, "cpu", seconds, nil, counters(n))}
		}
		require.Len(t, groupsOf(t, process(t, p, build(transforms, in(0, 0)...))), 2, "no rates, no extra group")
		md := build(transforms, in(60, 600)...)
		scopes := md.ResourceMetrics().At(0).ScopeMetrics()
		scopes.At(0).Scope().Attributes().PutStr(attrs.PluginTopics, "raw")
		out := process(t, p, md)

		scopes = out.ResourceMetrics().At(0).ScopeMetrics()
		require.Equal(t, 3, scopes.Len())
		assert.Equal(t, 2, scopes.At(0).Metrics().Len(), "unchanged")
		extra := scopes.At(2)
		assert.Equal(t, "panoptes/test_plugin", extra.Scope().Name())
		assert.Equal(t, map[string]any{
			attrs.GroupType: "InterfaceRates", attrs.GroupInterval: int64(30), attrs.PluginTopics: "raw",
		}, extra.Scope().Attributes().AsRaw())
		require.Equal(t, 1, extra.Metrics().Len())
		assert.Equal(t, "InterfaceRates.octets.rate", extra.Metrics().At(0).Name())

		g := groupsOf(t, out)[2]
		assert.Equal(t, "InterfaceRates", g.Type)
		assert.Equal(t, []pluginsdk.Dimension{{Name: "ifname", Value: "eth0"}}, g.Dimensions())
		assert.Equal(t, []pluginsdk.Metric{{
			Name: "octets", Type: pluginsdk.Gauge, Value: pluginsdk.Float(10), Timestamp: pluginsdk.Float(1.6e9 + 60),
		}}, g.Metrics())
	}
}

// TestBothReadings: one counter has its rate beside it, in one extra group, and in another.
func TestBothReadings(t *testing.T) {
	t.Parallel()
	p, _ := newProcessor(t)
	transforms := "interface = rate:slow:octets\ninterface = rate:fast:octets,errors\ninterface = rate:fast:octets\n" +
		"other = rate:interface:octets\nSLOW = rate:slow:octets"
	var groups []*pluginsdk.MetricsGroup
	for i := range 2 {
		n := int64(i) * 60
		groups = groupsOf(t, process(t, p, build(transforms,
			groupOf(t, "interface", float64(n), nil, number{
				"errors": pluginsdk.Int(n), "octets": pluginsdk.Int(2 * n),
			}),
			groupOf(t, "SLOW", float64(n), nil, number{"octets": pluginsdk.Int(n)}))))
	}
	require.Len(t, groups, 4)
	assert.Len(t, groups[0].Metrics(), 3)
	assert.Len(t, groups[1].Metrics(), 1, "a label that is the type, except for case, makes no extra group")
	for i, want := range map[int]map[string]float64{2: {"octets": 2}, 3: {"octets": 2, "errors": 1}} {
		assert.Len(t, groups[i].Metrics(), len(want))
		for name, value := range want {
			rate, ok := rateOf(groups[i], name)
			assert.True(t, ok)
			assert.Equal(t, value, rate)
		}
	}
}

func TestResendGivesTheSameRates(t *testing.T) {
	t.Parallel()
	refuse := errors.New("refused")
	var got []pmetric.Metrics
	next, err := consumer.NewMetrics(func(_ context.Context, md pmetric.Metrics) error {
		got = append(got, md)
		if len(got) == 2 {
			return refuse
		}
		return nil
	})
	require.NoError(t, err)
	p, err := newRateProcessor(componenttest.NewNopTelemetrySettings(), createDefaultConfig().(*Config), next)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Shutdown(t.Context())) })
	batch := func(seconds float64, n int64) pmetric.Metrics {
		return build(octets, groupOf(t, "interface", seconds, nil, number{"octets": pluginsdk.Int(n)}))
	}
	require.NoError(t, p.ConsumeMetrics(t.Context(), batch(0, 0)))
	require.Equal(t, refuse, p.ConsumeMetrics(t.Context(), batch(60, 601)))
	require.NoError(t, p.ConsumeMetrics(t.Context(), batch(60, 601)))
	require.NoError(t, p.ConsumeMetrics(t.Context(), batch(120, 1201)))
	assert.Equal(t, got[1], got[2])
	for i, want := range []float64{601.0 / 60, 601.0 / 60, 10} {
		rate, ok := rateOf(groupsOf(t, got[i+1])[0], "octets")
		assert.True(t, ok)
		assert.Equal(t, want, rate)
	}
}

func TestIntegersAreSubtractedAsIntegers(t *testing.T) {
	t.Parallel()
	for _, start := range []int64{1 << 53, 1<<62 + 1, math.MaxInt64 - 61, -1 << 60} {
		p, _ := newProcessor(t)
		process(t, p, build(octets, groupOf(t, "interface", 0, nil, number{"octets": pluginsdk.Int(start + 1)})))
		out := process(t, p, build(octets, groupOf(t, "interface", 60, nil, number{"octets": pluginsdk.Int(start + 61)})))
		rate, _ := rateOf(groupsOf(t, out)[0], "octets")
		assert.Equal(t, 1.0, rate, "%d", start)
	}
}

// TestIdentity: which changes between two points leave them in one series.
func TestIdentity(t *testing.T) {
	t.Parallel()
	put := func(name, value string) func(pmetric.ResourceMetrics) {
		return func(rm pmetric.ResourceMetrics) { rm.Resource().Attributes().PutStr(name, value) }
	}
	scope := func(rm pmetric.ResourceMetrics) pmetric.ScopeMetrics { return rm.ScopeMetrics().At(0) }
	point := func(rm pmetric.ResourceMetrics) pcommon.Map {
		return scope(rm).Metrics().At(0).Sum().DataPoints().At(0).Attributes()
	}
	foreign := func(rm pmetric.ResourceMetrics) {
		rm.Resource().Attributes().RemoveIf(func(name string, _ pcommon.Value) bool { return name != attrs.ServiceName })
	}
	tests := map[string]struct {
		both, second func(pmetric.ResourceMetrics)
		same         bool
	}{
		"nothing":            {second: func(pmetric.ResourceMetrics) {}, same: true},
		"endpoint":           {second: put(attrs.ResourceEndpoint, "other"), same: true},
		"plugin of resource": {second: put(attrs.ResourcePlugin, "other"), same: true},
		"metadata":           {second: put(attrs.ResourceMetadataPrefix+"x", "other"), same: true},
		"service name":       {second: put(attrs.ServiceName, "other"), same: true},
		"unknown attribute":  {second: put("k8s.pod", "other"), same: true},
		"scope name":         {second: func(rm pmetric.ResourceMetrics) { scope(rm).Scope().SetName("panoptes/other") }, same: true},
		"scope version":      {second: func(rm pmetric.ResourceMetrics) { scope(rm).Scope().SetVersion("2") }, same: true},
		"interval": {second: func(rm pmetric.ResourceMetrics) {
			scope(rm).Scope().Attributes().PutInt(attrs.GroupInterval, 300)
		}, same: true},
		"order of dimensions": {second: func(rm pmetric.ResourceMetrics) {
			a := point(rm)
			v, _ := a.Get("a")
			text := v.Str()
			a.Remove("a")
			a.PutStr("a", text)
		}, same: true},
		"prefix of the metric's name": {second: func(rm pmetric.ResourceMetrics) {
			scope(rm).Metrics().At(0).SetName("octets")
		}, same: true},
		"site":                                {second: put(attrs.ResourceSite, "other")},
		"class":                               {second: put(attrs.ResourceClass, "other")},
		"subclass":                            {second: put(attrs.ResourceSubclass, "other")},
		"type":                                {second: put(attrs.ResourceType, "other")},
		"id":                                  {second: put(attrs.ResourceID, "other")},
		"dimension value":                     {second: func(rm pmetric.ResourceMetrics) { point(rm).PutStr("a", "other") }},
		"further dimension":                   {second: func(rm pmetric.ResourceMetrics) { point(rm).PutStr("c", "x") }},
		"missing dimension":                   {second: func(rm pmetric.ResourceMetrics) { point(rm).Remove("a") }},
		"type of a dimension":                 {both: func(rm pmetric.ResourceMetrics) { point(rm).PutStr("c", "1") }, second: func(rm pmetric.ResourceMetrics) { point(rm).PutInt("c", 1) }},
		"true and false":                      {both: func(rm pmetric.ResourceMetrics) { point(rm).PutBool("c", true) }, second: func(rm pmetric.ResourceMetrics) { point(rm).PutBool("c", false) }},
		"doubles":                             {both: func(rm pmetric.ResourceMetrics) { point(rm).PutDouble("c", 1) }, second: func(rm pmetric.ResourceMetrics) { point(rm).PutDouble("c", 2) }},
		"lists":                               {both: func(rm pmetric.ResourceMetrics) { point(rm).PutEmptySlice("c") }, second: func(rm pmetric.ResourceMetrics) { point(rm).PutEmptySlice("c").AppendEmpty() }},
		"foreign resource":                    {both: foreign, second: func(pmetric.ResourceMetrics) {}, same: true},
		"any attribute of a foreign resource": {both: foreign, second: put("host.name", "other")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := newProcessor(t)
			for i := range 2 {
				md := build(octets, groupOf(t, "interface", float64(60*i), map[string]string{"a": "1", "b": "2"},
					number{"octets": pluginsdk.Int(int64(60 * i))}))
				if tt.both != nil {
					tt.both(md.ResourceMetrics().At(0))
				}
				if i == 1 {
					tt.second(md.ResourceMetrics().At(0))
				}
				out := process(t, p, md).ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
				if i == 1 && tt.same {
					require.Equal(t, 2, out.Len())
					assert.Equal(t, "interface.octets.rate", out.At(1).Name())
				} else {
					require.Equal(t, 1, out.Len())
				}
			}
		})
	}
}

func TestIntervalOfAScope(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		put  func(pcommon.Map)
		want int64
	}{
		"int":         {func(m pcommon.Map) { m.PutInt(attrs.GroupInterval, 30) }, 30},
		"double":      {func(m pcommon.Map) { m.PutDouble(attrs.GroupInterval, 30) }, 30},
		"text":        {func(m pcommon.Map) { m.PutStr(attrs.GroupInterval, " 30 ") }, 30},
		"missing":     {func(pcommon.Map) {}, 0},
		"zero":        {func(m pcommon.Map) { m.PutInt(attrs.GroupInterval, 0) }, 0},
		"negative":    {func(m pcommon.Map) { m.PutInt(attrs.GroupInterval, -5) }, 0},
		"too large":   {func(m pcommon.Map) { m.PutInt(attrs.GroupInterval, math.MaxInt64) }, 0},
		"fraction":    {func(m pcommon.Map) { m.PutDouble(attrs.GroupInterval, 0.5) }, 0},
		"nan":         {func(m pcommon.Map) { m.PutDouble(attrs.GroupInterval, math.NaN()) }, 0},
		"no number":   {func(m pcommon.Map) { m.PutStr(attrs.GroupInterval, "soon") }, 0},
		"long number": {func(m pcommon.Map) { m.PutStr(attrs.GroupInterval, "99999999999999999999") }, 0},
		"bool":        {func(m pcommon.Map) { m.PutBool(attrs.GroupInterval, true) }, 0},
	}
	for name, tt := range tests {
		m := pcommon.NewMap()
		tt.put(m)
		assert.Equal(t, tt.want*3000, gapOf(m), name)
	}
}

func TestWhatIsNoCounterStays(t *testing.T) {
	t.Parallel()
	p, _ := newProcessor(t)
	for i := range 2 {
		md := build(octets, groupOf(t, "interface", float64(60*i), nil, number{"octets": pluginsdk.Int(1)}))
		metrics := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
		metrics.At(0).Sum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		for range 4 {
			metrics.AppendEmpty().SetName("interface.octets")
		}
		metrics.At(1).SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		metrics.At(2).SetEmptyHistogram().DataPoints().AppendEmpty()
		metrics.At(3).SetEmptySummary().DataPoints().AppendEmpty()
		assert.Equal(t, 5, process(t, p, md).ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().Len())
	}
	assert.Zero(t, p.state.Len())
}

func TestForeignDataPasses(t *testing.T) {
	t.Parallel()
	p, _ := newTestProcessor(t, componenttest.NewNopTelemetrySettings(), &Config{MaxSeries: 10, Transforms: []Transform{{Line: octets}}})
	md := build("", groupOf(t, "interface", 0, nil, number{"octets": pluginsdk.Int(1)}))
	md.ResourceMetrics().At(0).ScopeMetrics().At(0).Scope().Attributes().Clear()
	md.ResourceMetrics().AppendEmpty()
	md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty()
	want := pmetric.NewMetrics()
	md.CopyTo(want)
	assert.Equal(t, want, process(t, p, md))
	assert.Zero(t, p.state.Len())
	assert.Equal(t, pmetric.NewMetrics(), process(t, p, pmetric.NewMetrics()))
}

func TestConcurrentBatches(t *testing.T) {
	t.Parallel()
	p, sink := newProcessor(t)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	var wg sync.WaitGroup
	const workers, runs = 8, 50
	for w := range workers {
		wg.Go(func() {
			for run := range runs {
				md := build(fmt.Sprintf("w%d = rate:interface:octets", run%7), groupOf(t, "interface", float64(run),
					map[string]string{"worker": fmt.Sprint(w)}, number{"octets": pluginsdk.Int(int64(run * w))}))
				assert.NoError(t, p.ConsumeMetrics(t.Context(), md))
			}
		})
	}
	wg.Wait()
	rates := 0
	for _, md := range sink.AllMetrics() {
		for _, g := range groupsOf(t, md) {
			if rate, ok := rateOf(g, "octets"); ok {
				rates++
				worker, _ := g.Dimension("worker")
				assert.Equal(t, worker, fmt.Sprint(rate))
			}
		}
	}
	assert.Equal(t, workers*(runs-1), rates)
	assert.Equal(t, workers, p.state.Len())
}

func TestSweepRunsBesides(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, err := newRateProcessor(componenttest.NewNopTelemetrySettings(), createDefaultConfig().(*Config), consumertest.NewNop())
		require.NoError(t, err)
		require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
		md := build(octets, groupOf(t, "interface", 0, nil, number{"octets": pluginsdk.Int(1)}))
		require.NoError(t, p.ConsumeMetrics(t.Context(), md))
		<-time.After(3 * time.Minute) // of the bubble's own clock
		synctest.Wait()
		assert.Equal(t, 1, p.state.Len())
		<-time.After(70 * time.Second)
		synctest.Wait()
		assert.Zero(t, p.state.Len())
		require.NoError(t, p.Shutdown(t.Context()))
		require.NoError(t, p.Shutdown(t.Context()))
	})
}
