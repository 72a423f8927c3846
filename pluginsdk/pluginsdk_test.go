package pluginsdk

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func validResource() *Resource {
	return &Resource{
		Site: "local", Class: "system", Subclass: "host", Type: "generic", ID: "h1", Endpoint: "localhost", Plugin: "p",
		CreationTimestamp: NumberTimestamp(Float(1512629517.03)),
		Metadata:          Metadata{{ResourceTTLKey, DefaultResourceTTL}},
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"5": "5", "5.0": "5.0", "-0": "0", "-0.0": "-0.0", "1e2": "100.0", "18446744073709551615": "18446744073709551615",
		"-9223372036854775808": "-9223372036854775808", "10000000000000000000000000": "10000000000000000000000000",
	} {
		n, err := ParseNumber(in)
		if err != nil || n.String() != want {
			t.Errorf("ParseNumber(%s) = %s, %v; want %s", in, n, err, want)
		}
	}
	for _, in := range []string{"", "+1", "01", "1.", ".5", "0x10", "1_0", "Inf", "NaN", "1e", "--1", "1e999", strings.Repeat("9", 1<<20), "1 "} {
		if n, err := ParseNumber(in); err == nil {
			t.Errorf("ParseNumber(%.20q) = %s, want an error", in, n)
		}
	}
	if Int(5).Equal(Float(5)) || !Uint(1<<63).Equal(Uint(1<<63)) || Uint(1<<63).Equal(Int(0)) {
		t.Error("5 and 5.0 must differ, and equal big integers be equal")
	}
	if _, ok := Uint(1 << 63).Int64(); ok {
		t.Error("2^63 does not fit an int64")
	}
}

