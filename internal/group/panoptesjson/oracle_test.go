package panoptesjson

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/group/route"
	"github.com/panoptes-otel/panoptes-otel/internal/hashing"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

var testRoutes = route.Options{SiteTopics: true, GlobalTopic: true}

// reference is what package mapping makes of md, all that a message tells in one text.
func reference(md pmetric.Metrics, o pdata.FromOptions) ([]string, pdata.Report) {
	var out []string
	report, _ := pdata.Groups(md, o, func(g pdata.Group) error {
		topics, sanitised := route.Topics(testRoutes, g.Resource.Site, g.Topics)
		key := route.AppendPartitioningKey(nil, g.MetricsGroup)
		out = append(out, fmt.Sprintf("%s\n%s %q %v %s %s %s %s %d %s", g.AppendJSON(nil), route.MessageKey(g.Resource), topics,
			sanitised, g.Plugin, g.Resource.ID, g.Type, key, hashing.Murmur2(key), told(g.MetricsGroup)))
		return nil
	})
	return out, report
}

// told is what a message tells of its group beside the JSON: time, interval, counters and rates.
func told(g *pluginsdk.MetricsGroup) string {
	has, rated := false, false
	for _, a := range g.Metrics() {
		for _, b := range g.Metrics() {
			has = has || a.Type == pluginsdk.Counter
			rated = rated || a.Name == b.Name && a.Type != b.Type
		}
	}
	seconds, _ := g.Timestamp.Seconds()
	return fmt.Sprintf("%.0f %s %v %v", seconds*1000, time.Duration(g.Interval)*time.Second, has, rated)
}

func encoded(e *Encoder, md pmetric.Metrics) ([]string, pdata.Report) {
	var out []string
	report, _ := e.Encode(md, func(m *Message) error {
		has, rated := m.Counters()
		out = append(out, fmt.Sprintf("%s\n%s %q %v %s %s %s %s %d %d %s %v %v", m.JSON, m.Key, m.Topics,
			m.Sanitised, m.Plugin, m.ResourceID, m.GroupType, m.PartitioningKey(), m.Hash(),
			m.Time().UnixMilli(), m.Interval(), has, rated))
		return nil
	})
	return out, report
}

type failer interface {
	Fatalf(format string, args ...any)
}

