package pdata

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestRates(t *testing.T) {
	t.Parallel()
	for value, want := range map[float64][2]string{
		0.9: {"0", "0.9"}, -1.5: {"-1", "-1.5"}, 14: {"14", "14.0"}, 1e19: {"10000000000000000000", "1e+19"}, -1e30: {"-1000000000000000019884624838656", "-1e+30"},
		9223372036854775808: {"9223372036854775808", "9.223372036854776e+18"},
	} {
		md := testMetrics(t)
		p := partsOf(md)
		p.g.SetName("t.c.rate")
		p.g.SetUnit(attrs.RateUnit)
		p.gp.SetDoubleValue(value)
		for i, double := range []bool{false, true} {
			got, report := summaries(t, md, FromOptions{DoubleRates: double})
			if w := "t 30 c:counter=5 c:gauge=" + want[i] + " {d=1}"; !slices.Equal(got, []string{w}) || report != nil {
				t.Errorf("got %q %v, want %q", got, report, w)
			}
		}
	}
}

// TestRatesFromJSON: what the rate processor made of a group and what its JSON is read as are the same metrics.
func TestRatesFromJSON(t *testing.T) {
	t.Parallel()
	g := &pluginsdk.MetricsGroup{Resource: testResource(), Type: "t", Interval: 60}
	for _, m := range []pluginsdk.Metric{
		{Name: "n", Type: pluginsdk.Gauge, Value: pluginsdk.Int(2)},
		{Name: "n", Type: pluginsdk.Counter, Value: pluginsdk.Int(50)},
		{Name: "g", Type: pluginsdk.Gauge, Value: pluginsdk.Float(0.5)},
	} {
		m.Timestamp = pluginsdk.Float(12.5)
		if err := g.AddMetric(m); err != nil {
			t.Fatal(err)
		}
	}
	for rates, want := range map[bool]string{
		false: "t.n Gauge \"\" 2, t.n Sum \"\" 50, t.g Gauge \"\" 0.5",
		true:  "t.n.rate Gauge \"1/s\" 2, t.n Sum \"\" 50, t.g Gauge \"\" 0.5",
	} {
		b := NewBuilder(Options{Rates: rates})
		b.Add(Scope{Plugin: "p"}, g)
		var got []string
		for _, m := range b.Take().ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
			var p pmetric.NumberDataPoint
			if m.Type() == pmetric.MetricTypeSum {
				p = m.Sum().DataPoints().At(0)
			} else {
				p = m.Gauge().DataPoints().At(0)
			}
			value := strconv.FormatInt(p.IntValue(), 10)
			if p.ValueType() == pmetric.NumberDataPointValueTypeDouble {
				value = strconv.FormatFloat(p.DoubleValue(), 'g', -1, 64)
			}
			got = append(got, fmt.Sprintf("%s %s %q %s", m.Name(), m.Type(), m.Unit(), value))
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("rates %v: got %s, want %s", rates, s, want)
		}
	}
}

