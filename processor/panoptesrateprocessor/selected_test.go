package panoptesrateprocessor

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// at is so many seconds after a fixed time.
func at(seconds float64) pcommon.Timestamp {
	return pcommon.Timestamp(1_600_000_000_000_000_000 + int64(seconds*1e9))
}

// otherData is data of some other receiver: a resource, a scope, no metric yet.
func otherData() (pmetric.Metrics, pmetric.ScopeMetrics) {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("host.name", "h1")
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName("some/scraper")
	sm.Scope().SetVersion("1")
	return md, sm
}

// addSum adds a monotonic sum with one point and returns the point.
func addSum(sm pmetric.ScopeMetrics, name string, seconds float64, value int64) pmetric.NumberDataPoint {
	m := sm.Metrics().AppendEmpty()
	m.SetName(name)
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := sum.DataPoints().AppendEmpty()
	p.SetTimestamp(at(seconds))
	p.SetIntValue(value)
	p.Attributes().PutStr("device", "eth0")
	return p
}

func sums(seconds float64, value int64, names ...string) pmetric.Metrics {
	md, sm := otherData()
	for _, name := range names {
		addSum(sm, name, seconds, value)
	}
	return md
}

// content is what the metrics of some data are, one text each: its name, unit and values.
func content(md pmetric.Metrics) []string {
	out := []string{}
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				text := fmt.Sprintf("%s [%s]", m.Name(), m.Unit())
				switch m.Type() {
				case pmetric.MetricTypeGauge:
					for _, p := range m.Gauge().DataPoints().All() {
						text += fmt.Sprintf(" %v", p.DoubleValue())
					}
				case pmetric.MetricTypeSum:
					for _, p := range m.Sum().DataPoints().All() {
						text += fmt.Sprintf(" %d", p.IntValue())
					}
				}
				out = append(out, text)
			}
		}
	}
	return out
}

func configOf(transforms ...Transform) *Config {
	return &Config{MaxSeries: 1000, Transforms: transforms}
}

func TestSelectors(t *testing.T) {
	t.Parallel()
	names := []string{"system.network.io", "system.disk.io", "system/cpu.time"}
	tests := map[string]struct {
		transforms []Transform
		want       []string
	}{
		"a name": {
			[]Transform{{Metrics: []string{"system.network.io"}}},
			[]string{"system.network.io [] 600", "system.network.io.rate [1/s] 10", "system.disk.io [] 600", "system/cpu.time [] 600"},
		},
		"no name": {
			[]Transform{{Metrics: []string{"system.network", "system*"}}},
			[]string{"system.network.io [] 600", "system.disk.io [] 600", "system/cpu.time [] 600"},
		},
		"glob": {
			[]Transform{{Metrics: []string{"system?d*", "*.time"}, Match: MatchGlob}},
			[]string{"system.network.io [] 600", "system.disk.io [] 600", "system.disk.io.rate [1/s] 10", "system/cpu.time [] 600", "system/cpu.time.rate [1/s] 10"},
		},
		"regexp is for the whole name": {
			[]Transform{{Metrics: []string{"system", `system\.(disk|x)\.io|none`}, Match: MatchRegexp}},
			[]string{"system.network.io [] 600", "system.disk.io [] 600", "system.disk.io.rate [1/s] 10", "system/cpu.time [] 600"},
		},
		"the first that fits": {
			[]Transform{
				{Metrics: []string{"system.disk.io"}, Name: "disk", Unit: "Bd"},
				{Metrics: []string{".*"}, Match: MatchRegexp, Name: "r/{name}"},
			},
			[]string{
				"system.network.io [] 600", "r/system.network.io [1/s] 10", "system.disk.io [] 600", "disk [Bd] 10",
				"system/cpu.time [] 600", "r/system/cpu.time [1/s] 10",
			},
		},
		"replace": {
			[]Transform{{Metrics: []string{"*"}, Match: MatchGlob, Output: OutputReplace}},
			[]string{"system.network.io.rate [1/s] 10", "system.disk.io.rate [1/s] 10", "system/cpu.time.rate [1/s] 10"},
		},
		"replace and keep the name": {
			[]Transform{{Metrics: []string{"system.disk.io"}, Output: OutputReplace, Name: "{name}"}},
			[]string{"system.network.io [] 600", "system.disk.io [1/s] 10", "system/cpu.time [] 600"},
		},
		"both": {
			[]Transform{{Metrics: []string{"system.disk.io"}, Output: OutputReplace}, {Metrics: []string{"system.network.io"}}},
			[]string{"system.network.io [] 600", "system.network.io.rate [1/s] 10", "system.disk.io.rate [1/s] 10", "system/cpu.time [] 600"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := newTestProcessor(t, componenttest.NewNopTelemetrySettings(), configOf(tt.transforms...))
			require.NoError(t, p.ConsumeMetrics(t.Context(), sums(0, 0, names...)))
			assert.Equal(t, tt.want, content(process(t, p, sums(60, 600, names...))))
		})
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	p, _ := newTestProcessor(t, componenttest.NewNopTelemetrySettings(), configOf(Transform{Metrics: []string{"x"}}))
	for i, tt := range [][2]string{{"By", "By/s"}, {"1", "1/s"}, {"", "1/s"}, {"{packet}", "{packet}/s"}, {"By", "By/s"}} {
		md := sums(float64(i), 1, "x")
		md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).SetUnit(tt[0])
		out := process(t, p, md).ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
		if i > 0 {
			assert.Equal(t, tt[1], out.At(1).Unit())
		}
	}
}

