package pdata

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func testResource() *pluginsdk.Resource {
	return &pluginsdk.Resource{
		Site: "site", Class: "class", Subclass: "subclass", Type: "type", ID: "id", Endpoint: "endpoint", Plugin: "disc",
		CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Float(1512629517.03)),
		Metadata:          pluginsdk.Metadata{{Key: pluginsdk.ResourceTTLKey, Value: "900"}},
	}
}

// testMetrics has one group with the counter c, the gauge g and the dimension d.
func testMetrics(tb testing.TB) pmetric.Metrics {
	tb.Helper()
	g := &pluginsdk.MetricsGroup{Resource: testResource(), Type: "t", Interval: 30}
	at := pluginsdk.Float(1600000000.123)
	err := errors.Join(
		g.AddMetric(pluginsdk.Metric{Name: "c", Type: pluginsdk.Counter, Value: pluginsdk.Int(5), Timestamp: at}),
		g.AddMetric(pluginsdk.Metric{Name: "g", Value: pluginsdk.Float(0.5), Timestamp: at}),
		g.AddDimension("d", "1"),
	)
	if err != nil {
		tb.Fatal(err)
	}
	b := NewBuilder(Options{ServiceIdentity: true})
	b.Add(Scope{Plugin: "p"}, g)
	return b.Take()
}

// brief is a group in one line: type, interval, metrics, dimensions.
func brief(g *pluginsdk.MetricsGroup) string {
	b := []byte(g.Type + " " + strconv.Itoa(g.Interval))
	for _, m := range g.Metrics() {
		b = append(b, " "+m.Name+":"+m.Type.String()+"="...)
		b = m.Value.Append(b)
	}
	for _, d := range g.Dimensions() {
		b = append(b, " {"+d.Name+"="+d.Value+"}"...)
	}
	return string(b)
}

