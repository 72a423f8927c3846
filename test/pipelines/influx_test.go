package pipelines

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/influxdata/influxdb/models"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/group/influx"
	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// decode reads a line as InfluxDB does, between neighbours that must not suffer.
func decode(t require.TestingT, line string) models.Point {
	const neighbour = "neighbour f=1,g=\"a\" 1\n"
	points, err := models.ParsePointsWithPrecision([]byte(neighbour+line+"\n"+neighbour), time.Time{}, "s")
	require.NoError(t, err, line)
	require.Len(t, points, 3, line)
	return points[1]
}

// stored is how InfluxDB has a tag's value: it takes the backslashes before blanks, commas and equals signs for escapes,
// and those before other whitespace for part of the value.
func stored(value string) string {
	line, _ := influx.AppendTagValue(nil, "", value)
	return strings.NewReplacer(`\,`, ",", `\=`, "=", `\ `, " ").Replace(string(line))
}

// TestInfluxReadsTheVectors: InfluxDB's own decoder takes what Panoptes writes.
func TestInfluxReadsTheVectors(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../testdata/vectors/influx.jsonl")
	require.NoError(t, err)
	read := 0
	for line := range strings.Lines(string(data)) {
		var row struct {
			Name  string
			Lines []string
		}
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		// InfluxDB has no empty tags. Panoptes would write one, no group from pdata has one.
		if len(row.Lines) == 0 || strings.Contains(row.Lines[0], "=,") {
			continue
		}
		read++
		p := decode(t, row.Lines[0])
		fields, err := p.Fields()
		require.NoError(t, err)
		for name, value := range fields {
			require.IsType(t, 0.0, value, "%s: %s", row.Name, name)
		}
	}
	require.GreaterOrEqual(t, read, 15)
}