// TestReplaceRemovesWhatHasNoRate: points first, then metrics, scopes, resources and at last the batch.
func TestReplaceRemovesWhatHasNoRate(t *testing.T) {
	t.Parallel()
	p, sink := newTestProcessor(t, componenttest.NewNopTelemetrySettings(),
		configOf(Transform{Metrics: []string{"x*"}, Match: MatchGlob, Output: OutputReplace}))
	require.NoError(t, p.ConsumeMetrics(t.Context(), sums(0, 0, "x1", "x2")))
	assert.Empty(t, sink.AllMetrics(), "nothing is left")
	require.NoError(t, p.ConsumeMetrics(t.Context(), pmetric.NewMetrics()))
	assert.Len(t, sink.AllMetrics(), 1, "what was empty before passes")

	md, sm := otherData()
	addSum(sm, "x1", 60, 60)
	first := sm.Metrics().At(0).Sum().DataPoints()
	first.At(0).CopyTo(first.AppendEmpty())
	first.At(1).Attributes().PutStr("device", "new")
	first.At(0).CopyTo(first.AppendEmpty())
	addSum(sm, "x3", 60, 60) // new
	addSum(sm, "other", 60, 60)
	addSum(md.ResourceMetrics().At(0).ScopeMetrics().AppendEmpty(), "x1", 60, 60)
	md.ResourceMetrics().At(0).CopyTo(md.ResourceMetrics().AppendEmpty())
	second := md.ResourceMetrics().At(1)
	second.Resource().Attributes().PutStr("host.name", "h2")
	second.ScopeMetrics().At(0).Metrics().RemoveIf(func(m pmetric.Metric) bool { return m.Name() == "other" })
	out := process(t, p, md)
	assert.Equal(t, []string{"x1.rate [1/s] 1 1", "other [] 60"}, content(out))
	assert.Equal(t, 1, out.ResourceMetrics().Len())
	assert.Equal(t, 1, out.ResourceMetrics().At(0).ScopeMetrics().Len())
	assert.Equal(t, 9, p.state.Len())
}

func TestReplacedPoint(t *testing.T) {
	t.Parallel()
	p, _ := newTestProcessor(t, componenttest.NewNopTelemetrySettings(), configOf(Transform{Metrics: []string{"x"}, Output: OutputReplace}))
	var out pmetric.Metrics
	for i := range 2 {
		md, sm := otherData()
		point := addSum(sm, "x", float64(i), int64(i))
		point.SetStartTimestamp(at(-100))
		point.Exemplars().AppendEmpty()
		if i == 0 {
			require.NoError(t, p.ConsumeMetrics(t.Context(), md))
		} else {
			out = process(t, p, md)
		}
	}
	point := out.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().At(0)
	assert.Equal(t, pmetric.NumberDataPointValueTypeDouble, point.ValueType())
	assert.Zero(t, point.StartTimestamp())
	assert.Zero(t, point.Exemplars().Len())
	assert.Equal(t, at(1), point.Timestamp())
	assert.Equal(t, map[string]any{"device": "eth0"}, point.Attributes().AsRaw())
}

