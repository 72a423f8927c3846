package panoptesrateprocessor

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// TestWidthOfGroups: where a width may be said of the counters of groups, and which of several holds.
func TestWidthOfGroups(t *testing.T) {
	t.Parallel()
	const top = 1<<32 - 60
	line := func(width Width, uptime string) Transform {
		return Transform{Line: octets, Width: width, Uptime: uptime}
	}
	tests := map[string]struct {
		cfg  Config
		want bool
	}{
		"none":                        {Config{}, false},
		"of the processor":            {Config{Width: 32}, true},
		"of the processor, too wide":  {Config{Width: 64}, false},
		"of the line":                 {Config{Transforms: []Transform{line(32, "")}}, true},
		"the line's beats":            {Config{Width: 32, Transforms: []Transform{line(WidthNone, "")}}, false},
		"a line without one":          {Config{Width: 32, Transforms: []Transform{line(0, "")}}, true},
		"the last line's":             {Config{Transforms: []Transform{line(64, ""), line(32, "")}}, true},
		"of another counter":          {Config{Transforms: []Transform{{Line: "a = rate:interface:errors", Width: 32}}}, false},
		"auto, with uptime":           {Config{Width: WidthAuto, Uptime: "uptime"}, true},
		"auto, uptime of another":     {Config{Width: WidthAuto, Uptime: "sysUpTime"}, false},
		"auto, uptime by full name":   {Config{Width: WidthAuto, Uptime: "interface.uptime"}, true},
		"auto, uptime of the line":    {Config{Uptime: "x", Transforms: []Transform{line(WidthAuto, "uptime")}}, true},
		"auto, uptime of the default": {Config{Uptime: "uptime", Transforms: []Transform{line(WidthAuto, "")}}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.cfg.MaxSeries = 10
			require.NoError(t, tt.cfg.Validate())
			p, _ := newTestProcessor(t, componenttest.NewNopTelemetrySettings(), &tt.cfg)
			var out pmetric.Metrics
			for i, v := range []int64{top, 0} {
				out = process(t, p, build(octets, groupOf(t, "interface", float64(60*i), nil, number{
					"octets": pluginsdk.Int(v), "uptime!": pluginsdk.Int(int64(100 + i)),
				})))
			}
			rate, ok := rateOf(groupsOf(t, out)[0], "octets")
			assert.Equal(t, tt.want, ok)
			if ok {
				assert.Equal(t, 1.0, rate)
			}
		})
	}
}

