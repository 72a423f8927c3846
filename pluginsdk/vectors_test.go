package pluginsdk

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
)

// readVectors calls each for every row of a file recorded from Panoptes.
func readVectors[T any](t *testing.T, file string, each func(t *testing.T, row T)) {
	t.Helper()
	data, err := os.ReadFile("../testdata/vectors/" + file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	n := 0
	for lines.Scan() {
		n++
		var row T
		// NaN and Infinity are written as Python does; no row that a Go program has to take contains one.
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			if bytes.Contains(lines.Bytes(), []byte("NaN")) || bytes.Contains(lines.Bytes(), []byte("Infinity")) {
				continue
			}
			t.Fatalf("%s:%d: %v", file, n, err)
		}
		t.Run(fmt.Sprintf("%s:%d", file, n), func(t *testing.T) { each(t, row) })
	}
	if n == 0 || lines.Err() != nil {
		t.Fatalf("read %d rows of %s: %v", n, file, lines.Err())
	}
}

type buildRow struct {
	Name  string
	Build struct {
		Resource          json.RawMessage
		GroupType         json.RawMessage `json:"group_type"`
		Interval          json.RawMessage
		CreationTimestamp json.RawMessage `json:"creation_timestamp"`
		Now               float64
		Dimensions        []nameValue
		Upserts           []nameValue `json:"upsert_dimensions"`
		Metrics           []struct {
			Name  *string
			Value json.RawMessage
			// ValuePython is what JSON cannot say, such as float('nan').
			ValuePython string `json:"value_python"`
			Type        json.RawMessage
			TS          json.RawMessage
		}
	}
	Raw           string
	Deterministic bool `json:"raw_order_deterministic"`
	JSON          json.RawMessage
	Error         string
}

