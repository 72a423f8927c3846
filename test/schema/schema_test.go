package schema

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/group/route"
	"github.com/panoptes-otel/panoptes-otel/internal/group/schema"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const location = "../../schema/metrics-group-0.2.json"

// compiled are the schema for what consumers accept, and the one for what we write.
func compiled(t *testing.T) (accepted, written *jsonschema.Schema) {
	t.Helper()
	c := jsonschema.NewCompiler()
	accepted, err := c.Compile(location)
	if err != nil {
		t.Fatal(err)
	}
	written, err = c.Compile(location + "#/$defs/written")
	if err != nil {
		t.Fatal(err)
	}
	return accepted, written
}

func parsed(message []byte) (any, error) { return jsonschema.UnmarshalJSON(bytes.NewReader(message)) }

func parse(t interface{ Fatal(args ...any) }, message []byte) any {
	v, err := parsed(message)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func vectors(t *testing.T, name string, row func(line []byte)) {
	t.Helper()
	data, err := os.ReadFile("../../testdata/vectors/" + name)
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(data)) {
		row([]byte(line))
		rows++
	}
	if rows == 0 {
		t.Fatal("no vectors")
	}
}

func TestDraft(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(location)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := jsonschema.NewCompiler().Compile("https://json-schema.org/draft/2020-12/schema")
	if err != nil {
		t.Fatal(err)
	}
	if err := meta.Validate(parse(t, data)); err != nil {
		t.Error(err)
	}
}

func TestVerdictsOfVectors(t *testing.T) {
	t.Parallel()
	accepted, _ := compiled(t)
	vectors(t, "schema.jsonl", func(line []byte) {
		var row struct {
			Name    string
			Message json.RawMessage
			Valid   bool
		}
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatal(err)
		}
		if err := accepted.Validate(parse(t, row.Message)); (err == nil) != row.Valid {
			t.Errorf("%s: %v, want valid: %t", row.Name, err, row.Valid)
		}
	})
}

// TestPanoptesGroups validates what Panoptes itself wrote. Groups without metrics are no messages that a consumer can
// use; NaN and the infinities are no JSON.
func TestPanoptesGroups(t *testing.T) {
	t.Parallel()
	accepted, written := compiled(t)
	checked := 0
	vectors(t, "metrics_group_json.jsonl", func(line []byte) {
		var row struct{ Name, Raw string }
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatal(err)
		}
		if row.Raw == "" || !json.Valid([]byte(row.Raw)) {
			return
		}
		checked++
		v := parse(t, []byte(row.Raw))
		empty := len(v.(map[string]any)["metrics"].([]any)) == 0
		// Panoptes does not check a time that is handed to it.
		_, textTime := v.(map[string]any)["metrics_group_creation_timestamp"].(string)
		for name, s := range map[string]*jsonschema.Schema{"accepted": accepted, "written": written} {
			if err := s.Validate(v); (err != nil) != (empty || textTime) {
				t.Errorf("%s (%s): %v", row.Name, name, err)
			}
		}
	})
	if checked < 30 {
		t.Errorf("only %d groups", checked)
	}
}

// TestCheckerHasTheSameRules spoils a good message somewhere and compares the verdicts.
func TestCheckerHasTheSameRules(t *testing.T) {
	t.Parallel()
	accepted, _ := compiled(t)
	var good []byte
	vectors(t, "schema.jsonl", func(line []byte) {
		var row struct {
			Name    string
			Message json.RawMessage
		}
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatal(err)
		}
		if row.Name == "good" {
			good = row.Message
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		v := spoil(t, parse(t, good))
		message, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		ours, published := schema.Validate(message), accepted.Validate(parse(t, message))
		if (ours == nil) != (published == nil) {
			t.Fatalf("%s\nours: %v\npublished: %v", message, ours, published)
		}
	})
}

