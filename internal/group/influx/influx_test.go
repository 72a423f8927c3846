package influx

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

type row struct {
	Name  string
	Group json.RawMessage
	Lines []string
	Error string
}

func vectors(t testing.TB) (rows []row) {
	t.Helper()
	data, err := os.ReadFile("../../../testdata/vectors/influx.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var r row
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	return rows
}

func TestVectors(t *testing.T) {
	t.Parallel()
	rows := vectors(t)
	for _, r := range rows {
		line, err := AppendLine([]byte("before"), r.Group)
		switch {
		case r.Error != "" && (err == nil || string(line) != "before"):
			t.Errorf("%s: got %q, %v, want an error", r.Name, line, err)
		case r.Error == "" && (err != nil || string(line) != "before"+strings.Join(r.Lines, "\n")):
			t.Errorf("%s: got %v\n%s\nwant\n%s", r.Name, err, line, r.Lines)
		}
	}
	if len(rows) < 25 {
		t.Errorf("only %d rows", len(rows))
	}
}

const good = `{"metrics_group_type": "a b-c.d", "metrics_group_creation_timestamp": 12.9, "resource": {"resource_site": "s", "resource_class": "c", ` +
	`"resource_subclass": "sc", "resource_type": "t", "resource_endpoint": "e"}, "metrics": [{"metric_name": "m", "metric_value": 1.5, ` +
	`"metric_type": "gauge"}, {"metric_name": "m", "metric_value": 5, "metric_type": "counter"}], "dimensions": [{"dimension_name": "z", "dimension_value": "v w"}]}`

func TestLines(t *testing.T) {
	t.Parallel()
	const tags, fields = ",resource_class=c,resource_endpoint=e,resource_site=s,resource_subclass=sc,resource_type=t", " m__counter=5,m__gauge=1.5"
	for _, c := range []struct{ old, becomes, want string }{
		{"", "", "a_b_c_d" + tags + `,z=v\ w` + fields + " 12"},
		{`"a b-c.d"`, `"--x\u00e9\u00e8y_"`, "_x_y_" + tags + `,z=v\ w` + fields + " 12"},
		{`"z"`, `"resource_site"`, "a_b_c_d" + tags + fields + " 12"},
		{`"v w"`, `"a\tb\nc\u001cd\u00a0e\\\"f"`, "a_b_c_d" + tags + ",z=a\\\tb\\\nc\\\x1cd\\\u00a0e\\\"f" + fields + " 12"},
		{`"v w"`, `"a\\b\\,c\\ d"`, "a_b_c_d" + tags + `,z=a\b\\,c\\ d` + fields + " 12"},
		{`12.9`, `-0.5`, "a_b_c_d" + tags + `,z=v\ w` + fields + " 0"},
		{`12.9`, `" 12 "`, "a_b_c_d" + tags + `,z=v\ w` + fields + " 12"},
		{`12.9`, `1e21`, "a_b_c_d" + tags + `,z=v\ w` + fields + " 1000000000000000000000"},
		{`"metric_name": "m", "metric_value": 1.5, "metric_type": "gauge"`, `"metric_type": "x"`, "a_b_c_d" + tags + `,z=v\ w m__counter=5 12`},
	} {
		line, err := AppendLine(nil, []byte(strings.Replace(good, c.old, c.becomes, 1)))
		if err != nil || string(line) != c.want {
			t.Errorf("%s for %s: got %v\n%s\nwant\n%s", c.becomes, c.old, err, line, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, becomes, want string }{
		{good, `[]`, "the message must be an object, is a list"},
		{good, `null`, "the message must be an object, is null"},
		{good, `{"a"`, "the message is no JSON: unexpected end"},
		{`1.5`, `NaN`, "the message is no JSON: invalid character 'N'"},
		{`"v w"`, "\"\xff\"", "the message is no UTF-8"},
		{`"v w"`, `"C:\\"`, `the value "C:\\" of tag z has a backslash at its end, before an equals sign or before a line break`},
		{`"v w"`, `"a\\=b"`, `of tag z has a backslash`},
		{`"v w"`, `"a\\\nb"`, `of tag z has a backslash`},
		{`"resource_site": "s"`, `"resource_site": "s\\"`, `of tag resource_site has a backslash`},
		{`"a b-c.d"`, `""`, "metrics_group_type must not be empty"},
		{`"a b-c.d"`, `5`, "metrics_group_type must be a string, is a number"},
		{`12.9`, `"12.9"`, `metrics_group_creation_timestamp must be a number, or the text of a whole one, is "12.9"`},
		{`12.9`, `null`, `metrics_group_creation_timestamp must be a number`},
		{`1.5`, `1e999`, "metrics[0].metric_value must be a number: number 1e999 is beyond"},
		{`"metric_name": "m", "metric_value": 5, `, ``, "metrics[1].metric_name is missing"},
		{`"metric_type": "counter"`, `"a": 1`, "metrics[1].metric_type is missing"},
		{`"dimension_value": "v w"`, `"dimension_value": 5`, "dimensions[0].dimension_value must be a string, is a number"},
		{`{"dimension_name": "z", "dimension_value": "v w"}`, `5`, "dimensions[0] must be an object, is a number"},
		{`"resource_site": "s", `, ``, "resource.resource_site is missing"},
		{`"metrics": [`, `"metrics": [], "x": [`, "metrics has no gauge and no counter"},
		{`"metrics": [`, `"metrics": null, "x": [`, "metrics must be a list, is null"},
	} {
		_, err := AppendLine(nil, []byte(strings.Replace(good, c.old, c.becomes, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: got %v, want %s", c.becomes, c.old, err, c.want)
		}
	}
}

// FuzzAppendLine: no panic; what is no line is nothing, and a line has three parts.
func FuzzAppendLine(f *testing.F) {
	f.Add([]byte(good))
	for _, r := range vectors(f) {
		f.Add([]byte(r.Group))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		line, err := AppendLine(nil, message)
		if (err == nil) != (len(line) > 0) || err == nil && strings.Count(string(line), " ") < 2 {
			t.Fatalf("%q: %q, %v", message, line, err)
		}
	})
}