// TestInfluxReadsGroups: what InfluxDB's own decoder reads in a line is what the group says.
func TestInfluxReadsGroups(t *testing.T) {
	t.Parallel()
	encoder := panoptesjson.NewLineEncoder(pdata.FromOptions{})
	texts := rapid.OneOf(
		rapid.SampledFrom([]string{"a", `\ x\="`, `C:\`, "a\\\nb", "#a", " "}),
		rapid.StringOfN(rapid.SampledFrom([]rune("ab \\,=\"\n\r\tß\u00a0\x00")), 1, 12, -1),
		rapid.StringN(1, 12, -1)).Filter(utf8.ValidString)
	names := rapid.StringMatching(`[A-Za-z_é][A-Za-z0-9_]{0,5}`).Filter(func(s string) bool { return s != "time" })
	_, _ = texts.String(), names.String()
	rapid.Check(t, func(t *rapid.T) {
		r := &pluginsdk.Resource{
			Site: texts.Draw(t, "site"), Class: texts.Draw(t, "class"), Subclass: texts.Draw(t, "subclass"), Type: texts.Draw(t, "type"),
			ID: "id", Endpoint: texts.Draw(t, "endpoint"), CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Int(1)),
		}
		at := rapid.Int64Range(1, 4_000_000_000).Draw(t, "at")
		g := &pluginsdk.MetricsGroup{Resource: r, Type: texts.Draw(t, "group_type"), Interval: 60}
		tags := map[string]string{}
		for range rapid.IntRange(0, 4).Draw(t, "dimensions") {
			name, value := names.Draw(t, "dimension"), texts.Draw(t, "value")
			if g.AddDimension(name, value) == nil {
				tags[name] = stored(value)
			}
		}
		fields := models.Fields{}
		for range rapid.IntRange(1, 5).Draw(t, "metrics") {
			m := pluginsdk.Metric{
				Name: names.Draw(t, "metric"), Type: pluginsdk.MetricType(rapid.IntRange(0, 1).Draw(t, "kind")),
				Timestamp: pluginsdk.Int(at), Value: pluginsdk.Float(rapid.Float64().Draw(t, "double")),
			}
			if rapid.Bool().Draw(t, "integer") {
				m.Value = pluginsdk.Int(rapid.Int64().Draw(t, "int"))
			}
			if g.AddMetric(m) == nil {
				fields[m.Name+"__"+m.Type.String()] = m.Value.Float64()
			}
		}
		for name, value := range map[string]string{
			"resource_site": r.Site, "resource_class": r.Class, "resource_subclass": r.Subclass, "resource_type": r.Type, "resource_endpoint": r.Endpoint,
		} {
			tags[name] = stored(value)
		}
		b := pdata.NewBuilder(pdata.Options{ServiceIdentity: true})
		b.Add(pdata.Scope{Plugin: "p"}, g)
		lines := 0
		_, _ = encoder.Encode(b.Take(), func(m *panoptesjson.Message) error {
			lines++
			if m.Err != nil {
				require.ErrorIs(t, m.Err, influx.ErrBackslash)
				return nil
			}
			p := decode(t, string(m.Line))
			require.Equal(t, string(influx.AppendMeasurement(nil, g.Type)), string(p.Name()))
			require.Equal(t, tags, p.Tags().Map())
			got, err := p.Fields()
			require.NoError(t, err)
			require.Equal(t, fields, got)
			require.Equal(t, at, p.Time().Unix())
			return nil
		})
		require.Equal(t, 1, lines)
	})
}

// BenchmarkInfluxLines makes lines of the groups of an interface plugin, 48 groups of 14 counters, and lets InfluxDB's own
// library make them of the same groups.
func BenchmarkInfluxLines(b *testing.B) {
	const groups = 48
	builder := pdata.NewBuilder(pdata.Options{ServiceIdentity: true})
	r := &pluginsdk.Resource{
		Site: "site1", Class: "network", Subclass: "switch", Type: "vendor_os", ID: "switch-1.site1.example.com", Endpoint: "10.0.0.1",
		Plugin: "inventory", CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Float(1512629517.03)),
	}
	for i := range groups {
		g := &pluginsdk.MetricsGroup{Resource: r, Type: "interface", Interval: 60}
		require.NoError(b, g.AddDimension("interface_name", fmt.Sprintf("xe-0/0/%d", i)))
		require.NoError(b, g.AddDimension("alias", fmt.Sprintf("uplink %d", i)))
		for m := range 14 {
			require.NoError(b, g.AddMetric(pluginsdk.Metric{
				Name: fmt.Sprintf("counter_%d", m), Type: pluginsdk.Counter, Value: pluginsdk.Int(int64(i*m) * 1234567),
				Timestamp: pluginsdk.Float(1600000000.123),
			}))
		}
		builder.Add(pdata.Scope{Plugin: "interfaces"}, g)
	}
	md := builder.Take()
	measure := func(name string, encode func(out []byte) []byte) {
		b.Run(name, func(b *testing.B) {
			var out []byte
			b.ReportAllocs()
			for b.Loop() {
				out = encode(out[:0])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*groups), "ns/group")
		})
	}
	encoder := panoptesjson.NewLineEncoder(pdata.FromOptions{})
	measure("ours", func(out []byte) []byte {
		_, _ = encoder.Encode(md, func(m *panoptesjson.Message) error {
			out = append(append(out, m.Line...), '\n')
			return nil
		})
		return out
	})
	measure("library", func(out []byte) []byte {
		_, _ = pdata.Groups(md, pdata.FromOptions{}, func(g pdata.Group) error {
			tags := map[string]string{
				"resource_site": g.Resource.Site, "resource_class": g.Resource.Class, "resource_subclass": g.Resource.Subclass,
				"resource_type": g.Resource.Type, "resource_endpoint": g.Resource.Endpoint,
			}
			for _, d := range g.Dimensions() {
				tags[d.Name] = d.Value
			}
			fields := make(models.Fields, len(g.Metrics()))
			for _, m := range g.Metrics() {
				fields[m.Name+"__"+m.Type.String()] = m.Value.Float64()
			}
			p, err := models.NewPoint(g.Type, models.NewTags(tags), fields, time.Unix(int64(g.Timestamp.Number.Float64()), 0))
			if err != nil {
				return err
			}
			out = append(p.AppendString(out), '\n')
			return nil
		})
		return out
	})
}