func summaries(t *testing.T, md pmetric.Metrics, o FromOptions) ([]string, Report) {
	t.Helper()
	var out []string
	report, err := Groups(md, o, func(g Group) error {
		out = append(out, brief(g.MetricsGroup))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, report
}

// A data point without a time must not move its group to 1970: consumers would take the whole group for too old.
func TestPointsWithoutATime(t *testing.T) {
	t.Parallel()
	began := time.Now().Add(-time.Millisecond) // times are rounded
	for _, all := range []bool{false, true} {
		md := testMetrics(t)
		p := partsOf(md)
		p.gp.SetTimestamp(0)
		if all {
			p.cp.SetTimestamp(0)
		}
		report, err := Groups(md, FromOptions{}, func(g Group) error {
			at := g.Timestamp.Number.Float64()
			for _, m := range g.Metrics() {
				assert.InDelta(t, at, m.Timestamp.Float64(), 0)
			}
			if all {
				assert.GreaterOrEqual(t, at, float64(began.UnixMilli())/1000)
			} else {
				assert.InDelta(t, at, secondsOf(p.cp.Timestamp()).Float64(), 0)
			}
			return nil
		})
		require.NoError(t, err)
		assert.Len(t, report, 1)
	}
}

// parts are the pieces of testMetrics that the cases change.
type parts struct {
	resource pcommon.Map
	scope    pcommon.InstrumentationScope
	metrics  pmetric.MetricSlice
	c, g     pmetric.Metric
	cp, gp   pmetric.NumberDataPoint
}

func partsOf(md pmetric.Metrics) parts {
	rm := md.ResourceMetrics().At(0)
	sm := rm.ScopeMetrics().At(0)
	p := parts{resource: rm.Resource().Attributes(), scope: sm.Scope(), metrics: sm.Metrics()}
	p.c, p.g = p.metrics.At(0), p.metrics.At(1)
	p.cp, p.gp = p.c.Sum().DataPoints().At(0), p.g.Gauge().DataPoints().At(0)
	return p
}

const whole = "t 30 c:counter=5 g:gauge=0.5 {d=1}"

var degradedCases = map[string]struct {
	change func(parts)
	want   []string
	report Report
}{
	"untouched":        {func(parts) {}, []string{whole}, nil},
	"not a number":     {func(p parts) { p.gp.SetDoubleValue(math.NaN()) }, []string{"t 30 c:counter=5 {d=1}"}, Report{ReasonNotFinite: 1}},
	"infinite":         {func(p parts) { p.gp.SetDoubleValue(math.Inf(-1)) }, []string{"t 30 c:counter=5 {d=1}"}, Report{ReasonNotFinite: 1}},
	"stale":            {func(p parts) { p.cp.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true)) }, []string{"t 30 g:gauge=0.5 {d=1}"}, Report{ReasonNoValue: 1}},
	"without a value":  {func(p parts) { p.g.Gauge().DataPoints().AppendEmpty().SetTimestamp(1) }, []string{whole}, Report{ReasonNoValue: 1}},
	"without a time":   {func(p parts) { p.gp.SetTimestamp(0) }, []string{whole}, Report{ReasonNoTimestamp: 1}},
	"histogram":        {func(p parts) { p.metrics.AppendEmpty().SetEmptyHistogram().DataPoints().AppendEmpty() }, []string{whole}, Report{ReasonHistogram: 1}},
	"exp. histogram":   {func(p parts) { p.metrics.AppendEmpty().SetEmptyExponentialHistogram().DataPoints().AppendEmpty() }, []string{whole}, Report{ReasonExponentialHistogram: 1}},
	"summary":          {func(p parts) { p.metrics.AppendEmpty().SetEmptySummary().DataPoints().AppendEmpty() }, []string{whole}, Report{ReasonSummary: 1}},
	"no kind, no data": {func(p parts) { p.metrics.AppendEmpty(); p.metrics.AppendEmpty().SetEmptyGauge() }, []string{whole}, nil},
	"delta":            {func(p parts) { p.c.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta) }, []string{"t 30 c:gauge=5 g:gauge=0.5 {d=1}"}, Report{ReasonNotCumulative: 1}},
	"up and down":      {func(p parts) { p.c.Sum().SetIsMonotonic(false) }, []string{"t 30 c:gauge=5 g:gauge=0.5 {d=1}"}, Report{ReasonNotMonotonic: 1}},
	"renamed":          {func(p parts) { p.c.SetName("switches") }, []string{"t 30 switches:counter=5 g:gauge=0.5 {d=1}"}, Report{ReasonPrefixLost: 1}},
	"renamed to OTel's way": {
		func(p parts) { p.c.SetName("system.cpu-time") },
		[]string{"t 30 system_cpu_time:counter=5 g:gauge=0.5 {d=1}"},
		Report{ReasonPrefixLost: 1, ReasonNameSanitised: 1},
	},
	"nameless": {func(p parts) { p.c.SetName("") }, []string{"t 30 _:counter=5 g:gauge=0.5 {d=1}"}, Report{ReasonPrefixLost: 1, ReasonNameSanitised: 1}},
	"a name taken": {
		func(p parts) {
			p.g.SetName("t.a.b")
			p.g.CopyTo(p.metrics.AppendEmpty())
			p.metrics.At(2).SetName("t.a-b")
		},
		[]string{"t 30 c:counter=5 a_b:gauge=0.5 {d=1}"},
		Report{ReasonNameSanitised: 1, ReasonNameCollision: 1},
	},
	"a name taken under other attributes": {
		func(p parts) {
			p.g.SetName("t.a.b")
			p.g.CopyTo(p.metrics.AppendEmpty())
			p.metrics.At(2).SetName("t.a-b")
			p.metrics.At(2).Gauge().DataPoints().At(0).Attributes().PutStr("d", "2")
		},
		[]string{"t 30 c:counter=5 a_b:gauge=0.5 {d=1}", "t 30 a_b:gauge=0.5 {d=2}"},
		Report{ReasonNameSanitised: 2},
	},
	"a rate beside its gauge": {
		func(p parts) { p.g.CopyTo(p.metrics.AppendEmpty()); p.metrics.At(2).SetName("t.g.rate") },
		[]string{whole},
		Report{ReasonNameCollision: 1},
	},
	"the same name and kind twice": {
		func(p parts) { p.g.CopyTo(p.metrics.AppendEmpty()) },
		[]string{whole, "t 30 g:gauge=0.5 {d=1}"},
		nil,
	},
	"scope without data": {
		func(p parts) { p.scope.Attributes().Clear(); p.c.SetName("a.b.c"); p.g.SetName("plain") },
		[]string{"a.b 60 c:counter=5 {d=1}", "panoptes/p 60 plain:gauge=0.5 {d=1}"},
		Report{ReasonTypeLost: 2, ReasonIntervalLost: 2},
	},
	"scope without anything": {
		func(p parts) { p.scope.Attributes().Clear(); p.scope.SetName(""); p.c.SetName(".c"); p.g.SetName("g.") },
		[]string{"metrics 60 _c:counter=5 g_:gauge=0.5 {d=1}"},
		Report{ReasonTypeLost: 2, ReasonIntervalLost: 2, ReasonNameSanitised: 2},
	},
	"no interval":              {func(p parts) { p.scope.Attributes().Remove(attrs.GroupInterval) }, []string{"t 60 c:counter=5 g:gauge=0.5 {d=1}"}, Report{ReasonIntervalLost: 2}},
	"interval is no number":    {func(p parts) { p.scope.Attributes().PutStr(attrs.GroupInterval, "30s") }, []string{"t 60 c:counter=5 g:gauge=0.5 {d=1}"}, Report{ReasonIntervalLost: 2}},
	"interval is zero":         {func(p parts) { p.scope.Attributes().PutInt(attrs.GroupInterval, 0) }, []string{"t 60 c:counter=5 g:gauge=0.5 {d=1}"}, Report{ReasonIntervalLost: 2}},
	"interval with a fraction": {func(p parts) { p.scope.Attributes().PutDouble(attrs.GroupInterval, 1.5) }, []string{"t 60 c:counter=5 g:gauge=0.5 {d=1}"}, Report{ReasonIntervalLost: 2}},
	"interval became a double": {func(p parts) { p.scope.Attributes().PutDouble(attrs.GroupInterval, 30) }, []string{whole}, nil},
	"interval became a text":   {func(p parts) { p.scope.Attributes().PutStr(attrs.GroupInterval, "30") }, []string{whole}, nil},
	"dimension of another type": {
		func(p parts) { p.cp.Attributes().PutInt("d", 1); p.gp.Attributes().PutBool("d", true) },
		[]string{"t 30 c:counter=5 {d=1}", "t 30 g:gauge=0.5 {d=true}"},
		Report{ReasonAttributeText: 2},
	},
	"dimension that is a list": {
		func(p parts) { p.gp.Attributes().PutEmptySlice("d").AppendEmpty().SetStr("x") },
		[]string{"t 30 c:counter=5 {d=1}", `t 30 g:gauge=0.5 {d=["x"]}`},
		Report{ReasonAttributeText: 1},
	},
	"empty dimensions": {
		func(p parts) { p.gp.Attributes().PutStr("d", ""); p.gp.Attributes().PutEmpty("e") },
		[]string{"t 30 c:counter=5 {d=1}", "t 30 g:gauge=0.5"},
		Report{ReasonAttributeEmpty: 1},
	},
	"dimension names collide": {
		func(p parts) { p.gp.Attributes().PutStr("net.host", "a"); p.gp.Attributes().PutStr("net-host", "b") },
		[]string{"t 30 c:counter=5 {d=1}", "t 30 g:gauge=0.5 {d=1} {net_host=a}"},
		Report{ReasonNameSanitised: 1, ReasonAttributeCollision: 1},
	},
	"dimension moved to the resource": {
		func(p parts) {
			p.cp.Attributes().Clear()
			p.resource.PutStr("d", "2")
			p.resource.PutStr("my-zone", "z")
			p.resource.PutStr("none", "")
		},
		[]string{"t 30 c:counter=5 {d=2} {my_zone=z}", "t 30 g:gauge=0.5 {d=1} {my_zone=z}"},
		Report{ReasonResourceDimension: 2, ReasonAttributeCollision: 1, ReasonNameSanitised: 2, ReasonAttributeEmpty: 2},
	},
	"resource field lost":        {func(p parts) { p.resource.Remove(attrs.ResourceClass) }, []string{whole}, Report{ReasonResourceDerived: 2}},
	"metadata with a bar":        {func(p parts) { p.resource.PutStr(attrs.ResourceMetadataPrefix+"k", "a|b") }, []string{whole}, Report{ReasonMetadataSanitised: 2}},
	"metadata name with a minus": {func(p parts) { p.resource.PutStr(attrs.ResourceMetadataPrefix+"k-l", "a") }, []string{whole}, Report{ReasonNameSanitised: 2}},
}

