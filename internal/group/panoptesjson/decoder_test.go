package panoptesjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// TestDecodeReadsPanoptes decodes what Panoptes itself wrote, NaN and the infinities too, and writes it again.
func TestDecodeReadsPanoptes(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../../testdata/vectors/metrics_group_json.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	d := NewDecoder(DecoderOptions{})
	rows := 0
	for line := range strings.Lines(string(data)) {
		var row struct{ Name, Raw string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if row.Raw == "" {
			continue
		}
		rows++
		var g pluginsdk.MetricsGroup
		if err := d.Decode([]byte(row.Raw), &g); err != nil {
			t.Errorf("%s: %v", row.Name, err)
		} else if got := string(g.AppendJSON(nil)); got != row.Raw {
			t.Errorf("%s: got\n%s\nwant\n%s", row.Name, got, row.Raw)
		}
	}
	if rows < 40 {
		t.Errorf("only %d rows", rows)
	}
}

func drawGroup(t *rapid.T) *pluginsdk.MetricsGroup {
	r := drawResource(t)
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	g := &pluginsdk.MetricsGroup{Resource: r, Type: texts.Draw(t, "type"), Interval: rapid.IntRange(1, 1<<31-1).Draw(t, "interval")}
	g.Timestamp = rapid.SampledFrom([]pluginsdk.Timestamp{
		pluginsdk.NumberTimestamp(pluginsdk.Float(1600000000.123456)), pluginsdk.NumberTimestamp(pluginsdk.Int(0)), pluginsdk.TextTimestamp("12.5"),
	}).Draw(t, "time")
	for range rapid.IntRange(0, 3).Draw(t, "dimensions") {
		_ = g.UpsertDimension(names.Draw(t, "dimension"), texts.Draw(t, "value"))
	}
	for range rapid.IntRange(0, 5).Draw(t, "metrics") {
		_ = g.AddMetric(pluginsdk.Metric{
			Name: names.Draw(t, "metric"), Type: pluginsdk.MetricType(rapid.IntRange(0, 1).Draw(t, "kind")), Value: drawValue(t),
			Timestamp: rapid.SampledFrom([]pluginsdk.Number{pluginsdk.Int(12), pluginsdk.Float(1600000000.1), pluginsdk.Float(-1e-7), pluginsdk.Int(0)}).Draw(t, "at"),
		})
	}
	return g
}

// TestDecodeEncodeIsIdentity holds for every group; bytes that are no UTF-8 are written as U+FFFD, so what is compared
// is what was written.
func TestDecodeEncodeIsIdentity(t *testing.T) {
	t.Parallel()
	d := NewDecoder(DecoderOptions{})
	var g pluginsdk.MetricsGroup
	rapid.Check(t, func(t *rapid.T) {
		raw := drawGroup(t).AppendJSON(nil)
		for form, text := range otherForms(t, raw) {
			if err := d.Decode(text, &g); err != nil {
				t.Fatalf("%s: %v\n%s", form, err, text)
			}
			got := g.AppendJSON(nil)
			if form != "other order" && !bytes.Equal(got, raw) {
				t.Fatalf("%s: got\n%s\nwant\n%s", form, got, raw)
			}
			for reader, read := range otherReaders {
				other, err := read(text)
				if err != nil {
					t.Fatal(reader, err)
				}
				if want := other.AppendJSON(nil); !bytes.Equal(got, want) {
					t.Fatalf("%s: got\n%s\nas %s reads it\n%s", form, got, reader, want)
				}
			}
		}
	})
}

// otherForms are other texts of the same value.
func otherForms(t *rapid.T, raw []byte) map[string][]byte {
	var compact, indented bytes.Buffer
	_ = json.Compact(&compact, raw)
	_ = json.Indent(&indented, raw, " ", "\t\r\n")
	var v map[string]any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	v["unknown"] = []any{nil, true, map[string]any{"a": "\"\\"}, -1.5e-7, []any{}}
	v["resource"].(map[string]any)["unknown"] = "x"
	sorted, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"raw": raw, "compact": compact.Bytes(), "indented": indented.Bytes(), "other order": sorted}
}

