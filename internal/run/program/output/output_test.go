package output

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func defaults() Defaults {
	return Defaults{
		Resource: &pluginsdk.Resource{Site: "dc1", Class: "c", Subclass: "s", Type: "t", ID: "id", Endpoint: "e", Plugin: "p"},
		Type:     "check", Interval: 60, Time: pluginsdk.Float(1500),
	}
}

// show is a line for each item: type {dimensions} metrics, or the error.
func show(items []Item, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	var b strings.Builder
	for _, i := range items {
		if i.Err != nil {
			fmt.Fprintf(&b, "[%s] %v\n", i.Type, i.Err)
			continue
		}
		b.WriteString(i.Group.Type)
		for _, d := range i.Group.SortedDimensions() {
			fmt.Fprintf(&b, " {%s=%s}", d.Name, d.Value)
		}
		for _, m := range i.Group.Metrics() {
			fmt.Fprintf(&b, " %s:%s=%s", m.Type.String()[:1], m.Name, m.Value)
		}
		b.WriteString("\n")
	}
	return b.String()
}

type outputCase struct{ name, text, want string }

func check(t *testing.T, format Format, cases []outputCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := show(Read(format, []byte(c.text), 1, defaults()))
			if strings.TrimSpace(got) != strings.TrimSpace(c.want) {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

const full = `{"metrics_group_type": "full", "metrics_group_interval": 30, "metrics": [
	{"metric_name": "a", "metric_type": "counter", "metric_value": 1}], "dimensions": [{"dimension_name": "x", "dimension_value": "y"}]}`

func TestJSON(t *testing.T) {
	t.Parallel()
	check(t, JSON, []outputCase{
		{"nothing", " \n\n", ""},
		{
			"short", `{"type": "disk", "dimensions": {"mount": "/"}, "gauges": {"used": 0.4, "b": 5.0}, "counters": {"reads": 12}}`,
			"disk {mount=/} g:used=0.4 g:b=5.0 c:reads=12",
		},
		{"order is kept", `{"type": "t", "gauges": {"z": 1, "a": 2}}`, "t g:z=1 g:a=2"},
		{"full", full, "full {x=y} c:a=1"},
		{"lines", `{"type": "a", "gauges": {}}` + "\r\n\n" + `{"type": "b", "counters": {"n": 1}}`, "a\nb c:n=1"},
		{"array", `[{"type": "a", "gauges": {"n": 1}}, ` + full + `]`, "a g:n=1\nfull {x=y} c:a=1"},
		{"groups", `{"groups": [{"type": "a", "gauges": {"n": 1}}]}`, "a g:n=1"},
		{"no groups", `{"groups": []}`, ""},
		{"over several lines", "{\n\"type\": \"a\",\n\"gauges\": {\"n\": 1}\n}\n{\"type\": \"b\", \"gauges\": {\"n\": 2}}", "a g:n=1\nb g:n=2"},
		{
			"text between", "hello\n" + `{"type": "a", "gauges": {"n": 1}}` + "\nworld",
			`[] line 1 is no JSON: invalid character 'h' looking for beginning of value, at "hello"` + "\na g:n=1\n" +
				`[] line 3 is no JSON: invalid character 'w' looking for beginning of value, at "world"`,
		},
		{"text alone", "hello\nworld", `error: stdout has no metrics groups: line 1 is no JSON: invalid character 'h' looking for beginning of value, at "hello"`},
		{"a number", "5", `error: stdout has no metrics groups: "5" is no metrics group: write an object, an array of them, or {"groups": [...]}`},
		{"cut off", `{"type": "a", "gau`, `error: stdout has no metrics groups: line 1 is no JSON: unexpected EOF, at "{\"type\": \"a\", \"gau"`},
		{"no type", `{"gauges": {"n": 1}}`, `error: stdout has no metrics groups: the object "{\"gauges\": {\"n\": 1}}" has neither "metrics_group_type" nor, as the short form, "type"`},
		{"empty type", `{"type": "", "gauges": {"n": 1}}`, `error: stdout has no metrics groups: "type" must be a non-empty string`},
		{"no metrics", `{"type": "a", "gauge": {"n": 1}}`, `[a] group "a" has neither "gauges" nor "counters"`},
		{"text value", `{"type": "a", "gauges": {"n": "1"}}`, `[a] group "a": "n" of "gauges" must be a number, is "\"1\""`},
		{"null value", `{"type": "a", "gauges": {"n": null}}`, `[a] group "a": "n" of "gauges" must be a number, is "null"`},
		{"number as dimension", `{"type": "a", "gauges": {}, "dimensions": {"port": 80}}`, `[a] group "a": dimension "port" must be a string, is "80"`},
		{"null as dimension", `{"type": "a", "gauges": {}, "dimensions": {"port": null}}`, `[a] group "a": dimension "port" must be a string, is "null"`},
		{"empty dimension", `{"type": "a", "gauges": {}, "dimensions": {"port": ""}}`, `[a] group "a": value of dimension "port" must be a non-empty string`},
		{"bad name", `{"type": "a", "gauges": {"a-b": 1}}`, `[a] group "a": metric name "a-b" has to match pattern: (letter|"_") (letter | digit | "_")*`},
		{"twice", `{"type": "a", "gauges": {"n": 1, "n": 2}}`, `[a] group "a": metric "n" (type "gauge") of group "a" is already there`},
		{"both kinds", `{"type": "a", "gauges": {"n": 1}, "counters": {"n": 2}}`, `a g:n=1 c:n=2`},
		{"gauges are a list", `{"type": "a", "gauges": [1]}`, `[a] group "a": "[1]" must be an object`},
		{"bad interval", `{"type": "a", "gauges": {}, "interval": 0}`, `[a] "interval" of group "a" must be greater than zero, is 0`},
		{"bad full", `{"metrics_group_type": "full", "metrics": []}`, `[full] group "full": metrics_group_interval: must be an integer greater than zero`},
		{"groups no list", `{"groups": 5}`, `error: stdout has no metrics groups: "groups" must be an array: json: cannot unmarshal number into Go struct field .groups of type []json.RawMessage`},
		{"one of many is bad", `[5, {"type": "a", "gauges": {"n": 1}}]`, "[] \"5\" is no metrics group: it must be an object\na g:n=1"},
	})
}

func TestJSONFillsIn(t *testing.T) {
	t.Parallel()
	items, err := Read(JSON, []byte(`{"type": "a", "gauges": {"n": 1}}
		{"type": "b", "gauges": {"n": 1}, "interval": 5, "timestamp": 7, "resource": {"resource_site": "s", "resource_class": "c",
		"resource_subclass": "s", "resource_type": "t", "resource_id": "other", "resource_endpoint": "e"}}`), 0, defaults())
	if err != nil || len(items) != 2 || items[0].Err != nil || items[1].Err != nil {
		t.Fatal(show(items, err))
	}
	a, b := items[0].Group, items[1].Group
	if a.Interval != 60 || a.Resource.ID != "id" || a.Timestamp != pluginsdk.NumberTimestamp(pluginsdk.Float(1500)) ||
		!a.Metrics()[0].Timestamp.Equal(pluginsdk.Float(1500)) {
		t.Errorf("a is %+v", a)
	}
	if b.Interval != 5 || b.Resource.ID != "other" || !b.Metrics()[0].Timestamp.Equal(pluginsdk.Int(7)) {
		t.Errorf("b is %+v", b)
	}
}

func TestJSONGivesUp(t *testing.T) {
	t.Parallel()
	items := readJSON([]byte(strings.Repeat("x\n", 1_000_000)), defaults())
	if len(items) != maxBadLines+1 || !strings.Contains(items[maxBadLines].Err.Error(), "the rest is not read") {
		t.Errorf("%d items", len(items))
	}
}

func TestPrometheus(t *testing.T) {
	t.Parallel()
	check(t, Prometheus, []outputCase{
		{"nothing", "", ""},
		{"kinds", `# HELP reads Reads.
# TYPE reads counter
reads{disk="a"} 5
reads{disk="b"} 1e3
# TYPE temp gauge
temp{disk="a"} 20.5
plain 7
`, "check g:plain=7\ncheck {disk=a} c:reads=5 g:temp=20.5\ncheck {disk=b} c:reads=1000"},
		{"histogram", `# TYPE h histogram
h_bucket{le="0.5"} 1
h_bucket{le="+Inf"} 3
h_sum 4.5
h_count 3
`, "check {le=0.5} c:h_bucket=1\ncheck {le=+Inf} c:h_bucket=3\ncheck c:h_sum=4.5 c:h_count=3"},
		{"summary", `# TYPE s summary
s{quantile="0.9",x="y"} 2
s_sum{x="y"} 9
s_count{x="y"} 4
`, "check {quantile=0.9} {x=y} g:s=2\ncheck {x=y} c:s_sum=9 c:s_count=4"},
		{"colon and empty label", `job:up{a=""} 1` + "\n", "check g:job_up=1"},
		{"the same name twice", "a_b 1\na:b 2\n", "check g:a_b=2\n[check] sample \"a_b\": metric \"a_b\" (type \"gauge\") of group \"check\" is already there"},
		{"no Prometheus", "DISK OK\n", `error: stdout has no metrics groups: text format parsing error in line 1: expected float as value, got "OK"`},
		{"broken end", "a 1\nb {\n", "check g:a=1\n[] text format parsing error in line 2: invalid label name for metric \"b\""},
	})
	items, err := Read(Prometheus, []byte("a 1 1500000000500\n"), 0, defaults())
	if err != nil || !items[0].Group.Metrics()[0].Timestamp.Equal(pluginsdk.Float(1500000000.5)) {
		t.Errorf("timestamp of %s", show(items, err))
	}
}

func TestNagios(t *testing.T) {
	t.Parallel()
	check(t, Nagios, []outputCase{
		{"nothing", "", "check g:state=1"},
		{"text", "DISK WARNING - full", "check g:state=1"},
		{"one", "DISK OK | /=2643MB;5948;5958;0;5968", "check g:state=1\ncheck {label=/} {uom=MB} g:value=2643 g:warn=5948 g:crit=5958 g:min=0 g:max=5968"},
		{"several lines", "DISK OK | a=1s\nlong\ntext | b=2%;80;90\nc=3c\n", "check g:state=1\ncheck {label=a} {uom=s} g:value=1\n" +
			"check {label=b} {uom=%} g:value=2 g:warn=80 g:crit=90\ncheck {label=c} c:value=3"},
		{"quoted", "OK | 'a b'=1 'it''s'=2 'x=y'=3", "check g:state=1\ncheck {label=a b} g:value=1\ncheck {label=it's} g:value=2\ncheck {label=x=y} g:value=3"},
		{"ranges", "OK | a=1;5:10;@~:7 b=1;5:;", "check g:state=1\ncheck {label=a} g:value=1 g:warn_low=5 g:warn=10 g:crit=7 g:crit_inside=1\n" +
			"check {label=b} g:value=1 g:warn_low=5"},
		{"numbers", "OK | a=-0.50 b=,5 c=007 d=1. e=1e3ms f=+2", "check g:state=1\ncheck {label=a} g:value=-0.5\ncheck {label=b} g:value=0.5\n" +
			"check {label=c} g:value=7\ncheck {label=d} g:value=1\ncheck {label=e} {uom=ms} g:value=1000.0\ncheck {label=f} g:value=2"},
		{"unknown value", "OK | a=U b=;1;2 c=3", "check g:state=1\ncheck {label=c} g:value=3"},
		{"flawed items", "OK | a=x 5 'b c=1 d='", "check g:state=1\n[check] performance data: value of \"a\" must begin with a number, is \"x\"\n" +
			"[check] performance data: \"5 'b c=1 d='\" is no label=value\n" +
			"[check] performance data: label \"b c=1 d=\" is not followed by =\n" +
			"check {label=c} g:value=1\n" +
			"[check] performance data: value of \"d\" must begin with a number, is \"'\""},
		{"bad threshold", "OK | a=1;x", "check g:state=1\n[check] performance data: warn of \"a\": \"x\" is no number"},
		{"no UTF-8", "OK | \xff=1", "check g:state=1\ncheck {label=\uFFFD} g:value=1"},
	})
}

func TestParseFormat(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Format{"": JSON, "json": JSON, "prometheus": Prometheus, "nagios": Nagios} {
		if got, err := ParseFormat(text); got != want || err != nil {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if _, err := ParseFormat("xml"); err == nil || err.Error() != `output must be "json", "prometheus" or "nagios", is "xml"` {
		t.Error(err)
	}
}

func fuzz(f *testing.F, format Format, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		items, err := Read(format, data, 0, defaults())
		if err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("error %v", err)
		}
		for _, i := range items {
			if (i.Group == nil) == (i.Err == nil) {
				t.Fatalf("item %+v", i)
			}
			if i.Group == nil {
				continue
			}
			// What passes here passes everywhere.
			var again pluginsdk.MetricsGroup
			for _, m := range i.Group.Metrics() {
				if !m.Value.IsFinite() {
					return
				}
			}
			if err := again.UnmarshalJSON(i.Group.AppendJSON(nil)); err != nil {
				t.Fatalf("%q makes a group that is none: %v", data, err)
			}
		}
	})
}

func FuzzJSON(f *testing.F) {
	fuzz(f, JSON, full, `{"type": "disk", "dimensions": {"mount": "/"}, "gauges": {"used": 0.4}, "counters": {"reads": 12}}`, `x`, `{"groups": [1]}`)
}

func FuzzPrometheus(f *testing.F) {
	fuzz(f, Prometheus, "# TYPE a counter\na{b=\"c\"} 1 2\n", "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum NaN\n")
}

func FuzzNagios(f *testing.F) {
	fuzz(f, Nagios, "DISK OK | /=2643MB;5948;@5:5958;0;5968 'a b'=U\nlong | c=0,5e3c", "|'''=")
}