func TestDegraded(t *testing.T) {
	t.Parallel()
	for name, c := range degradedCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			md := testMetrics(t)
			c.change(partsOf(md))
			got, report := summaries(t, md, FromOptions{})
			if !slices.Equal(got, c.want) || !maps.Equal(report, c.report) {
				t.Errorf("got\n%s\n%v\nwant\n%s\n%v", strings.Join(got, "\n"), report, strings.Join(c.want, "\n"), c.report)
			}
		})
	}
}

// TestForwardDrops are the reasons of the way to pdata.
func TestForwardDrops(t *testing.T) {
	t.Parallel()
	huge, err := pluginsdk.ParseNumber("1" + strings.Repeat("0", 310))
	if err != nil {
		t.Fatal(err)
	}
	b := NewBuilder(Options{})
	g := &pluginsdk.MetricsGroup{Resource: testResource(), Type: "t", Interval: 30}
	for i, m := range []pluginsdk.Metric{
		{Value: pluginsdk.Float(math.NaN())},
		{Value: pluginsdk.Float(math.Inf(1))},
		{Value: huge},
		{Value: pluginsdk.Uint(math.MaxUint64), Timestamp: pluginsdk.Int(1)},
		{Timestamp: pluginsdk.Int(-1)},
		{Timestamp: pluginsdk.Float(-0.001)},
		{Timestamp: pluginsdk.Float(math.NaN())},
		{Timestamp: pluginsdk.Int(maxMillis/1000 + 1)},
		{Timestamp: pluginsdk.Float(1e30)},
		{Timestamp: pluginsdk.Int(maxMillis / 1000)},
	} {
		m.Name = "m" + strconv.Itoa(i)
		if err := g.AddMetric(m); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.Add(Scope{Plugin: "p"}, g); n != 2 {
		t.Errorf("%d points, want 2", n)
	}
	want := Report{ReasonNotFinite: 3, ReasonTimestampRange: 5, ReasonIntegerRange: 1}
	if got := b.Dropped(); !maps.Equal(got, want) || got.Dropped() != 8 {
		t.Errorf("report %v, want %v", got, want)
	}
	if again := b.Dropped(); again != nil {
		t.Errorf("counted twice: %v", again)
	}
	if got, _ := summaries(t, b.Take(), FromOptions{}); !slices.Equal(got, []string{"t 30 m3:gauge=1.8446744073709552e+19 m9:gauge=0"}) {
		t.Errorf("got %q", got)
	}
	if n := b.Add(Scope{}, &pluginsdk.MetricsGroup{Type: "t"}); n != 0 || b.Take().ResourceMetrics().Len() != 0 {
		t.Errorf("an empty group without a resource became %d points", n)
	}
}

// TestUnits is the way of a unit to pdata; the rate of a counter has its own.
func TestUnits(t *testing.T) {
	t.Parallel()
	b := NewBuilder(Options{Rates: true})
	g := &pluginsdk.MetricsGroup{Resource: testResource(), Type: "t", Interval: 30}
	for _, m := range []pluginsdk.Metric{
		{Name: "used", Unit: "By"},
		{Name: "plain"},
		{Name: "reads", Type: pluginsdk.Counter, Unit: "{read}"},
		{Name: "reads", Unit: "{read}"},
	} {
		if err := g.AddMetric(m); err != nil {
			t.Fatal(err)
		}
	}
	b.Add(Scope{Plugin: "p"}, g)
	got := map[string]string{}
	metrics := b.Take().ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	for _, m := range metrics.All() {
		got[m.Name()] = m.Unit()
	}
	want := map[string]string{"t.used": "By", "t.plain": "", "t.reads": "{read}", "t.reads.rate": "1/s"}
	if !maps.Equal(got, want) {
		t.Errorf("units %v, want %v", got, want)
	}
}

// TestReasonsAreAllShown keeps the list closed: a reason that no case shows is no reason.
func TestReasonsAreAllShown(t *testing.T) {
	t.Parallel()
	shown := Report{ReasonTimestampRange: 1, ReasonIntegerRange: 1} // TestForwardDrops
	for _, c := range degradedCases {
		shown.Add(c.report)
	}
	for i, r := range Reasons() {
		if shown[r] == 0 {
			t.Errorf("no case shows %q", r)
		}
		var c tally
		c.add(1<<i, 2)
		if got := c.report(); got[r] != 2 || len(got) != 1 {
			t.Errorf("bit %d is %v, want %q", i, got, r)
		}
	}
	if Reason("other").Dropped() || ReasonPrefixLost.Dropped() || !ReasonSummary.Dropped() || noTimestamp != 1<<(len(reasonOrder)-1) {
		t.Error("reasons are not where they belong")
	}
}

// TestCounters is the way to pdata of what is known of counters: when they began, and how wide they are.
func TestCounters(t *testing.T) {
	t.Parallel()
	b := NewBuilder(Options{})
	since := time.Unix(1_600_000_000, 0)
	for i, width := range []uint8{32, 64} {
		g := &pluginsdk.MetricsGroup{Resource: testResource(), Type: "t", Interval: 30, CountersSince: since.Add(time.Duration(i) * time.Hour)}
		if err := g.AddDimension("d", strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
		for _, m := range []pluginsdk.Metric{
			{Name: "gauge"},
			{Name: "same", Type: pluginsdk.Counter, Width: 35},
			{Name: "mixed", Type: pluginsdk.Counter, Width: width},
			{Name: "unknown", Type: pluginsdk.Counter},
			{Name: "octets", Type: pluginsdk.Counter, Width: 64},
		} {
			m.Timestamp = pluginsdk.Int(since.Unix() + 600)
			if err := g.AddMetric(m); err != nil {
				t.Fatal(err)
			}
		}
		b.Add(Scope{Plugin: "p"}, g)
	}
	scope := b.Take().ResourceMetrics().At(0).ScopeMetrics().At(0)
	widths, _ := scope.Scope().Attributes().Get(attrs.CounterWidths)
	if got, want := widths.Str(), "same=35 octets=64"; got != want {
		t.Errorf("widths %q, want %q", got, want)
	}
	for _, m := range scope.Metrics().All() {
		if m.Type() == pmetric.MetricTypeGauge {
			if began := m.Gauge().DataPoints().At(0).StartTimestamp(); began != 0 {
				t.Errorf("the gauge began at %v", began)
			}
			continue
		}
		want := []pcommon.Timestamp{pcommon.NewTimestampFromTime(since), 0} // the other began later than it was read
		for i, p := range m.Sum().DataPoints().All() {
			if p.StartTimestamp() != want[i] {
				t.Errorf("%s %d began at %v, want %v", m.Name(), i, p.StartTimestamp(), want[i])
			}
		}
	}
}