func TestWhatSelectorsLeaveAlone(t *testing.T) {
	t.Parallel()
	p, _ := newTestProcessor(t, componenttest.NewNopTelemetrySettings(),
		configOf(Transform{Metrics: []string{"*"}, Match: MatchGlob, Output: OutputReplace}))
	for i := range 3 {
		md, sm := otherData()
		addSum(sm, "up_and_down", float64(i), int64(i))
		sm.Metrics().At(0).Sum().SetIsMonotonic(false)
		addSum(sm, "unspecified", float64(i), int64(i))
		sm.Metrics().At(1).Sum().SetAggregationTemporality(pmetric.AggregationTemporalityUnspecified)
		for range 5 {
			sm.Metrics().AppendEmpty().SetName("x")
		}
		sm.Metrics().At(2).SetEmptyGauge().DataPoints().AppendEmpty()
		sm.Metrics().At(3).SetEmptyHistogram().DataPoints().AppendEmpty()
		sm.Metrics().At(4).SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
		sm.Metrics().At(5).SetEmptySummary().DataPoints().AppendEmpty()
		want := pmetric.NewMetrics()
		md.CopyTo(want)
		assert.Equal(t, want, process(t, p, md))
	}
	assert.Zero(t, p.state.Len())
}

// TestIdentityOfSelected: which changes between two points leave them in one series.
func TestIdentityOfSelected(t *testing.T) {
	t.Parallel()
	point := func(md pmetric.Metrics) pmetric.NumberDataPoint { return counterPoint(md) }
	scope := func(md pmetric.Metrics) pcommon.InstrumentationScope {
		return md.ResourceMetrics().At(0).ScopeMetrics().At(0).Scope()
	}
	tests := map[string]struct {
		second func(pmetric.Metrics)
		same   bool
	}{
		"nothing":         {func(pmetric.Metrics) {}, true},
		"scope version":   {func(md pmetric.Metrics) { scope(md).SetVersion("2") }, true},
		"start":           {func(md pmetric.Metrics) { point(md).SetStartTimestamp(at(-5)) }, true},
		"scope name":      {func(md pmetric.Metrics) { scope(md).SetName("other") }, false},
		"scope attribute": {func(md pmetric.Metrics) { scope(md).Attributes().PutStr("a", "b") }, false},
		"resource":        {func(md pmetric.Metrics) { md.ResourceMetrics().At(0).Resource().Attributes().PutStr("a", "b") }, false},
		"attribute":       {func(md pmetric.Metrics) { point(md).Attributes().PutStr("device", "eth1") }, false},
		"more attributes": {func(md pmetric.Metrics) { point(md).Attributes().PutInt("cpu", 1) }, false},
		"metric": {func(md pmetric.Metrics) {
			md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).SetName("y")
		}, false},
		"transforms of a plugin": {func(md pmetric.Metrics) {
			scope(md).Attributes().PutStr(attrs.PluginTransforms, "a = rate:b:c")
		}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := newTestProcessor(t, componenttest.NewNopTelemetrySettings(), configOf(Transform{Metrics: []string{"?"}, Match: MatchGlob}))
			process(t, p, sums(0, 0, "x"))
			md := sums(60, 60, "x")
			tt.second(md)
			out := process(t, p, md)
			assert.Equal(t, tt.same, out.MetricCount() == 2)
		})
	}
}

func TestDeltaSums(t *testing.T) {
	t.Parallel()
	o := newObserved(t, configOf(Transform{Metrics: []string{"x"}}))
	send := func(start, end float64, value int64) []string {
		md, sm := otherData()
		point := addSum(sm, "x", end, value)
		if start >= 0 {
			point.SetStartTimestamp(at(start))
		}
		sm.Metrics().At(0).Sum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		return content(process(t, o.rateProcessor, md))[1:]
	}
	assert.Equal(t, []string{"x.rate [1/s] 5"}, send(0, 10, 50))
	assert.Equal(t, []string{"x.rate [1/s] 5"}, send(0, 10, 50), "no state, no order")
	assert.Equal(t, []string{"x.rate [1/s] 0.001"}, send(10, 3010, 3), "its own window is never a gap")
	assert.Empty(t, send(20, 20, 5))
	assert.Empty(t, send(30, 20, 5))
	assert.Empty(t, send(20, 30, -5))
	md, sm := otherData()
	addSum(sm, "x", 10, 0).SetDoubleValue(math.NaN())
	sm.Metrics().At(0).Sum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	assert.Len(t, content(process(t, o.rateProcessor, md)), 1)
	o.assertSkippedOf(t, "some/scraper", map[string]int64{"not_a_number": 3, "reset": 1})
	assert.Zero(t, o.state.Len())
}