// TestDecodeIsEncodersInverse goes from pdata to messages and back: the messages are the same again, whatever other
// components did to the first pdata.
func TestDecodeIsEncodersInverse(t *testing.T) {
	t.Parallel()
	e := NewEncoder(pdata.FromOptions{Now: epoch}, testRoutes)
	d := NewDecoder(DecoderOptions{})
	rapid.Check(t, func(t *rapid.T) {
		var want, got []string
		b := pdata.NewBuilder(pdata.Options{})
		_, _ = e.Encode(drawMetrics(t), func(m *Message) error {
			if _, err := d.AppendTo(b, pdata.Scope{}, m.JSON); err != nil {
				t.Fatalf("%v\n%s", err, m.JSON)
			}
			want = append(want, canonical(t, d, m.JSON))
			return nil
		})
		if b.Dropped() != nil {
			return // integers beyond int64
		}
		_, _ = e.Encode(b.Take(), func(m *Message) error {
			got = append(got, canonical(t, d, m.JSON))
			return nil
		})
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// canonical is a text that is the same for messages that differ in the order of metrics and dimensions alone, which
// means nothing in Panoptes.
func canonical(t *rapid.T, d *Decoder, message []byte) string {
	var g pluginsdk.MetricsGroup
	if err := d.Decode(message, &g); err != nil {
		t.Fatalf("%v\n%s", err, message)
	}
	out := pluginsdk.MetricsGroup{Resource: g.Resource, Type: g.Type, Interval: g.Interval, Timestamp: g.Timestamp}
	metrics := slices.Clone(g.Metrics())
	slices.SortFunc(metrics, func(a, b pluginsdk.Metric) int {
		return strings.Compare(a.Name+" "+a.Type.String(), b.Name+" "+b.Type.String())
	})
	for _, m := range metrics {
		_ = out.AddMetric(m)
	}
	for _, d := range g.SortedDimensions() {
		_ = out.AddDimension(d.Name, d.Value)
	}
	return string(out.AppendJSON(nil))
}

const (
	goodResource = `{"resource_site": "s", "resource_class": "c", "resource_subclass": "sc", "resource_type": "t", "resource_id": "i", ` +
		`"resource_endpoint": "e", "resource_metadata": {"_resource_ttl": "60"}, "resource_creation_timestamp": "1.5", "resource_plugin": null}`
	goodMetric = `{"metric_creation_timestamp": 1.5, "metric_name": "m", "metric_value": 5, "metric_type": "gauge"}`
	goodHead   = `"metrics_group_type": "t", "metrics_group_interval": 60, "metrics_group_creation_timestamp": 1, "metrics_group_schema_version": "0.2"`
)

func TestDecodeErrorsNameTheField(t *testing.T) {
	t.Parallel()
	group := func(resource, metrics, dimensions string) string {
		return `{` + goodHead + `, "resource": ` + resource + `, "metrics": ` + metrics + `, "dimensions": ` + dimensions + `}`
	}
	deep := strings.Repeat("[", 1e5)
	for _, c := range []struct{ in, want string }{
		{``, `at byte 0: the text ends too early`},
		{`[]`, `at byte 0: expected an object`},
		{`{"a" 1}`, `at byte 5: expected ":" after a key`},
		{`{"a": 1 "b": 2}`, `at byte 8: expected "," or the end of the list`},
		{`{"a": x}`, `a (at byte 6): expected a value`},
		{`{"a": ` + deep, `a (at byte 70): values are nested deeper than 64`},
		{`{}`, `resource (at byte 2): must be given`},
		{`{"resource": ` + goodResource + `}`, `metrics_group_type (at byte 263): must be a non-empty string`},
		{`{"metrics_group_type": 5}`, `metrics_group_type (at byte 23): expected a string`},
		{`{"metrics_group_interval": 1.5}`, `metrics_group_interval (at byte 27): must be an integer greater than zero`},
		{`{"metrics_group_interval": "60"}`, `metrics_group_interval (at byte 27): expected a number`},
		{`{"metrics_group_schema_version": "0.1"}`, `metrics_group_schema_version (at byte 33): is "0.1", expected "0.2"`},
		{`{"metrics_group_creation_timestamp": []}`, `metrics_group_creation_timestamp (at byte 37): expected a number`},
		{`{"metrics_group_type": "a` + "\x01" + `"}`, `metrics_group_type (at byte 25): a control character must be escaped in a string`},
		{`{"metrics_group_type": "\x"}`, `metrics_group_type (at byte 24): not an escape of JSON`},
		{`{"metrics_group_type": "\u12"}`, `metrics_group_type (at byte 24): not an escape of JSON`},
		{`{"resource": {"resource_site": "\x"}}`, `resource.resource_site (at byte 32): not an escape of JSON`},
		{`{"resource": {"resource_site": "s", "resource_class": "` + "\n" + `"}}`, `resource.resource_class (at byte 55): a control character must be escaped in a string`},
		{`{"resource": {"resource_site": "s" "resource_class": 5}}`, `resource (at byte 35): expected "," or the end of the list`},
		{`{"metrics_group_type": "\`, `metrics_group_type (at byte 25): the text ends too early`},
		{group(goodResource, `[]`, `[]`) + ` x`, `at byte 432: something follows the message`},
		{group(goodResource, `[]`, `[], "metrics": []`), `metrics (at byte 443): is there twice`},
		{group(`{}`, `[]`, `[]`), `resource (at byte 148): resource_site must be a non-empty string`},
		{group(`{"resource_metadata": {"k": 5}}`, `[]`, `[]`), `resource.resource_metadata.k (at byte 176): expected a string`},
		{group(goodResource, `5`, `[]`), `metrics (at byte 410): expected a list, found a number`},
		{group(goodResource, `[`+goodMetric+`, {"metric_name": "n", "metric_value": "5"}]`, `[]`), `metrics[1].metric_value (at byte 547): expected a number`},
		{group(goodResource, `[`+goodMetric+`, `+goodMetric+`]`, `[]`), `metrics[1] (at byte 510): metric "m" (type "gauge") of group "t" is already there`},
		{group(goodResource, `[{"metric_name": "n", "metric_value": 5}]`, `[]`), `metrics[0].metric_type (at byte 450): must be "gauge" or "counter"`},
		{group(goodResource, `[{"metric_name": "n", "metric_value": 01}]`, `[]`), `metrics[0].metric_value (at byte 448): "01" is not a JSON number`},
		{group(goodResource, `[{"metric_name": "n", "metric_value": 1e999}]`, `[]`), `metrics[0].metric_value (at byte 448): number 1e999 is beyond the range of a double`},
		{group(goodResource, `[]`, `[{"dimension_name": "d"}]`), `dimensions[0] (at byte 429): value of dimension "d" must be a non-empty string`},
		{group(goodResource, `[]`, `[null]`), `dimensions[0] (at byte 429): expected an object`},
	} {
		var g pluginsdk.MetricsGroup
		err := NewDecoder(DecoderOptions{}).Decode([]byte(c.in), &g)
		var typed *Error
		if !errors.As(err, &typed) || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%.300s:\n got %v\nwant %s", c.in, err, c.want)
		}
	}
}

func TestDecodeIsTolerant(t *testing.T) {
	t.Parallel()
	other := &pluginsdk.Resource{Site: "other"}
	for _, c := range []struct{ name, in, want string }{
		{"metric's time as text", `{` + goodHead + `, "resource": ` + goodResource + `, "metrics": [{"metric_creation_timestamp": " 1.5 ", "metric_name": "m", "metric_value": 5, "metric_type": "gauge"}]}`, goodMetric},
		{"group's time as text", `{"metrics_group_creation_timestamp": "1.5", "metrics_group_type": "t", "metrics_group_interval": 1, "resource": ` + goodResource + `}`, `"metrics_group_creation_timestamp": "1.5"`},
		{"no resource", `{` + goodHead + `}`, `"resource_site": "other"`},
		{"nulls", `{` + goodHead + `, "resource": null, "metrics": null, "dimensions": null}`, `"resource_site": "other"`},
		{"later value counts", `{"metrics_group_type": "x", ` + goodHead + `}`, `"metrics_group_type": "t"`},
		{"surrogates", `{` + goodHead + `, "dimensions": [{"dimension_name": "\u00e9", "dimension_value": "\ud83d\ude00\ud83d\/é"}]}`, `"dimension_name": "\u00e9", "dimension_value": "\ud83d\ude00\ufffd/\u00e9"`},
	} {
		var g pluginsdk.MetricsGroup
		if err := NewDecoder(DecoderOptions{Resource: other}).Decode([]byte(c.in), &g); err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if got := string(g.AppendJSON(nil)); !strings.Contains(got, c.want) {
			t.Errorf("%s: got\n%s\nwithout\n%s", c.name, got, c.want)
		}
	}
}

// TestDecodeUnit: a unit is taken from what plugins give, and is not written into messages.
func TestDecodeUnit(t *testing.T) {
	t.Parallel()
	in := `{` + goodHead + `, "resource": ` + goodResource + `, "metrics": [{"metric_creation_timestamp": 1.5, "metric_name": "m", "metric_value": 5, "metric_type": "gauge", "metric_unit": "By"}]}`
	var g, slow pluginsdk.MetricsGroup
	if err := NewDecoder(DecoderOptions{}).Decode([]byte(in), &g); err != nil {
		t.Fatal(err)
	}
	if err := slow.UnmarshalJSON([]byte(in)); err != nil {
		t.Fatal(err)
	}
	if g.Metrics()[0].Unit != "By" || slow.Metrics()[0].Unit != "By" {
		t.Errorf("units %q, %q", g.Metrics()[0].Unit, slow.Metrics()[0].Unit)
	}
	if got := string(g.AppendJSON(nil)); strings.Contains(got, "By") {
		t.Errorf("the message has the unit: %s", got)
	}
}

func TestDecodeIsBounded(t *testing.T) {
	t.Parallel()
	var g pluginsdk.MetricsGroup
	if err := NewDecoder(DecoderOptions{MaxBytes: 10}).Decode(make([]byte, 11), &g); err == nil || err.Error() != "at byte 0: the message has 11 bytes, limit is 10" {
		t.Error(err)
	}
	entries := func(open, one, end string) string { return open + strings.Repeat(one+", ", maxEntries) + one + end }
	for want, in := range map[string]string{
		"more than 4096 entries": `{"resource": ` + entries(`{"resource_metadata": {`, `"k": "v"`, `}}`) + `}`,
		"is already there":       `{"dimensions": ` + entries(`[`, `{"dimension_name": "d", "dimension_value": "v"}`, `]`) + `}`,
	} {
		if err := NewDecoder(DecoderOptions{}).Decode([]byte(in), &g); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %.300v, want %s", err, want)
		}
	}
}

func TestDecodeSharesTheResourceOfMessagesInARow(t *testing.T) {
	t.Parallel()
	d := NewDecoder(DecoderOptions{})
	text := func(id string) []byte {
		return []byte(`{` + goodHead + `, "resource": ` + strings.Replace(goodResource, `"i"`, `"`+id+`"`, 1) + `}`)
	}
	var last *pluginsdk.Resource
	for i, c := range []struct {
		id   string
		same bool
	}{{"i", false}, {"i", true}, {"j", false}, {"j", true}, {"i", false}} {
		var g pluginsdk.MetricsGroup
		if err := d.Decode(text(c.id), &g); err != nil {
			t.Fatal(err)
		}
		if (g.Resource == last) != c.same || g.Resource.ID != c.id {
			t.Errorf("%d: %v, shared: %v", i, g.Resource.ID, g.Resource == last)
		}
		last = g.Resource
	}
}

func TestDecodeNeedsLittleMemory(t *testing.T) {
	md := tableMetrics(2)
	var messages [][]byte
	e := NewEncoder(pdata.FromOptions{}, testRoutes)
	_, _ = e.Encode(md, func(m *Message) error {
		messages = append(messages, bytes.Clone(m.JSON))
		return nil
	})
	messages[1] = bytes.Replace(messages[1], []byte("switch-0001"), []byte("switch-0002"), 1)
	d := NewDecoder(DecoderOptions{})
	var g pluginsdk.MetricsGroup
	i := 0
	if n := testing.AllocsPerRun(100, func() {
		i++
		if err := d.Decode(messages[i%2], &g); err != nil {
			t.Fatal(err)
		}
	}); n > 2 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzDecoder: no panic, what the SDK does not read the decoder does not, and what was read can be written, read again, and
// is then the same, for encoding/json and the SDK too.
func FuzzDecoder(f *testing.F) {
	for i := range 20 {
		f.Add(rapid.Custom(drawGroup).Example(i).AppendJSON(nil))
	}
	f.Add([]byte(`{"a": [{"b": null}, true, -0.5e+7], ` + goodHead + `, "resource": ` + goodResource + `, "metrics": [{"metric_value": NaN}]}`))
	d := NewDecoder(DecoderOptions{})
	f.Fuzz(func(t *testing.T, data []byte) {
		var g, again, sdk pluginsdk.MetricsGroup
		err := d.Decode(data, &g)
		if sdkErr := json.Unmarshal(data, &sdk); (sdkErr == nil) != (err == nil) && json.Valid(data) {
			t.Fatalf("%v, the SDK says %v", err, sdkErr)
		}
		if err != nil {
			return
		}
		out := g.AppendJSON(nil)
		if err := d.Decode(out, &again); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if got := again.AppendJSON(nil); !bytes.Equal(got, out) {
			t.Fatalf("got\n%s\nwant\n%s", got, out)
		}
		for _, m := range g.Metrics() {
			if !m.Value.IsFinite() || !m.Timestamp.IsFinite() {
				return
			}
		}
		if !g.Timestamp.Number.IsFinite() || !g.Resource.CreationTimestamp.Number.IsFinite() {
			return
		}
		for reader, read := range otherReaders {
			other, err := read(out)
			if err != nil {
				t.Fatalf("%s: %v\n%s", reader, err, out)
			}
			if got := other.AppendJSON(nil); !bytes.Equal(got, out) {
				t.Fatalf("%s: got\n%s\nwant\n%s", reader, got, out)
			}
		}
	})
}

// FuzzMessagesAreJSON reads any bytes as OTLP and writes it: encoding/json, and the decoder, read what package mapping
// says that it means.
func FuzzMessagesAreJSON(f *testing.F) {
	addMetrics(f)
	e := NewEncoder(pdata.FromOptions{}, testRoutes)
	d := NewDecoder(DecoderOptions{})
	f.Fuzz(func(t *testing.T, data []byte) {
		md, ok := readMetrics(data)
		if !ok {
			return
		}
		var written [][]any
		_, _ = pdata.Groups(md, pdata.FromOptions{}, func(g pdata.Group) error {
			written = append(written, valuesOf(g.MetricsGroup, g.Resource.CreationTimestamp))
			return nil
		})
		n := 0
		_, _ = e.Encode(md, func(m *Message) error {
			n++
			var ours pluginsdk.MetricsGroup
			standard, err := standardGroup(m.JSON)
			if err != nil {
				t.Fatalf("%v\n%s", err, m.JSON)
			}
			if err := d.Decode(m.JSON, &ours); err != nil {
				t.Fatalf("%v\n%s", err, m.JSON)
			}
			var creation struct {
				Resource struct {
					At pluginsdk.Timestamp `json:"resource_creation_timestamp"`
				}
			}
			if err := json.Unmarshal(m.JSON, &creation); err != nil {
				t.Fatal(err)
			}
			if creation.Resource.At.IsZero() { // each read it as now
				standard.Resource.CreationTimestamp = ours.Resource.CreationTimestamp
			}
			if !reflect.DeepEqual(ours.Metrics(), standard.Metrics()) || !bytes.Equal(ours.AppendJSON(nil), standard.AppendJSON(nil)) {
				t.Fatalf("got\n%s\nwant\n%s", ours.AppendJSON(nil), standard.AppendJSON(nil))
			}
			if got, want := valuesOf(standard, creation.Resource.At), written[n-1]; !reflect.DeepEqual(got, want) {
				t.Fatalf("encoding/json reads\n%v\nwritten was\n%v", got, want)
			}
			return nil
		})
		if n != len(written) {
			t.Fatalf("%d messages of %d groups", n, len(written))
		}
	})
}

// valuesOf is all that a group says, without the help of anything that writes JSON. What is no UTF-8 has no form in it.
// The creation time is extra, as a resource that is read without one, or with 0, was created now.
func valuesOf(g *pluginsdk.MetricsGroup, creation pluginsdk.Timestamp) []any {
	text := func(s string) string { return string([]rune(s)) }
	r := g.Resource
	out := []any{text(g.Type), g.Interval, g.Timestamp, creation.Number, text(creation.Text)}
	for _, s := range []string{r.Site, r.Class, r.Subclass, r.Type, r.ID, r.Endpoint, r.Plugin} {
		out = append(out, text(s))
	}
	for _, e := range r.Metadata {
		out = append(out, text(e.Key), text(e.Value))
	}
	for _, m := range g.Metrics() {
		out = append(out, m)
	}
	for _, d := range g.Dimensions() {
		out = append(out, text(d.Name), text(d.Value))
	}
	return out
}