func TestMetricsGroupRules(t *testing.T) {
	t.Parallel()
	g, err := NewMetricsGroup(validResource(), "example", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"second gauge":     firstError(g.AddGauge("m", 1), g.AddGauge("m", 2)),
		"digit first":      g.AddGauge("1m", 1),
		"dot":              g.AddGauge("a.b", 1),
		"empty name":       g.AddCounter("", 1),
		"second dimension": firstError(g.AddDimension("d", "1"), g.AddDimension("d", "1")),
		"empty value":      g.AddDimension("e", ""),
		"no interval":      newGroupError(validResource(), "t", time.Millisecond),
		"no type":          newGroupError(validResource(), "", time.Minute),
		"no resource":      newGroupError(nil, "t", time.Minute),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := g.AddCounter("m", 3); err != nil {
		t.Errorf("a counter of the name of a gauge: %v", err)
	}
	if err := g.UpsertDimension("d", "2"); err != nil {
		t.Error(err)
	}
	if v, _ := g.Dimension("d"); v != "2" {
		t.Errorf("dimension d = %q after upsert", v)
	}
	g.DeleteDimension("d")
	if len(g.Dimensions()) != 0 {
		t.Error("dimension still there")
	}
}

func TestMetricsGroupOfManyMetrics(t *testing.T) {
	t.Parallel()
	g, err := NewMetricsGroup(validResource(), "example", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	const n = 50_000 // a second or two where each metric were compared with all others
	for i := range n {
		if err := g.AddGauge(fmt.Sprintf("m%d", i), 1); err != nil {
			t.Fatal(err)
		}
	}
	for _, i := range []int{0, indexFrom - 1, indexFrom, n - 1} {
		if g.AddGauge(fmt.Sprintf("m%d", i), 1) == nil {
			t.Errorf("metric %d could be added twice", i)
		}
	}
	if err := g.AddCounter("m0", 1); err != nil || len(g.Metrics()) != n+1 {
		t.Errorf("%d metrics, %v", len(g.Metrics()), err)
	}
}

func TestMetricsGroupOfManyDimensions(t *testing.T) {
	t.Parallel()
	g, err := NewMetricsGroup(validResource(), "example", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	const n = 50_000
	for i := range n {
		if err := g.AddDimension(fmt.Sprintf("d%d", i), "v"); err != nil {
			t.Fatal(err)
		}
	}
	g.DeleteDimension("d1")
	for _, i := range []int{0, indexFrom - 1, indexFrom, n - 1} {
		name := fmt.Sprintf("d%d", i)
		if g.AddDimension(name, "v") == nil || g.UpsertDimension(name, "w") != nil {
			t.Errorf("dimension %d could be added twice, or not changed", i)
		}
		if v, ok := g.Dimension(name); !ok || v != "w" {
			t.Errorf("dimension %d is %q, %v", i, v, ok)
		}
	}
	if _, ok := g.Dimension("d1"); ok || len(g.Dimensions()) != n-1 {
		t.Errorf("d1 is there: %v; %d dimensions", ok, len(g.Dimensions()))
	}
	if err := g.AddDimension("d1", "again"); err != nil {
		t.Error(err)
	}
	g.Reset()
	if err := g.AddDimension("d0", "v"); err != nil || len(g.Dimensions()) != 1 {
		t.Error(g.Dimensions(), err)
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func newGroupError(r *Resource, groupType string, interval time.Duration) error {
	_, err := NewMetricsGroup(r, groupType, interval)
	return err
}

func TestResourceRules(t *testing.T) {
	t.Parallel()
	for field, doc := range map[string]string{
		"resource_site":     `{"resource_class":"c","resource_subclass":"s","resource_type":"t","resource_id":"i","resource_endpoint":"e"}`,
		"resource_endpoint": `{"resource_site":"x","resource_class":"c","resource_subclass":"s","resource_type":"t","resource_id":"i"}`,
		"contain |":         `{"resource_site":"x","resource_class":"c","resource_subclass":"s","resource_type":"t","resource_id":"i","resource_endpoint":"e","resource_metadata":{"a":"b|c"}}`,
		"match pattern":     `{"resource_site":"x","resource_class":"c","resource_subclass":"s","resource_type":"t","resource_id":"i","resource_endpoint":"e","resource_metadata":{"a-b":"c"}}`,
	} {
		err := json.Unmarshal([]byte(doc), &Resource{})
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("error %v does not name %s", err, field)
		}
	}
	r := validResource()
	r.Metadata = Metadata{{"b", "1"}, {ResourceTTLKey, "900"}, {"a", "2"}}
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	if got := r.Metadata; got[0] != (MetadataEntry{ResourceTTLKey, "900"}) || got[1].Key != "b" || got[2].Key != "a" {
		t.Errorf("metadata order: %v", got)
	}
	if want := "plugin|p|site|local|class|system|subclass|host|type|generic|id|h1|endpoint|localhost"; r.Key() != want {
		t.Errorf("key %s", r.Key())
	}
}

func TestUnmarshalGroupErrors(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		`[]`:                         "expected an object",
		`{}`:                         "metrics_group_type",
		`{"metrics_group_type":"t"}`: "metrics_group_interval",
		`{"metrics_group_type":"t","metrics_group_interval":60.5}`:                                                          "metrics_group_interval",
		`{"metrics_group_type":"t","metrics_group_interval":true}`:                                                          "metrics_group_interval",
		`{"metrics_group_type":"t","metrics_group_interval":60,"metrics_group_schema_version":"0.1"}`:                       "0.2",
		`{"metrics_group_type":"t","metrics_group_interval":60,"metrics":[null]}`:                                           "metrics[0]",
		`{"metrics_group_type":"t","metrics_group_interval":60,"metrics":[{"metric_name":"m","metric_type":"x"}]}`:          `"x"`,
		`{"metrics_group_type":"t","metrics_group_interval":60,"metrics":[{"metric_name":"m","metric_type":"gauge"}]}`:      "metric_value",
		`{"metrics_group_type":"t","metrics_group_interval":60,"dimensions":[{"dimension_name":"a"}]}`:                      "dimensions[0]",
		`{"metrics_group_type":"t","metrics_group_interval":60,"dimensions":[{"dimension_name":"a","dimension_value":""}]}`: "non-empty",
	} {
		g := &MetricsGroup{Resource: validResource()}
		err := json.Unmarshal([]byte(doc), g)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %s", doc, err, want)
		}
	}
}

func FuzzUnmarshalGroup(f *testing.F) {
	g := &MetricsGroup{Resource: validResource(), Type: "example", Interval: 60, Timestamp: NumberTimestamp(Float(1600000000.123))}
	_ = g.AddDimension("cpu_no", "5")
	_ = g.AddCounter("context_switch_count", 50)
	f.Add(g.AppendJSON(nil))
	f.Add([]byte(`{"metrics_group_type":"t","metrics_group_interval":1e0}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := &MetricsGroup{Resource: validResource()}
		if json.Unmarshal(data, in) != nil {
			return
		}
		first := in.AppendJSON(nil)
		back := &MetricsGroup{}
		if err := json.Unmarshal(first, back); err != nil {
			t.Fatalf("%s\nis not read back: %v", first, err)
		}
		if second := back.AppendJSON(nil); string(second) != string(first) {
			t.Fatalf("%s\nbecame\n%s", first, second)
		}
	})
}