// TestRatesNeedTheirPrefix pins what is no rate: a sum, the bare suffix, and a name without the scope's type.
func TestRatesNeedTheirPrefix(t *testing.T) {
	t.Parallel()
	md := testMetrics(t)
	p := partsOf(md)
	p.c.SetName("t.c.rate")
	p.g.SetName("t.rate")
	other := p.metrics.AppendEmpty()
	p.g.CopyTo(other)
	other.SetName("u.c.rate")
	got, _ := summaries(t, md, FromOptions{})
	if want := "t 30 c_rate:counter=5 rate:gauge=0.5 u_c_rate:gauge=0.5 {d=1}"; !slices.Equal(got, []string{want}) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestMergedGroups has groups of equal attributes whose scopes were joined, as groupbyattrs does: the rate, which the
// first group lacks, finds the second one by its time.
func TestMergedGroups(t *testing.T) {
	t.Parallel()
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().Attributes().PutStr(attrs.GroupType, "t")
	sm.Scope().Attributes().PutInt(attrs.GroupInterval, 60)
	add := func(name string, times ...int) {
		m := sm.Metrics().AppendEmpty()
		m.SetName(name)
		points := m.SetEmptyGauge().DataPoints()
		for _, at := range times {
			p := points.AppendEmpty()
			p.SetIntValue(int64(at))
			p.SetTimestamp(pcommon.Timestamp(at) * nanosPerSecond)
		}
	}
	add("t.a", 1, 2, 3)
	add("t.a.rate", 2, 3) // collides with the gauge
	add("t.b", 2, 3)
	add("t.c", 3, 9, 8, 7)
	add("t.a", 8, 10)
	got, report := summaries(t, md, FromOptions{})
	want := []string{"t 60 a:gauge=1 c:gauge=9", "t 60 a:gauge=2 b:gauge=2 c:gauge=8", "t 60 a:gauge=3 b:gauge=3 c:gauge=3", "t 60 c:gauge=7 a:gauge=8", "t 60 a:gauge=10"}
	if !slices.Equal(got, want) || report[ReasonNameCollision] != 2 {
		t.Errorf("got %q %v, want %q", got, report, want)
	}
}

// TestPointsWithoutTheirTime pins that each metric begins at the first group that lacks it.
func TestPointsWithoutTheirTime(t *testing.T) {
	t.Parallel()
	md := testMetrics(t)
	p := partsOf(md)
	second := p.c.Sum().DataPoints().AppendEmpty()
	p.cp.CopyTo(second)
	second.SetTimestamp(p.cp.Timestamp() + nanosPerSecond)
	p.gp.SetTimestamp(nanosPerSecond)
	p.g.CopyTo(p.metrics.AppendEmpty())
	p.metrics.At(2).SetName("t.h")
	got, _ := summaries(t, md, FromOptions{})
	if want := []string{"t 30 c:counter=5 g:gauge=0.5 h:gauge=0.5 {d=1}", "t 30 c:counter=5 {d=1}"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestManyGroupsOfEqualAttributes(t *testing.T) {
	t.Parallel()
	b := NewBuilder(Options{})
	for i := range 3 * maxSearch {
		g := &pluginsdk.MetricsGroup{Resource: testResource(), Type: "t", Interval: 1}
		for _, name := range []string{"x", "y"} {
			err := g.AddMetric(pluginsdk.Metric{Name: name, Value: pluginsdk.Int(int64(i)), Timestamp: pluginsdk.Int(int64(i + 1))})
			if err != nil {
				t.Fatal(err)
			}
		}
		b.Add(Scope{}, g)
	}
	md := b.Take()
	if n := md.ResourceMetrics().At(0).ScopeMetrics().Len(); n != 1 {
		t.Errorf("%d scopes, want 1", n)
	}
	got, report := summaries(t, md, FromOptions{})
	if len(got) != 3*maxSearch || report != nil {
		t.Fatalf("%d groups %v", len(got), report)
	}
	for i, s := range got {
		if want := "t 1 x:gauge=" + strconv.Itoa(i) + " y:gauge=" + strconv.Itoa(i); s != want {
			t.Errorf("group %d is %q, want %q", i, s, want)
		}
	}
}

func TestDerivedResources(t *testing.T) {
	t.Parallel()
	all := ResourceDefaults{"S", "C", "U", "T", "I", "E"}
	for name, c := range map[string]struct {
		attributes map[string]any
		defaults   ResourceDefaults
		want       string
	}{
		"nothing":          {nil, ResourceDefaults{}, "plugin||site|otel|class|otel|subclass|resource|type|generic|id|unknown|endpoint|unknown"},
		"nothing, set":     {nil, all, "plugin||site|S|class|C|subclass|U|type|T|id|I|endpoint|E"},
		"host":             {map[string]any{"host.name": "h", "host.id": "i", "host.type": "m5"}, ResourceDefaults{}, "plugin||site|otel|class|otel|subclass|host|type|m5|id|i|endpoint|h"},
		"host name alone":  {map[string]any{"host.name": "h"}, ResourceDefaults{}, "plugin||site|otel|class|otel|subclass|host|type|generic|id|h|endpoint|h"},
		"host, set":        {map[string]any{"host.name": "h"}, all, "plugin||site|S|class|C|subclass|U|type|T|id|h|endpoint|h"},
		"service":          {map[string]any{"service.name": "shop", "service.namespace": "eu", "service.instance.id": "10.0.0.1:80"}, ResourceDefaults{}, "plugin||site|eu|class|otel|subclass|service|type|shop|id|10.0.0.1:80|endpoint|10.0.0.1:80"},
		"service, set":     {map[string]any{"service.name": "shop"}, all, "plugin||site|S|class|C|subclass|U|type|shop|id|shop|endpoint|E"},
		"service on host":  {map[string]any{"service.name": "shop", "host.name": "h"}, ResourceDefaults{}, "plugin||site|otel|class|otel|subclass|service|type|shop|id|h|endpoint|h"},
		"our identity":     {map[string]any{"service.namespace": "dc1", "service.name": "network.switch.cisco", "service.instance.id": "sw1"}, all, "plugin||site|dc1|class|network|subclass|switch|type|cisco|id|sw1|endpoint|sw1"},
		"numbers and gaps": {map[string]any{"service.name": 5, "service.instance.id": "", "panoptes.resource.site": 7}, ResourceDefaults{}, "plugin||site|7|class|otel|subclass|service|type|5|id|5|endpoint|5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := pcommon.NewMap()
			if err := a.FromRaw(c.attributes); err != nil {
				t.Fatal(err)
			}
			info := readResource(a, &c.defaults)
			if got := info.resource.Key(); got != c.want || info.reasons&resourceDerived == 0 {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if err := info.resource.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestForeignAttributes pins where attributes go that Panoptes has no field for, and the order of the metadata.
func TestForeignAttributes(t *testing.T) {
	t.Parallel()
	md := testMetrics(t)
	a := partsOf(md).resource
	a.PutStr("os.type", "linux")
	a.PutInt("process.pid", 12)
	a.PutStr("os_type", "lost")
	a.PutStr(attrs.ResourceMetadataPrefix+"z", "1")
	a.PutStr(attrs.ResourceMetadataPrefix+"os_type", "first")
	a.PutStr(attrs.ResourceMetadataPrefix+"empty", "")
	a.PutStr("panoptes.resource.rack", "r1")
	report, err := Groups(md, FromOptions{}, func(g Group) error {
		want := pluginsdk.Metadata{{Key: "_resource_ttl", Value: "900"}, {Key: "z", Value: "1"}, {Key: "os_type", Value: "first"}, {Key: "process_pid", Value: "12"}, {Key: "panoptes_resource_rack", Value: "r1"}}
		if !slices.Equal(g.Resource.Metadata, want) {
			t.Errorf("metadata %v, want %v", g.Resource.Metadata, want)
		}
		if v, _ := g.Dimension("os_type"); v != "lost" {
			t.Error("the attribute without a dot is no dimension")
		}
		return g.Resource.Validate()
	})
	if err != nil || report[ReasonAttributeCollision] != 2 || report[ReasonAttributeEmpty] != 2 || report[ReasonAttributeText] != 2 {
		t.Error(report, err)
	}
}

func TestCreationTimes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"missing": {nil, "1600000000.123"}, "int": {5, "5"}, "double": {5.0, "5.0"}, "text": {"x", `"x"`}, "zero": {0, "1600000000.123"},
		"bool": {true, `"true"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			md := testMetrics(t)
			v := partsOf(md).resource.PutEmpty(attrs.ResourceCreationTimestamp)
			if err := v.FromRaw(c.value); err != nil {
				t.Fatal(err)
			}
			_, err := Groups(md, FromOptions{}, func(g Group) error {
				if got := string(g.Resource.CreationTimestamp.Append(nil)); got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestVisitorStops(t *testing.T) {
	t.Parallel()
	stop := errors.New("stop")
	md := testMetrics(t)
	partsOf(md).cp.Attributes().PutInt("d", 1)
	visits := 0
	report, err := Groups(md, FromOptions{}, func(Group) error { visits++; return stop })
	if !errors.Is(err, stop) || visits != 1 || report[ReasonAttributeText] != 1 {
		t.Error(visits, report, err)
	}
}

// FuzzGroups gives Groups whatever protobuf makes of the bytes. It must not panic, lose count of points, or hand out a
// group that a plugin could not have made.
func FuzzGroups(f *testing.F) {
	marshaler := pmetric.ProtoMarshaler{}
	add := func(md pmetric.Metrics) {
		data, err := marshaler.MarshalMetrics(md)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, false)
	}
	for _, c := range degradedCases {
		md := testMetrics(f)
		c.change(partsOf(md))
		add(md)
	}
	f.Fuzz(func(t *testing.T, data []byte, doubles bool) {
		md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(data)
		if err != nil {
			return
		}
		points := 0
		report, err := Groups(md, FromOptions{DoubleRates: doubles}, func(g Group) error {
			points += len(g.Metrics())
			again := &pluginsdk.MetricsGroup{}
			if err := again.UnmarshalJSON(g.AppendJSON(nil)); err != nil {
				return err
			}
			return g.Resource.Validate()
		})
		if err != nil {
			t.Fatal(err)
		}
		if total := points + report.Dropped(); total != md.DataPointCount() {
			t.Fatalf("%d of %d data points are accounted for: %v", total, md.DataPointCount(), report)
		}
	})
}

// TestLifetimes: a time to live that readers of JSON would refuse becomes the default.
func TestLifetimes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"60": "60", "soon": "604800", "0": "604800", "-1": "604800", "1.5": "604800", "a|b": "604800"} {
		md := testMetrics(t)
		md.ResourceMetrics().At(0).Resource().Attributes().PutStr(attrs.ResourceMetadataPrefix+pluginsdk.ResourceTTLKey, text)
		report, err := Groups(md, FromOptions{}, func(g Group) error {
			if got, _ := g.Resource.Metadata.Get(pluginsdk.ResourceTTLKey); got != want {
				t.Errorf("%q becomes %q, want %q", text, got, want)
			}
			return g.Resource.Validate()
		})
		if err != nil || (report[ReasonMetadataSanitised] > 0) != (text != want) {
			t.Errorf("%q: %v %v", text, report, err)
		}
	}
}

// Names that never had the type in front are no names that lost it. The rates of the rate processor have it.
func TestPlainNames(t *testing.T) {
	t.Parallel()
	g := &pluginsdk.MetricsGroup{Resource: &pluginsdk.Resource{Site: "s", Class: "c", Subclass: "s", Type: "t", ID: "i", Endpoint: "e"}, Type: "t", Interval: 60}
	for _, m := range []pluginsdk.Metric{
		{Name: "t", Type: pluginsdk.Counter, Value: pluginsdk.Int(1), Timestamp: pluginsdk.Int(1), Unit: "s", Description: "A time"},
		{Name: "reads_total", Type: pluginsdk.Counter, Value: pluginsdk.Int(2), Timestamp: pluginsdk.Int(1)},
	} {
		if err := g.AddMetric(m); err != nil {
			t.Fatal(err)
		}
	}
	b := NewBuilder(Options{})
	b.Add(Scope{Plugin: "p", PlainNames: true}, g)
	md := b.Take()
	metrics := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	if m := metrics.At(0); m.Name() != "t" || m.Unit() != "s" || m.Description() != "A time" || metrics.At(1).Name() != "reads_total" {
		t.Errorf("%q, unit %q, description %q; %q", m.Name(), m.Unit(), m.Description(), metrics.At(1).Name())
	}
	for _, name := range []string{"t.reads_total.rate", "t.rate"} {
		m := metrics.AppendEmpty()
		m.SetName(name)
		p := m.SetEmptyGauge().DataPoints().AppendEmpty()
		p.SetTimestamp(1e9)
		p.SetDoubleValue(0.5)
	}
	var got []string
	report, err := Groups(md, FromOptions{DoubleRates: true}, func(g Group) error {
		for _, m := range g.Metrics() {
			got = append(got, fmt.Sprint(m.Type, " ", m.Name, " ", m.Value))
		}
		return nil
	})
	want := []string{"counter t 1", "counter reads_total 2", "gauge reads_total 0.5", "gauge t 0.5"}
	if err != nil || len(report) > 0 || !slices.Equal(got, want) {
		t.Errorf("%v, %v, %q", err, report, got)
	}
}