// TestGapOfSelected: the scope's interval decides, where there is one.
func TestGapOfSelected(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		maxGap   time.Duration
		interval int64
		apart    float64
		want     bool
	}{
		"default":              {0, 0, 300, true},
		"more than default":    {0, 0, 300.001, false},
		"max_gap":              {time.Hour, 0, 3600, true},
		"more than max_gap":    {time.Hour, 0, 3600.001, false},
		"interval":             {time.Hour, 10, 30, true},
		"more than 3 interval": {time.Hour, 10, 30.001, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := newTestProcessor(t, componenttest.NewNopTelemetrySettings(), configOf(Transform{Metrics: []string{"x"}, MaxGap: tt.maxGap}))
			var out pmetric.Metrics
			for _, seconds := range []float64{0, tt.apart} {
				md := sums(seconds, 0, "x")
				if tt.interval > 0 {
					md.ResourceMetrics().At(0).ScopeMetrics().At(0).Scope().Attributes().PutInt(attrs.GroupInterval, tt.interval)
				}
				out = process(t, p, md)
			}
			assert.Equal(t, tt.want, out.MetricCount() == 2)
		})
	}
}

func TestStartTimestampThatMoved(t *testing.T) {
	t.Parallel()
	o := newObserved(t, configOf(Transform{Metrics: []string{"x"}}))
	send := func(start, end float64, value int64) []string {
		md, sm := otherData()
		addSum(sm, "x", end, value).SetStartTimestamp(at(start))
		return content(process(t, o.rateProcessor, md))[1:]
	}
	assert.Empty(t, send(0, 60, 100))
	assert.Equal(t, []string{"x.rate [1/s] 1"}, send(0, 120, 160))
	assert.Empty(t, send(150, 180, 500), "rose, but began anew")
	assert.Equal(t, []string{"x.rate [1/s] 2"}, send(180, 240, 620), "began with the last point: that is its zero")
	assert.Equal(t, []string{"x.rate [1/s] 1"}, send(0, 300, 680), "a start that went back says nothing")
	o.assertSkippedOf(t, "some/scraper", map[string]int64{"first": 1, "reset": 1})
}

func TestCollisionOfSelected(t *testing.T) {
	t.Parallel()
	for name, output := range map[string]string{"beside": OutputBeside, "replace": OutputReplace} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newObserved(t, configOf(Transform{Metrics: []string{"x", "y"}, Output: output}))
			var out pmetric.Metrics
			for i := range 3 {
				md := sums(float64(i), int64(i), "x", "y")
				if i < 2 {
					other := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().AppendEmpty()
					other.SetName("x.rate")
					other.SetEmptyGauge().DataPoints().AppendEmpty().SetDoubleValue(7)
				}
				out = process(t, o.rateProcessor, md)
				if i == 1 {
					want := []string{"x [] 1", "y [] 1", "y.rate [1/s] 1", "x.rate [] 7"}
					if output == OutputReplace {
						want = []string{"y.rate [1/s] 1", "x.rate [] 7"}
					}
					assert.Equal(t, want, content(out))
				}
			}
			assert.Contains(t, content(out), "x.rate [1/s] 1", "the value was noted all the same")
			o.assertSkippedOf(t, "some/scraper", map[string]int64{"first": 1, "collision": 2})
			require.Equal(t, 1, o.logs.Len())
			assert.Equal(t, "x.rate", o.logs.All()[0].ContextMap()["metric"])
		})
	}
}

// TestSelectorsAndGroups: a selector may pick counters of groups that no transform names.
func TestSelectorsAndGroups(t *testing.T) {
	t.Parallel()
	p, _ := newTestProcessor(t, componenttest.NewNopTelemetrySettings(),
		configOf(Transform{Metrics: []string{"interface.*"}, Match: MatchGlob, Name: "{name}.selected", Unit: "x"}))
	var out pmetric.Metrics
	for i := range 2 {
		n := int64(60 * i)
		out = process(t, p, build(octets, groupOf(t, "interface", float64(n), nil, number{
			"octets": pluginsdk.Int(n), "errors": pluginsdk.Int(n), "octets!": pluginsdk.Int(1),
		}), groupOf(t, "interface", float64(n), map[string]string{"a": "b"}, number{"octets": pluginsdk.Int(2 * n)})))
	}
	assert.ElementsMatch(t, []string{
		"interface.octets [] 60 120", "interface.octets.rate [1/s] 2", "interface.errors [] 60",
		"interface.errors.selected [x] 1", "interface.octets [] 0",
	}, content(out))
}

func TestNamesAreBounded(t *testing.T) {
	t.Parallel()
	p, _ := newTestProcessor(t, componenttest.NewNopTelemetrySettings(), configOf(Transform{Metrics: []string{"*"}, Match: MatchGlob}))
	for i := range 3 * maxNames {
		process(t, p, sums(0, 0, fmt.Sprint(i)))
	}
	c := p.begin()
	defer c.end()
	assert.LessOrEqual(t, len(c.names), maxNames+2)
}
