package panoptesrateprocessor

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// windowsBatch is many resources, each with some of the scopes that are treated differently, all together more points
// than several windows take.
func windowsBatch(t *testing.T, run int64) pmetric.Metrics {
	b := pdata.NewBuilder(pdata.Options{})
	add := func(resource int, transforms, groupType string, dimension int, counters map[string]pluginsdk.Number) {
		g := groupOf(t, groupType, float64(60*run), map[string]string{"d": fmt.Sprint(dimension)}, counters)
		r := *testResource()
		r.ID = fmt.Sprint("device ", resource)
		g.Resource = &r
		b.Add(pdata.Scope{Plugin: fmt.Sprint("plugin ", resource%7), Transforms: transforms}, g)
	}
	for r := range 100 {
		v := run * int64(600*(r+1))
		for d := range 1 + r*5%40 {
			add(r, "Rates = rate:port:in,out\nport = rate:Rates:in", "port", d, counters("in", v, "out", v*2))
		}
		if r%3 == 0 { // extra groups, and gauges in the place of rates
			add(r, "Rates = rate:Extra:in", "Rates", 0, counters("in", v, "in!", 5))
			add(r, "x = rate:x:in,out", "x", 0, counters("in!", v, "out", v))
		}
		if r%4 == 0 { // to be replaced: nothing is left of it in the first run
			add(r, "", "replaced", 0, counters("a", v, "b", v))
		}
		if r%5 == 0 { // the last scope has nothing to convert
			add(r, "", "idle", 0, counters("gauge!", v, "counter", v))
		}
	}
	return b.Take()
}

func counters(a string, v int64, b string, w int64) number {
	return number{a: pluginsdk.Int(v), b: pluginsdk.Int(w)}
}

// TestWindowsMakeNoDifference sends a batch of several windows, and the same resources one by one, which are less than
// one each.
func TestWindowsMakeNoDifference(t *testing.T) {
	t.Parallel()
	cfg := configOf(Transform{Metrics: []string{"replaced.*"}, Match: MatchGlob, Output: OutputReplace})
	cfg.MaxSeries = defaultMaxSeries
	together, _ := newTestProcessor(t, componenttest.NewNopTelemetrySettings(), cfg)
	apart, _ := newTestProcessor(t, componenttest.NewNopTelemetrySettings(), cfg)
	for run := range int64(3) {
		md := windowsBatch(t, run)
		require.Greater(t, md.DataPointCount(), 3*windowPoints)
		want := pmetric.NewMetrics()
		for _, rm := range md.ResourceMetrics().All() {
			one := pmetric.NewMetrics()
			rm.CopyTo(one.ResourceMetrics().AppendEmpty())
			require.Less(t, one.DataPointCount(), windowPoints)
			process(t, apart, one).ResourceMetrics().MoveAndAppendTo(want.ResourceMetrics())
		}
		got := process(t, together, md)
		require.Equal(t, want.DataPointCount(), got.DataPointCount())
		marshal := pmetric.JSONMarshaler{}
		wantJSON, err := marshal.MarshalMetrics(want)
		require.NoError(t, err)
		gotJSON, err := marshal.MarshalMetrics(got)
		require.NoError(t, err)
		assert.Equal(t, string(wantJSON), string(gotJSON), "run %d", run)
		if run > 0 {
			assert.Greater(t, got.DataPointCount(), windowsBatch(t, run).DataPointCount())
		}
	}
}