func same(t failer, e *Encoder, md pmetric.Metrics, o pdata.FromOptions) {
	want, wantReport := reference(md, o)
	got, gotReport := encoded(e, md)
	if !slices.Equal(got, want) {
		t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if fmt.Sprint(gotReport) != fmt.Sprint(wantReport) {
		t.Fatalf("report %v, want %v", gotReport, wantReport)
	}
}

// TestEncoderIsMapping holds the encoder beside package mapping, on data of our own form that was changed in all the
// ways that other components may change it.
func TestEncoderIsMapping(t *testing.T) {
	t.Parallel()
	encoders := map[bool]*Encoder{}
	for _, double := range []bool{false, true} {
		encoders[double] = NewEncoder(pdata.FromOptions{DoubleRates: double, Now: epoch}, testRoutes)
	}
	rapid.Check(t, func(t *rapid.T) {
		double := rapid.Bool().Draw(t, "double_rates")
		e := encoders[double]
		if rapid.Bool().Draw(t, "fresh") {
			e = NewEncoder(pdata.FromOptions{DoubleRates: double, Now: epoch}, testRoutes)
		}
		same(t, e, drawMetrics(t), pdata.FromOptions{DoubleRates: double, Now: epoch})
	})
}

var (
	texts = ready(rapid.OneOf(rapid.SampledFrom([]string{"a", "b", "a|b", "größe 😀", " ", "\x7f", `say "x"`, `c:\dir`, `c:\`, `a\=b`, "a, b=c", "0123456\n", "\xff"}), rapid.StringN(1, 12, -1)))
	names = ready(rapid.OneOf(rapid.SampledFrom([]string{"x", "y", "z", "_", "é", "rate", "resource_site", "s", "x_"}), rapid.StringMatching(`[A-Za-z_][A-Za-z0-9_]{0,4}`)))
)

// ready makes a generator safe to be shared by parallel tests: the first one to ask for its text would write it.
func ready[T any](g *rapid.Generator[T]) *rapid.Generator[T] {
	_ = g.String()
	return g
}

func drawResource(t *rapid.T) *pluginsdk.Resource {
	part := rapid.SampledFrom([]string{"a", "b", "c.d", "größe"})
	r := &pluginsdk.Resource{
		Site: part.Draw(t, "site"), Class: part.Draw(t, "class"), Subclass: part.Draw(t, "subclass"), Type: part.Draw(t, "type"),
		ID: texts.Draw(t, "id"), Endpoint: texts.Draw(t, "endpoint"), Plugin: rapid.SampledFrom([]string{"", "disc"}).Draw(t, "discovery"),
		CreationTimestamp: rapid.SampledFrom([]pluginsdk.Timestamp{
			pluginsdk.NumberTimestamp(pluginsdk.Int(1512629517)), pluginsdk.NumberTimestamp(pluginsdk.Float(1512629517)),
			pluginsdk.NumberTimestamp(pluginsdk.Float(1512629517.03121)), pluginsdk.TextTimestamp("1512629517.03121"),
		}).Draw(t, "creation"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "entries") {
		_ = r.AddMetadata(names.Draw(t, "key"), strings.ReplaceAll(texts.Draw(t, "value"), "|", "_"))
	}
	if rapid.Bool().Draw(t, "ttl") {
		_ = r.AddMetadata(pluginsdk.ResourceTTLKey, "60")
	}
	return r
}

func drawValue(t *rapid.T) pluginsdk.Number {
	switch rapid.IntRange(0, 3).Draw(t, "value_kind") {
	case 0:
		return pluginsdk.Int(rapid.Int64().Draw(t, "integer"))
	case 1:
		return pluginsdk.Int(rapid.Int64Range(-5, 1000).Draw(t, "small"))
	case 2:
		return pluginsdk.Float(float64(rapid.Int64Range(-1e6, 1e6).Draw(t, "thousandths")) / 1000)
	}
	return pluginsdk.Float(rapid.Float64().Draw(t, "double"))
}

// drawScope adds the groups of one scope to b: mostly a table, in which all groups have the same metrics.
func drawScope(t *rapid.T, b *pdata.Builder, r *pluginsdk.Resource) {
	scope := pdata.Scope{
		Plugin: rapid.SampledFrom([]string{"p", "q"}).Draw(t, "plugin"),
		Topics: rapid.SampledFrom([]string{"", "a,b", "é"}).Draw(t, "topics"),
	}
	groupType := rapid.SampledFrom([]string{"t", "t.x", "größe 1"}).Draw(t, "type")
	metrics := rapid.SliceOfN(names, 1, 4).Draw(t, "metrics")
	dimensions := rapid.SliceOfN(names, 0, 3).Draw(t, "dimensions")
	at := rapid.SampledFrom([]float64{1600000000.123, 1600000000, 0.001, 1600000000.1}).Draw(t, "at")
	for range rapid.IntRange(1, 6).Draw(t, "groups") {
		g := &pluginsdk.MetricsGroup{Resource: r, Type: groupType, Interval: 60}
		for _, d := range dimensions {
			_ = g.UpsertDimension(d, texts.Draw(t, "dimension"))
		}
		for i, name := range metrics {
			if rapid.IntRange(0, 9).Draw(t, "left_out") > 0 {
				_ = g.AddMetric(pluginsdk.Metric{
					Name: name, Type: pluginsdk.MetricType(i % 2), Value: drawValue(t),
					Timestamp: pluginsdk.Float(at + float64(rapid.IntRange(0, 2).Draw(t, "late"))),
				})
			}
		}
		b.Add(scope, g)
	}
}

func drawMetrics(t *rapid.T) pmetric.Metrics {
	b := pdata.NewBuilder(pdata.Options{ServiceIdentity: rapid.Bool().Draw(t, "service_identity")})
	for range rapid.IntRange(1, 3).Draw(t, "resources") {
		r := drawResource(t)
		for range rapid.IntRange(1, 2).Draw(t, "scopes") {
			drawScope(t, b, r)
		}
	}
	md := b.Take()
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			addRates(t, sm)
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "changes") {
		change(t, md)
	}
	return md
}

// addRates adds what the rate processor would: rates beside counters, fewer than these.
func addRates(t *rapid.T, sm pmetric.ScopeMetrics) {
	for i := range sm.Metrics().Len() {
		m := sm.Metrics().At(i)
		if m.Type() != pmetric.MetricTypeSum || rapid.IntRange(0, 2).Draw(t, "rate") == 0 {
			continue
		}
		rate := sm.Metrics().AppendEmpty()
		rate.SetName(m.Name() + attrs.RateSuffix)
		out := rate.SetEmptyGauge().DataPoints()
		for _, p := range m.Sum().DataPoints().All() {
			if rapid.IntRange(0, 3).Draw(t, "first_seen") > 0 {
				to := out.AppendEmpty()
				p.CopyTo(to)
				to.SetDoubleValue(rapid.OneOf(rapid.Float64Range(-1e3, 1e20), rapid.Float64()).Draw(t, "rate_value"))
			}
		}
	}
}

// change does one thing to md that takes it off the form we give it.
func change(t *rapid.T, md pmetric.Metrics) {
	rms := md.ResourceMetrics()
	if rms.Len() == 0 {
		return
	}
	rm := rms.At(rapid.IntRange(0, rms.Len()-1).Draw(t, "which_resource"))
	sms := rm.ScopeMetrics()
	sm := sms.At(rapid.IntRange(0, sms.Len()-1).Draw(t, "which_scope"))
	ms := sm.Metrics()
	m := ms.At(rapid.IntRange(0, ms.Len()-1).Draw(t, "which_metric"))
	switch rapid.IntRange(0, 9).Draw(t, "change") {
	case 0:
		changeMap(t, rm.Resource().Attributes())
	case 1:
		changeMap(t, sm.Scope().Attributes())
	case 2:
		m.SetName(rapid.OneOf(texts, rapid.Just(""), rapid.Just("t.a-b"), rapid.Just("t.x.rate"), rapid.Just("t.x")).Draw(t, "name"))
	case 3:
		m.CopyTo(ms.AppendEmpty())
	case 4:
		sm.CopyTo(sms.AppendEmpty())
	case 5:
		changeKind(t, m)
	case 6:
		m.SetEmptyHistogram().DataPoints().AppendEmpty()
	default:
		points := pointsOf(m)
		if points.Len() == 0 {
			return
		}
		changePoint(t, points, points.At(rapid.IntRange(0, points.Len()-1).Draw(t, "which_point")))
	}
}

func pointsOf(m pmetric.Metric) pmetric.NumberDataPointSlice {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return m.Gauge().DataPoints()
	case pmetric.MetricTypeSum:
		return m.Sum().DataPoints()
	}
	return pmetric.NewNumberDataPointSlice()
}

func changeKind(t *rapid.T, m pmetric.Metric) {
	if m.Type() == pmetric.MetricTypeSum {
		m.Sum().SetIsMonotonic(rapid.Bool().Draw(t, "monotonic"))
		m.Sum().SetAggregationTemporality(pmetric.AggregationTemporality(rapid.IntRange(0, 2).Draw(t, "temporality")))
	}
}

func changePoint(t *rapid.T, points pmetric.NumberDataPointSlice, p pmetric.NumberDataPoint) {
	switch rapid.IntRange(0, 6).Draw(t, "point_change") {
	case 0:
		changeMap(t, p.Attributes())
	case 1:
		p.SetDoubleValue(rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64}).Draw(t, "odd"))
	case 2:
		p.SetTimestamp(pcommon.Timestamp(rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64()).Draw(t, "time")))
	case 3:
		p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	case 4:
		p.CopyTo(points.AppendEmpty())
	case 5: // another order of attributes
		for k, v := range p.Attributes().All() {
			text := v.AsString()
			p.Attributes().Remove(k)
			p.Attributes().PutStr(k, text)
			break
		}
	case 6: // another order of points
		n := rapid.Int().Draw(t, "order")
		points.Sort(func(a, b pmetric.NumberDataPoint) bool { return int(a.Timestamp())*n < int(b.Timestamp())*n })
	}
}

func changeMap(t *rapid.T, m pcommon.Map) {
	keys := []string{"k", "a-b", "x", "service.name", attrs.ResourceMetadataPrefix + "a-b", attrs.ResourceMetadataPrefix + pluginsdk.ResourceTTLKey, attrs.ResourceCreationTimestamp}
	for k := range m.All() {
		keys = append(keys, k)
	}
	key := rapid.SampledFrom(keys).Draw(t, "changed_key")
	switch rapid.IntRange(0, 6).Draw(t, "map_change") {
	case 0:
		m.Remove(key)
	case 1:
		m.PutEmpty(key)
	case 2:
		m.PutInt(key, rapid.SampledFrom([]int64{0, 1, 60, math.MaxInt64}).Draw(t, "int"))
	case 3:
		m.PutDouble(key, rapid.OneOf(rapid.Float64(), rapid.Just(60.0), rapid.Just(math.NaN())).Draw(t, "double"))
	case 4:
		m.PutStr(key, rapid.SampledFrom([]string{"", "a|b", "60", "x"}).Draw(t, "text"))
	case 5:
		m.PutBool(key, true)
	case 6:
		m.PutEmptyBytes(key).Append(1)
	}
}

// FuzzEncoder reads any bytes as OTLP: maps with a key twice come no other way.
func FuzzEncoder(f *testing.F) {
	addMetrics(f)
	e := NewEncoder(pdata.FromOptions{Now: epoch}, testRoutes)
	f.Fuzz(func(t *testing.T, data []byte) {
		if md, ok := readMetrics(data); ok {
			same(t, e, md, pdata.FromOptions{Now: epoch})
		}
	})
}

func addMetrics(f *testing.F) {
	for i := range 20 {
		data, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(rapid.Custom(drawMetrics).Example(i))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

func readMetrics(data []byte) (pmetric.Metrics, bool) {
	md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(data)
	return md, err == nil
}

func TestEncoderStopsAtVisitorsError(t *testing.T) {
	t.Parallel()
	e := NewEncoder(pdata.FromOptions{Now: epoch}, testRoutes)
	stop := errors.New("stop")
	calls := 0
	_, err := e.Encode(tableMetrics(3), func(*Message) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Fatal(calls, err)
	}
}

// TestKeysThatComeTwice: OTLP can have them, where the first one counts for some readers and the last for others.
func TestKeysThatComeTwice(t *testing.T) {
	t.Parallel()
	e := NewEncoder(pdata.FromOptions{Now: epoch}, testRoutes)
	for _, c := range []struct{ where, key, twin string }{
		{"resource", attrs.ResourceSite, "panoptes.resource.sitf"},
		{"resource", attrs.ResourceMetadataPrefix + "model", attrs.ResourceMetadataPrefix + "modem"},
		{"resource", attrs.ResourceCreationTimestamp, "panoptes.resource.creation_timestamq"},
		{"scope", attrs.GroupType, "panoptes.metrics_group.typf"},
		{"scope", attrs.GroupInterval, "panoptes.metrics_group.intervam"},
		{"scope", attrs.PluginTopics, "panoptes.plugin.topict"},
		{"point", "alias", "aliat"},
	} {
		md := tableMetrics(3)
		rm := md.ResourceMetrics().At(0)
		sm := rm.ScopeMetrics().At(0)
		sm.Scope().Attributes().PutStr(attrs.PluginTopics, "a")
		for _, value := range []any{"other", int64(30), 0.0, "", "uplink 0"} {
			m := map[string]pcommon.Map{
				"resource": rm.Resource().Attributes(), "scope": sm.Scope().Attributes(),
				"point": sm.Metrics().At(1).Sum().DataPoints().At(0).Attributes(),
			}[c.where]
			_ = m.PutEmpty(c.twin).FromRaw(value)
			data, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
			if err != nil {
				t.Fatal(err)
			}
			twice, ok := readMetrics(bytes.ReplaceAll(data, []byte(c.twin), []byte(c.key)))
			if !ok {
				t.Fatal(c)
			}
			same(t, e, twice, pdata.FromOptions{Now: epoch})
		}
	}
}

// epoch is a clock that stands, so that two ways of encoding give points without a time the same one.
func epoch() time.Time { return time.Unix(1600000000, 0) }