// TestUptimeThatFell: the counter looks as if it had wrapped, or even as if it had grown, but the device began anew.
func TestUptimeThatFell(t *testing.T) {
	t.Parallel()
	const top = 1<<32 - 60
	device := func(seconds float64, uptime int64, dimensions map[string]string) *pluginsdk.MetricsGroup {
		g := groupOf(t, "device", seconds, dimensions, number{"sysUpTime!": pluginsdk.Int(uptime)})
		return g
	}
	port := func(seconds float64, octets int64) *pluginsdk.MetricsGroup {
		return groupOf(t, "interface", seconds, map[string]string{"ifname": "eth0"}, number{"octets": pluginsdk.Int(octets)})
	}
	tests := map[string]struct {
		batches [][]*pluginsdk.MetricsGroup
		want    []bool // whether there is a rate
	}{
		"grows": {
			[][]*pluginsdk.MetricsGroup{
				{device(0, 100, nil), port(0, top)}, {device(60, 160, nil), port(60, 0)}, {device(120, 220, nil), port(120, 60)},
			},
			[]bool{false, true, true},
		},
		"fell in the same batch, last in it": {
			[][]*pluginsdk.MetricsGroup{
				{port(0, top), device(0.02, 100, nil)}, {port(60, 0), device(60.02, 5, nil)}, {port(120, 60), device(120.02, 65, nil)},
			},
			[]bool{false, false, true},
		},
		"fell, and the counter is larger": {
			[][]*pluginsdk.MetricsGroup{
				{port(0, 5), device(0.02, 100, nil)}, {port(60, 10), device(60.02, 5, nil)}, {port(120, 15), device(120.02, 65, nil)},
			},
			[]bool{false, false, true},
		},
		"fell in a batch before": {
			[][]*pluginsdk.MetricsGroup{
				{device(0, 100, nil)}, {port(0, top)}, {device(60, 5, nil)}, {port(61, 0)}, {device(120, 65, nil)}, {port(121, 60)},
			},
			[]bool{false, false, false, false, false, true},
		},
		"fell while the counter was not there": {
			[][]*pluginsdk.MetricsGroup{
				{port(0, 5), device(0, 100, nil)}, {device(60, 5, nil)}, {port(120, 15), device(120, 65, nil)},
			},
			[]bool{false, false, false},
		},
		"of two runs in one batch": {
			[][]*pluginsdk.MetricsGroup{
				{port(0, 5), device(0, 100, nil), port(60, 10), device(60, 5, nil)}, {port(120, 15), device(120, 65, nil)},
			},
			[]bool{false, true},
		},
		"of the same dimensions": {
			[][]*pluginsdk.MetricsGroup{
				{device(0, 100, map[string]string{"ifname": "eth0"}), device(0, 100, map[string]string{"ifname": "eth1"}), port(0, top)},
				{device(60, 5, map[string]string{"ifname": "eth0"}), device(60, 160, map[string]string{"ifname": "eth1"}), port(60, 0)},
			},
			[]bool{false, false},
		},
		"of other dimensions": {
			[][]*pluginsdk.MetricsGroup{
				{device(0, 100, map[string]string{"ifname": "eth1"}), port(0, top)},
				{device(60, 5, map[string]string{"ifname": "eth1"}), port(60, 0)},
			},
			[]bool{false, true},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := newTestProcessor(t, componenttest.NewNopTelemetrySettings(), &Config{MaxSeries: 100, Width: 32, Uptime: "sysUpTime"})
			var got []bool
			for _, groups := range tt.batches {
				out := process(t, p, build(octets, groups...))
				found := false
				for _, g := range groupsOf(t, out) {
					_, ok := rateOf(g, "octets")
					found = found || ok && g.Type == "interface"
				}
				got = append(got, found)
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestUptimeOfOneResource(t *testing.T) {
	t.Parallel()
	p, _ := newTestProcessor(t, componenttest.NewNopTelemetrySettings(), &Config{MaxSeries: 100, Uptime: "uptime"})
	var out pmetric.Metrics
	for i := range 2 {
		n := int64(60 * i)
		a := groupOf(t, "interface", float64(n), nil, number{"octets": pluginsdk.Int(n), "uptime!": pluginsdk.Int(100 - n)})
		b := groupOf(t, "interface", float64(n), nil, number{"octets": pluginsdk.Int(n), "uptime!": pluginsdk.Int(100 + n)})
		b.Resource = testResource()
		b.Resource.ID = "other"
		out = process(t, p, build(octets, a, b))
	}
	for _, g := range groupsOf(t, out) {
		_, ok := rateOf(g, "octets")
		assert.Equal(t, g.Resource.ID == "other", ok, g.Resource.ID)
	}
}

// TestUptimeOfSelected: other data, in which the uptime is a sum of its own.
func TestUptimeOfSelected(t *testing.T) {
	t.Parallel()
	p, _ := newTestProcessor(t, componenttest.NewNopTelemetrySettings(),
		configOf(Transform{Metrics: []string{"x"}, Width: 32, Uptime: "system.uptime"}, Transform{Metrics: []string{"y"}, Width: 32}))
	for i, tt := range []struct {
		uptime, value int64
		want          []string
	}{
		{100, 5, []string{"x [] 5", "y [] 5", "system.uptime [] 100"}},
		{160, 65, []string{"x [] 65", "x.rate [1/s] 1", "y [] 65", "y.rate [1/s] 1", "system.uptime [] 160"}},
		{10, 185, []string{"x [] 185", "y [] 185", "y.rate [1/s] 2", "system.uptime [] 10"}},
		{70, 245, []string{"x [] 245", "x.rate [1/s] 1", "y [] 245", "y.rate [1/s] 1", "system.uptime [] 70"}},
	} {
		md, sm := otherData()
		addSum(sm, "x", float64(60*i), tt.value)
		addSum(sm, "y", float64(60*i), tt.value)
		sm = md.ResourceMetrics().At(0).ScopeMetrics().AppendEmpty()
		addSum(sm, "system.uptime", float64(60*i), tt.uptime).Attributes().Clear()
		out := process(t, p, md)
		assert.Equal(t, tt.want, content(out))
	}
	assert.Equal(t, 3, p.state.Len())
}

// TestUptimesOfOtherData: resources that come together, and that nothing of Panoptes tells apart, have uptimes of their own.
func TestUptimesOfOtherData(t *testing.T) {
	t.Parallel()
	p, _ := newTestProcessor(t, componenttest.NewNopTelemetrySettings(), configOf(Transform{Metrics: []string{"x"}, Uptime: "system.uptime"}))
	var out pmetric.Metrics
	for i, uptimes := range []map[string]int64{{"a": 100, "b": 100}, {"a": 10, "b": 160}} {
		all := pmetric.NewMetrics()
		for _, name := range []string{"a", "b"} {
			md, sm := otherData()
			md.ResourceMetrics().At(0).Resource().Attributes().PutStr("host.name", name)
			addSum(sm, "x", float64(60*i), int64(60*i))
			addSum(sm, "system.uptime", float64(60*i), uptimes[name])
			md.ResourceMetrics().MoveAndAppendTo(all.ResourceMetrics())
		}
		out = process(t, p, all)
	}
	assert.Equal(t, []string{"x [] 60", "system.uptime [] 10", "x [] 60", "x.rate [1/s] 1", "system.uptime [] 160"}, content(out))
}

func TestUptimeThatIsNoNumber(t *testing.T) {
	t.Parallel()
	p, _ := newTestProcessor(t, componenttest.NewNopTelemetrySettings(), &Config{MaxSeries: 10, Uptime: "uptime"})
	md, sm := otherData()
	addSum(sm, "uptime", 0, 0).SetDoubleValue(math.NaN())
	m := sm.Metrics().AppendEmpty()
	m.SetName("uptime")
	m.SetEmptyHistogram().DataPoints().AppendEmpty()
	sm.Metrics().AppendEmpty().SetName("uptime") // of no type
	process(t, p, md)
	assert.Zero(t, p.state.Len())
}
