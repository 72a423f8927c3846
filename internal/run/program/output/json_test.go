package output

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const full = `{"metrics_group_type": "full", "metrics_group_interval": 30, "metrics": [
	{"metric_name": "a", "metric_type": "counter", "metric_value": 1, "metric_creation_timestamp": 1500.0}], "dimensions": [{"dimension_name": "x", "dimension_value": "y"}]}`

func TestJSON(t *testing.T) {
	t.Parallel()
	check(t, JSON, defaults(), []outputCase{
		{"nothing", " \n\n", ""},
		{
			"short", `{"type": "disk", "dimensions": {"mount": "/"}, "gauges": {"used": 0.4, "b": 5.0}, "counters": {"reads": 12}}`,
			"disk {mount=/} g:used=0.4 g:b=5.0 c:reads=12",
		},
		{"order is kept", `{"type": "t", "gauges": {"z": 1, "a": 2}}`, "t g:z=1 g:a=2"},
		{"full", full, "full {x=y} c:a=1"},
		{"lines", `{"type": "a", "gauges": {}}` + "\r\n\n" + `{"type": "b", "counters": {"n": 1}}`, "a\nb c:n=1"},
		{"several in a line", `{"type": "a", "gauges": {}} {"type": "b", "gauges": {}}{"type":` + "\n" + `"c", "gauges": {}}`, "a\nb\nc"},
		{"array", `[{"type": "a", "gauges": {"n": 1}}, ` + full + `]`, "a g:n=1\nfull {x=y} c:a=1"},
		{"groups", `{"groups": [{"type": "a", "gauges": {"n": 1}}]}`, "a g:n=1"},
		{"no groups", `{"groups": []}`, ""},
		{"groups as the name of a metric", `{"type": "a", "gauges": {"groups": 1}}`, "a g:groups=1"},
		{"over several lines", "{\n\"type\": \"a\",\n\"gauges\": {\"n\": 1}\n}\n{\"type\": \"b\", \"gauges\": {\"n\": 2}}", "a g:n=1\nb g:n=2"},
		{"a byte order mark", "\uFEFF" + `{"type": "a", "gauges": {"n": 1}}`, "a g:n=1"},
		{
			"text between", "hello\n" + `{"type": "a", "gauges": {"n": 1}}` + "\nworld",
			`[ ] line 1 is no JSON: invalid character 'h' looking for beginning of value, at "hello"` + "\na g:n=1\n" +
				`[ ] line 3 is no JSON: invalid character 'w' looking for beginning of value, at "world"`,
		},
		{
			"one that is not closed", "[\n" + `{"type": "a", "gauges": {"n": 1}}` + "\n{\n" + `{"type": "b", "gauges": {"n": 1}}`,
			`[ ] line 1 is no JSON: invalid character '{' after array element, at "["` + "\na g:n=1\n" +
				`[ ] line 3 is no JSON: invalid character '{' looking for beginning of object key string, at "{"` + "\nb g:n=1",
		},
		{"text alone", "hello\nworld", `error: stdout has no metrics groups: line 1 is no JSON: invalid character 'h' looking for beginning of value, at "hello"`},
		{"a number", "5", `error: stdout has no metrics groups: "5" is no metrics group: write an object, an array of them, or {"groups": [...]}`},
		{"cut off", `{"type": "a", "gau`, `error: stdout has no metrics groups: line 1 is no JSON: unexpected EOF, at "{\"type\": \"a\", \"gau"`},
		{"bad full", `{"metrics_group_type": "full", "metrics": []}`, `[full ] group "full": metrics_group_interval: must be an integer greater than zero`},
		{"groups no list", `{"groups": 5}`, `error: stdout has no metrics groups: "groups" must be an array: json: cannot unmarshal number into Go struct field .groups of type []json.RawMessage`},
		{"one of many is bad", `[5, {"type": "a", "gauges": {"n": 1}}]`, "[ ] \"5\" is no metrics group: it must be an object\na g:n=1"},
	})
}

