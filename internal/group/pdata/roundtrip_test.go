package pdata

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// TestRoundTrip holds for all groups of the lossless set: finite values within int64 and double, times in milliseconds
// after the first millisecond of 1970, which is none in OpenTelemetry; at least one metric. The group's own time becomes its earliest metric's.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		resources := rapid.SliceOfN(rapid.Custom(drawResource), 1, 3).Draw(t, "resources")
		b := NewBuilder(Options{ServiceIdentity: rapid.Bool().Draw(t, "service_identity"), Rates: rapid.Bool().Draw(t, "rates")})
		rounds := rapid.IntRange(1, 2).Draw(t, "rounds")
		for range rounds {
			var want []string
			points := 0
			for range rapid.IntRange(1, 12).Draw(t, "groups") {
				s := drawScope(t)
				g := drawGroup(t, rapid.SampledFrom(resources).Draw(t, "resource"))
				if n := b.Add(s, g); n != len(g.Metrics()) {
					t.Fatalf("%d points of %d metrics", n, len(g.Metrics()))
				}
				points += len(g.Metrics())
				want = append(want, canonical(Group{g, s.Plugin, s.Topics}))
			}
			if b.Points() != points || b.Dropped() != nil {
				t.Fatalf("%d points, want %d", b.Points(), points)
			}
			var got []string
			report, err := Groups(b.Take(), FromOptions{DoubleRates: true}, func(g Group) error {
				got = append(got, canonical(g))
				return nil
			})
			if err != nil || len(report) > 0 {
				t.Fatal(report, err)
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	})
}

// canonical is a text that is the same for the same groups, whatever the order of metrics and dimensions, which Panoptes
// keeps in sets.
func canonical(g Group) string {
	metrics := slices.Clone(g.Metrics())
	slices.SortFunc(metrics, func(a, b pluginsdk.Metric) int {
		return strings.Compare(a.Name+" "+a.Type.String(), b.Name+" "+b.Type.String())
	})
	earliest := metrics[0].Timestamp
	out := pluginsdk.MetricsGroup{Resource: g.Resource, Type: g.Type, Interval: g.Interval}
	for _, m := range metrics {
		if m.Timestamp.Float64() < earliest.Float64() {
			earliest = m.Timestamp
		}
		_ = out.AddMetric(m)
	}
	for _, d := range g.SortedDimensions() {
		_ = out.AddDimension(d.Name, d.Value)
	}
	out.Timestamp = pluginsdk.NumberTimestamp(earliest)
	return g.Plugin + " " + g.Topics + " " + string(out.AppendJSON(nil))
}

func drawScope(t *rapid.T) Scope {
	return Scope{
		Plugin:     rapid.SampledFrom([]string{"p", "tutorial_plugin", "größe"}).Draw(t, "plugin"),
		Transforms: rapid.SampledFrom([]string{"", "a = rate:t:x"}).Draw(t, "transforms"),
		Topics:     rapid.SampledFrom([]string{"", "a,b"}).Draw(t, "topics"),
		PlainNames: rapid.Bool().Draw(t, "plain"),
	}
}

var (
	texts = rapid.OneOf(rapid.SampledFrom([]string{"a", "b", "a|b", "größe 😀", " "}), rapid.StringN(1, 5, -1))
	names = rapid.OneOf(rapid.SampledFrom([]string{"x", "y", "_", "é", "rate"}), rapid.StringMatching(`[A-Za-z_][A-Za-z0-9_]{0,4}`))
)

func drawResource(t *rapid.T) *pluginsdk.Resource {
	part := func(name string) string { return rapid.SampledFrom([]string{"a", "b", "c.d"}).Draw(t, name) }
	r := &pluginsdk.Resource{
		Site: part("site"), Class: part("class"), Subclass: part("subclass"), Type: part("type"),
		ID: texts.Draw(t, "id"), Endpoint: texts.Draw(t, "endpoint"), Plugin: rapid.SampledFrom([]string{"", "disc"}).Draw(t, "discovery"),
		CreationTimestamp: rapid.SampledFrom([]pluginsdk.Timestamp{
			pluginsdk.NumberTimestamp(pluginsdk.Int(1512629517)), pluginsdk.NumberTimestamp(pluginsdk.Float(1512629517)),
			pluginsdk.NumberTimestamp(pluginsdk.Float(1512629517.03121)), pluginsdk.TextTimestamp("1512629517.03121"),
		}).Draw(t, "creation"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "entries") {
		_ = r.AddMetadata(names.Draw(t, "key"), texts.Filter(func(s string) bool { return !strings.Contains(s, "|") }).Draw(t, "value"))
	}
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	return r
}

func drawGroup(t *rapid.T, r *pluginsdk.Resource) *pluginsdk.MetricsGroup {
	g := &pluginsdk.MetricsGroup{
		Resource: r,
		Type:     rapid.OneOf(rapid.SampledFrom([]string{"t", "t.x", "größe 1"}), texts).Draw(t, "type"),
		Interval: rapid.SampledFrom([]int{1, 60}).Draw(t, "interval"),
	}
	for range rapid.IntRange(0, 2).Draw(t, "dimensions") {
		_ = g.UpsertDimension(names.Draw(t, "dimension"), texts.Draw(t, "value"))
	}
	if rapid.IntRange(0, 9).Draw(t, "many") == 0 {
		for i := range indexFrom {
			_ = g.UpsertDimension(fmt.Sprintf("d%d", i), "v")
		}
	}
	for i := 0; len(g.Metrics()) == 0 || i < 4; i++ {
		m := pluginsdk.Metric{
			Name:      names.Draw(t, "metric"),
			Type:      rapid.SampledFrom([]pluginsdk.MetricType{pluginsdk.Gauge, pluginsdk.Counter}).Draw(t, "kind"),
			Timestamp: pluginsdk.Float(float64(drawMillis(t)) / 1000),
			Value:     pluginsdk.Int(rapid.Int64().Draw(t, "integer")),
			Unit:      rapid.SampledFrom([]string{"", "s", "By"}).Draw(t, "unit"),
		}
		if rapid.Bool().Draw(t, "double") {
			m.Value = pluginsdk.Float(rapid.Float64().Draw(t, "value"))
		}
		_ = g.AddMetric(m)
	}
	return g
}

// drawMillis draws from few times, so that groups of equal dimensions meet, and from all that pdata holds.
func drawMillis(t *rapid.T) int64 {
	return rapid.OneOf(rapid.Int64Range(1, 6), rapid.Int64Range(1, maxMillis)).Draw(t, "millis")
}

func TestTimesAreExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		millis := drawMillis(t)
		seconds := pluginsdk.Float(float64(millis) / 1000)
		at, ok := pdataTime(seconds)
		if !ok || int64(at/nanosPerMilli) != millis || at%nanosPerMilli != 0 {
			t.Fatalf("%d ms became %d ns", millis, at)
		}
		if back := secondsOf(at + 499_999); !back.Equal(seconds) {
			t.Fatalf("%s became %s", seconds, back)
		}
	})
}

func TestSanitiseMakesValidNames(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "_", "a": "a", "system.cpu.time": "system_cpu_time", "5xx": "_5xx", "٣x": "_٣x", "²": "²", "a-b c": "a_b_c", "\xff": "_", "é": "é",
	} {
		if got, changed := SafeName(in); got != want || changed != (in != want) {
			t.Errorf("%q became %q (changed: %v), want %q", in, got, changed, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "name")
		got, changed := SafeName(in)
		if !pluginsdk.ValidName(got) || changed == (got == in) {
			t.Fatalf("%q became %q (changed: %v)", in, got, changed)
		}
	})
}