// spoil replaces or removes one value of v.
func spoil(t *rapid.T, v any) any {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		k := rapid.SampledFrom(keys).Draw(t, "key")
		if rapid.IntRange(0, 4).Draw(t, "remove") == 0 {
			delete(v, k)
		} else {
			v[k] = spoil(t, v[k])
		}
		return v
	case []any:
		if len(v) > 0 && rapid.Bool().Draw(t, "inside") {
			i := rapid.IntRange(0, len(v)-1).Draw(t, "index")
			v[i] = spoil(t, v[i])
			return v
		}
	}
	return rapid.SampledFrom([]any{
		nil, true, false, 0, -1, 5, 1.5, "", "x", "0.2", "0.1", "gauge", "counter", "GAUGE", "1.5", []any{}, []any{1}, map[string]any{}, 1e300,
	}).Draw(t, "value")
}

// TestMessagesAreValid validates what the encoder writes, of our own data and of any other.
func TestMessagesAreValid(t *testing.T) {
	t.Parallel()
	_, written := compiled(t)
	rapid.Check(t, func(t *rapid.T) {
		for _, m := range messagesOf(drawMetrics(t)) {
			validate(t, written, m)
		}
	})
}

// messagesOf are the messages that the encoder writes.
func messagesOf(md pmetric.Metrics) (all [][]byte) {
	e := panoptesjson.NewEncoder(pdata.FromOptions{}, route.Options{})
	_, _ = e.Encode(md, func(m *panoptesjson.Message) error {
		all = append(all, bytes.Clone(m.JSON))
		return nil
	})
	return all
}

var (
	keys = rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"a", "5", "é", "host.name", "service.name", "panoptes.resource.site", "panoptes.resource.id", "panoptes.resource.plugin",
		"panoptes.resource.metadata.a-b", "panoptes.resource.metadata._resource_ttl", "panoptes.resource.creation_timestamp",
		"panoptes.metrics_group.type", "panoptes.metrics_group.interval",
	}))
	values = rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.SampledFrom([]any{"", "a|b", int64(0), int64(60), 1.5, true, nil, math.NaN()}),
	)
)

func drawMetrics(t *rapid.T) pmetric.Metrics {
	if rapid.Bool().Draw(t, "ours") {
		r := &pluginsdk.Resource{Site: "s", Class: "c", Subclass: "sc", Type: "t", ID: "i", Endpoint: "e", CreationTimestamp: pluginsdk.TextTimestamp("1.5")}
		g := &pluginsdk.MetricsGroup{Resource: r, Type: "t", Interval: 60}
		_ = g.AddDimension("d", rapid.StringN(1, -1, -1).Draw(t, "dimension"))
		_ = g.AddGauge("m", rapid.Float64().Draw(t, "value"))
		_ = g.AddCounter("m", rapid.Uint64().Draw(t, "count"))
		b := pdata.NewBuilder(pdata.Options{ServiceIdentity: true})
		b.Add(pdata.Scope{Plugin: "p"}, g)
		return b.Take()
	}
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	attributes := rapid.MapOfN(keys, values, 0, 4)
	_ = rm.Resource().Attributes().FromRaw(attributes.Draw(t, "resource"))
	sm := rm.ScopeMetrics().AppendEmpty()
	_ = sm.Scope().Attributes().FromRaw(attributes.Draw(t, "scope"))
	for range rapid.IntRange(1, 3).Draw(t, "metrics") {
		m := sm.Metrics().AppendEmpty()
		m.SetName(rapid.String().Draw(t, "name"))
		points := m.SetEmptyGauge().DataPoints()
		if rapid.Bool().Draw(t, "sum") {
			points = m.SetEmptySum().DataPoints()
		}
		for range rapid.IntRange(1, 2).Draw(t, "points") {
			p := points.AppendEmpty()
			p.SetTimestamp(1600000000e9) // without one, it would be the present, which does not stand still
			p.SetDoubleValue(rapid.Float64().Draw(t, "value"))
			_ = p.Attributes().FromRaw(attributes.Draw(t, "attributes"))
		}
	}
	return md
}