// A metric that breaks a rule costs itself alone.
func TestJSONMetricsOfTheShortForm(t *testing.T) {
	t.Parallel()
	row := func(name, member, problem string) outputCase {
		return outputCase{name, `{"type": "a", "gauges": {"m": 1, ` + member + `, "k": 2}}`, "a g:m=1 g:k=2\n" + problem}
	}
	check(t, JSON, defaults(), []outputCase{
		row("null", `"n": null`, `[a n] group "a": "n" of "gauges" must be a number, is "null"`),
		row("true", `"n": true`, `[a n] group "a": "n" of "gauges" must be a number, is "true"`),
		row("a text", `"n": "12.5"`, `[a n] group "a": "n" of "gauges" must be a number, is "\"12.5\""`),
		row("not a number", `"n": NaN`, `[a n] group "a": "n" of "gauges" must be a number, is "\"NaN\""`),
		row("infinite", `"n":-Infinity`, `[a n] group "a": "n" of "gauges" must be a number, is "\"-Infinity\""`),
		row("an object", `"n": {"value": 5}`, `[a n] group "a": "n" of "gauges" must be a number, is "{\"value\": 5}"`),
		row("beyond a double", `"n": 1e400`, `[a n] group "a": "n" of "gauges": number 1e400 is beyond the range of a double`),
		row("an integer beyond a double", `"n": 1`+strings.Repeat("0", 310), `[a n] group "a": "n" of "gauges": beyond the range of a double`),
		row("a bad name", `"cpu-load": 1`, `[a cpu-load] group "a": metric name "cpu-load" has to match pattern: (letter|"_") (letter | digit | "_")*`),
		row("no name", `"": 1`, `[a ] group "a": metric name must be a non-empty string`),
		row("twice", `"m": 3`, `[a m] group "a": metric "m" (type "gauge") of group "a" is already there`),
		row("a long name", `"`+strings.Repeat("n", 1025)+`": 1`, `[a `+strings.Repeat("n", 200)+`...] group "a": too much: the name of metric "`+
			strings.Repeat("n", 40)+`" has 1025 bytes, limit is 1024`),
		{"both kinds", `{"type": "a", "gauges": {"n": 1}, "counters": {"n": 2}}`, `a g:n=1 c:n=2`},
		{"none is left", `{"type": "a", "gauges": {"n": null}}`, `[a n] group "a": "n" of "gauges" must be a number, is "null"`},
		{
			"a misspelt member", `{"type": "b", "gauge": {"n": 1}, "counters": {"k": 1}}`,
			"b c:k=1\n" + `[b ] group "b": "gauge" is unknown: did you mean "gauges"?`,
		},
	})
}