type nameValue struct{ Name, Value *string }

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// build makes the group of a row as a plugin author would; what Go's types rule out (a bool as a value, a name that is
// null) is the error that reading it from JSON gives.
func (row *buildRow) build() (*MetricsGroup, error) {
	b := &row.Build
	now := Float(pyjson.RoundMillis(b.Now))
	resource, err := row.resource()
	if err != nil {
		return nil, err
	}
	g := &MetricsGroup{Resource: resource, Timestamp: NumberTimestamp(now)}
	if err := json.Unmarshal(b.GroupType, &g.Type); err != nil {
		return nil, err
	}
	interval, err := ParseNumber(string(b.Interval))
	if seconds, ok := interval.Int64(); err == nil && ok {
		g.Interval = int(seconds)
	}
	if err := g.checkHead(); err != nil {
		return nil, err
	}
	if len(b.CreationTimestamp) > 0 && string(b.CreationTimestamp) != "null" {
		if err := json.Unmarshal(b.CreationTimestamp, &g.Timestamp); err != nil {
			return nil, err
		}
	}
	for _, d := range b.Dimensions {
		if err := g.AddDimension(text(d.Name), text(d.Value)); err != nil {
			return nil, err
		}
	}
	for _, d := range b.Upserts {
		if err := g.UpsertDimension(text(d.Name), text(d.Value)); err != nil {
			return nil, err
		}
	}
	for _, in := range b.Metrics {
		m := Metric{Name: text(in.Name), Timestamp: now}
		switch string(in.Type) {
		case `"gauge"`, "0", "0.0", "false":
		case `"counter"`, "1", "1.0", "true":
			m.Type = Counter
		default:
			return nil, fmt.Errorf("metric_type is %s", in.Type)
		}
		if special, ok := strings.CutPrefix(in.ValuePython, "float('"); ok {
			f, err := strconv.ParseFloat(strings.TrimSuffix(special, "')"), 64)
			if err != nil {
				return nil, err
			}
			m.Value = Float(f)
		} else if m.Value, err = ParseNumber(string(in.Value)); err != nil {
			return nil, err
		}
		if len(in.TS) > 0 && string(in.TS) != "null" {
			if m.Timestamp, err = ParseNumber(string(in.TS)); err != nil {
				return nil, err
			}
		}
		if err := g.AddMetric(m); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (row *buildRow) resource() (*Resource, error) {
	if string(row.Build.Resource) == "null" {
		return nil, errors.New("resource must be given")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(row.Build.Resource, &fields); err != nil {
		return nil, err
	}
	var ttl json.Number
	meta := `{`
	if raw, ok := fields["resource_ttl"]; ok {
		if err := json.Unmarshal(raw, &ttl); err != nil || raw[0] == '"' {
			return nil, fmt.Errorf("resource_ttl is %s", raw)
		}
		meta += `"_resource_ttl": "` + ttl.String() + `"`
	}
	if raw, ok := fields["metadata"]; ok {
		if len(meta) > 1 {
			meta += ","
		}
		meta += strings.TrimPrefix(strings.TrimSpace(string(raw)), "{")
	} else {
		meta += `}`
	}
	fields["resource_metadata"] = json.RawMessage(meta)
	doc, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	r := &Resource{}
	if err := json.Unmarshal(doc, r); err != nil {
		return nil, err
	}
	var given Timestamp
	if raw, ok := fields["resource_creation_timestamp"]; ok {
		_ = json.Unmarshal(raw, &given)
	}
	if given.IsZero() {
		r.CreationTimestamp = NumberTimestamp(Float(row.Build.Now))
	}
	return r, nil
}

func TestVectorsMetricsGroupJSON(t *testing.T) {
	t.Parallel()
	readVectors(t, "metrics_group_json.jsonl", func(t *testing.T, row buildRow) {
		g, err := row.build()
		if row.Error != "" {
			if err == nil {
				t.Fatalf("%s: no error, Panoptes says %s", row.Name, row.Error)
			}
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", row.Name, err)
		}
		got := string(g.AppendJSON(nil))
		if row.Deterministic && got != row.Raw {
			t.Errorf("%s:\n got %s\nwant %s", row.Name, got, row.Raw)
		}
		if a, b := sortedMembers(t, got), sortedMembers(t, row.Raw); a != b {
			t.Errorf("%s:\n got %s\nwant %s", row.Name, a, b)
		}
		if strings.Contains(got, "NaN") || strings.Contains(got, "Infinity") {
			return
		}
		// What we write, we read: to the same text.
		var back MetricsGroup
		if err := json.Unmarshal([]byte(got), &back); err != nil {
			t.Fatalf("%s: cannot read back: %v", row.Name, err)
		}
		if again := string(back.AppendJSON(nil)); again != got {
			t.Errorf("%s: read back as\n%s\nwas\n%s", row.Name, again, got)
		}
	})
}

// sortedMembers brings the arrays of metrics and dimensions, which Panoptes writes from sets, into one order.
func sortedMembers(t *testing.T, doc string) string {
	t.Helper()
	head, rest, ok := strings.Cut(doc, `"metrics": [`)
	if !ok {
		t.Fatalf("no metrics in %s", doc)
	}
	members := strings.FieldsFunc(rest, func(r rune) bool { return r == '{' || r == '}' })
	counts := map[string]int{}
	for _, m := range members {
		if strings.Contains(m, "_name") {
			counts[m]++
		}
	}
	out, err := json.Marshal(counts)
	if err != nil {
		t.Fatal(err)
	}
	return head + string(out)
}

func TestVectorsGroupSet(t *testing.T) {
	t.Parallel()
	type group struct {
		GroupType  string `json:"group_type"`
		Interval   int
		ResourceID string `json:"resource_id"`
		Endpoint   string `json:"resource_endpoint"`
		Plugin     string `json:"resource_plugin"`
		Metrics    [][3]json.RawMessage
		Dimensions [][2]string
	}
	type row struct {
		Name  string
		Added []group
		Kept  []int `json:"kept_indexes"`
	}
	readVectors(t, "group_set.jsonl", func(t *testing.T, row row) {
		set := NewMetricsGroupSet()
		var kept []int
		for i, in := range row.Added {
			g := &MetricsGroup{
				Resource: &Resource{
					Site: "s", Class: "c", Subclass: "sc", Type: "t", ID: in.ResourceID, Endpoint: in.Endpoint, Plugin: in.Plugin,
				},
				Type: in.GroupType, Interval: in.Interval,
			}
			for _, m := range in.Metrics {
				var name string
				var value, kind Number
				if err := errors.Join(json.Unmarshal(m[0], &name), json.Unmarshal(m[1], &value), json.Unmarshal(m[2], &kind)); err != nil {
					t.Fatal(err)
				}
				metric := Metric{Name: name, Value: value}
				if n, _ := kind.Int64(); n == 1 {
					metric.Type = Counter
				}
				if err := g.AddMetric(metric); err != nil {
					t.Fatal(err)
				}
			}
			for _, d := range in.Dimensions {
				if err := g.AddDimension(d[0], d[1]); err != nil {
					t.Fatal(err)
				}
			}
			if set.Add(g) {
				kept = append(kept, i)
			}
		}
		if fmt.Sprint(kept) != fmt.Sprint(row.Kept) || set.Len() != len(row.Kept) {
			t.Errorf("%s: kept %v, want %v", row.Name, kept, row.Kept)
		}
	})
}