// What is wrong with the rest of a group costs the group, which would be another one without it.
func TestJSONShortForm(t *testing.T) {
	t.Parallel()
	many := strings.Repeat(`"d": "x", `, 200)
	check(t, JSON, defaults(), []outputCase{
		{"no type", `{"gauges": {"n": 1}}`, `error: stdout has no metrics groups: the object "{\"gauges\": {\"n\": 1}}" has neither "metrics_group_type" nor, as the short form, "type"`},
		{"empty type", `{"type": "", "gauges": {"n": 1}}`, `error: stdout has no metrics groups: group "": "type" must be a non-empty string`},
		{"type is no text", `{"type": 5, "gauges": {"n": 1}}`, `error: stdout has no metrics groups: group "": "type" must be a string, is "5"`},
		{"no metrics", `{"type": "a", "values": {"n": 1}}`, `[a ] group "a": it has neither "gauges" nor "counters"`},
		{"a number as dimension", `{"type": "a", "gauges": {}, "dimensions": {"port": 80, "x": -1.50}}`, `a {port=80} {x=-1.50}`},
		{"null as dimension", `{"type": "a", "gauges": {}, "dimensions": {"port": null}}`, `[a ] group "a": dimension "port" must be a string, is "null"`},
		{"true as dimension", `{"type": "a", "gauges": {}, "dimensions": {"port": true}}`, `[a ] group "a": dimension "port" must be a string, is "true"`},
		{"empty dimension", `{"type": "a", "gauges": {}, "dimensions": {"port": ""}}`, `[a ] group "a": value of dimension "port" must be a non-empty string`},
		{"too many dimensions", `{"type": "a", "gauges": {}, "dimensions": {` + many + `"y": "z"}}`, `[a ] group "a": too much: 201 dimensions, limit is 128`},
		{"a long dimension", `{"type": "a", "gauges": {}, "dimensions": {"y": "` + strings.Repeat("z", 16385) + `"}}`, `[a ] group "a": too much: the value of dimension "y" has 16385 bytes, limit is 16384`},
		{"misspelt dimensions", `{"type": "a", "gauges": {"n": 1}, "dimension": {"x": "1"}}`, `[a ] group "a": "dimension" is unknown: did you mean "dimensions"?`},
		{"case", `{"type": "a", "gauges": {"n": 1}, "Dimensions": {"x": "1"}}`, `[a ] group "a": "Dimensions" is unknown: did you mean "dimensions"?`},
		{"a member of one's own", `{"type": "a", "gauges": {"n": 1}, "comment": "mine", "tags": [1]}`, "a g:n=1"},
		{"gauges are a list", `{"type": "a", "gauges": [1]}`, `[a ] group "a": "gauges": "[1]" must be an object`},
		{"gauges are null", `{"type": "a", "gauges": null, "counters": {"n": 1}}`, `a c:n=1`},
		{"bad interval", `{"type": "a", "gauges": {}, "interval": 0}`, `[a ] group "a": "interval" must be a whole number of seconds greater than zero, is 0`},
		{"half an interval", `{"type": "a", "gauges": {}, "interval": 1.5}`, `[a ] group "a": "interval" must be a whole number of seconds greater than zero, is 1.5`},
	})
}

func TestJSONFillsIn(t *testing.T) {
	t.Parallel()
	items, err := Read(t.Context(), JSON, []byte(`{"type": "a", "gauges": {"n": 1}, "interval": null, "timestamp": null}
		{"type": "b", "gauges": {"n": 1}, "interval": 5.0, "timestamp": 7, "resource": {"resource_site": "s", "resource_class": "c",
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

// Values over several lines that turn out to be none are not read again and again; what fits on a line stays.
func TestJSONIsReadInLinearTime(t *testing.T) {
	t.Parallel()
	const lines = 100_000
	good := `{"type": "a", "gauges": {"n": 1}}`
	items, err := Read(t.Context(), JSON, []byte(strings.Repeat("[{\"x\":\n", lines)+good), 0, defaults())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range items {
		if i.Err == nil {
			return
		}
	}
	t.Errorf("the good line is not among %d items", len(items))
}

func TestNotNumbersAreQuotedOutsideOfTextsAlone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"a": NaN, "NaN": Infinity}`:      `{"a": "NaN", "NaN": "Infinity"}`,
		`{"a\" NaN": [-Infinity,-1,NaN]}`:  `{"a\" NaN": ["-Infinity",-1,"NaN"]}`,
		"\"open NaN\nNaN \"b\\\nNaN\" NaN": "\"open NaN\n\"NaN\" \"b\\\n\"NaN\"\" NaN",
		"-Inf":                             "-Inf",
	} {
		assert.Equal(t, want, string(quoteNotNumbers([]byte(text))))
	}
}

// TestManyBadMetricsOfAGroup: what is wrong with a group is told a limited number of times, and counted.
func TestManyBadMetricsOfAGroup(t *testing.T) {
	t.Parallel()
	const bad = 100_000
	text := `{"type":"t","gauges":{"ok":1` + strings.Repeat(`,"a":null`, bad) + "}}"
	items := NewReader(Defaults{Interval: 60}).Group([]byte(text))
	require.LessOrEqual(t, len(items), maxErrors+1)
	left := 0
	for _, i := range items[1:] {
		left += 1 + i.More
	}
	assert.Equal(t, bad, left)
}
