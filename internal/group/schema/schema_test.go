package schema

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestVectors(t *testing.T) {
	t.Parallel()
	file, err := os.Open("../../../testdata/vectors/schema.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows := 0
	lines := bufio.NewScanner(file)
	for ; lines.Scan(); rows++ {
		var row struct {
			Name    string
			Message json.RawMessage
			Valid   bool
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		if err := Validate(row.Message); (err == nil) != row.Valid {
			t.Errorf("%s: %v, want valid: %t", row.Name, err, row.Valid)
		}
	}
	if rows == 0 || lines.Err() != nil {
		t.Fatalf("read %d vectors: %v", rows, lines.Err())
	}
}

const good = `{"metrics_group_type": "t", "metrics_group_interval": 60, "metrics_group_creation_timestamp": 1.5, "metrics_group_schema_version": "0.2",
	"resource": {"resource_site": "s", "resource_class": "c", "resource_subclass": "sc", "resource_type": "t", "resource_id": "i"},
	"metrics": [{"metric_creation_timestamp": 1, "metric_name": "m", "metric_value": -1e3, "metric_type": "gauge"},
		{"metric_creation_timestamp": 2, "metric_name": "n", "metric_value": 5, "metric_type": "counter"}],
	"dimensions": [{"dimension_name": "d", "dimension_value": "v"}]}`

func TestReasons(t *testing.T) {
	t.Parallel()
	if err := Validate([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, becomes, want string }{
		{`"counter"`, `"x"`, `metrics[1].metric_type: must be gauge or counter, is "x"`},
		{`"counter"`, `"` + strings.Repeat("x", 99) + `"`, `metrics[1].metric_type: must be gauge or counter, is a string`},
		{`"metric_value": 5`, `"metric_value": true`, `metrics[1].metric_value: must be a number, is true`},
		{`"metric_value": 5, `, ``, `metrics[1].metric_value: is missing`},
		{`"dimension_value": "v"`, `"dimension_value": null`, `dimensions[0].dimension_value: must be a string, is null`},
		{`"metrics_group_interval"`, `"Metrics_Group_Interval"`, `metrics_group_interval: is missing`},
		{`"0.2"`, `0.2`, `metrics_group_schema_version: must be "0.2", is 0.2`},
		{`"resource": {`, `"resource": [], "other": {`, `resource: must be an object, is a list`},
		{`"resource_id": "i"`, `"resource_id": {}`, `resource.resource_id: must be a string, is an object`},
		{good, `5`, `the message must be an object, is 5`},
		{good, ``, `the message is no JSON: byte 0: unexpected end of JSON input`},
		{good, good + "x", `invalid character 'x' after top-level value`},
		{`-1e3`, `NaN`, `the message is no JSON: byte`},
		{`"v"`, "\"\xff\"", `the message is not UTF-8`},
	} {
		err := Validate([]byte(strings.Replace(good, c.old, c.becomes, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40s for %.40s: error %v, want %s", c.becomes, c.old, err, c.want)
		}
	}
}

func TestResources(t *testing.T) {
	t.Parallel()
	const resource = `{"resource_site": "s", "resource_class": "c", "resource_subclass": "sc", "resource_type": "t", "resource_id": "i", ` +
		`"resource_endpoint": "e", "resource_metadata": {}, "resource_creation_timestamp": "1512629517.03121", "resource_plugin": null}`
	const set = `{"resources": [` + resource + `], "resource_set_creation_timestamp": 1.5, "resource_set_schema_version": "0.1"}`
	if err := ValidateResources([]byte(set)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, becomes, want string }{
		{`"1512629517.03121"`, `5`, ""},
		{`"1512629517.03121"`, `""`, `resources[0].resource_creation_timestamp: must be a number, or a string that holds one, is ""`},
		{`"1512629517.03121"`, `"now"`, `is "now"`},
		{`"1512629517.03121"`, `null`, `is null`},
		{`"resource_metadata": {}, `, ``, `resources[0].resource_metadata: is missing`},
		{resource, resource + ", 5", `resources[1]: must be an object, is 5`},
		{resource, "", `resources: must not be empty`},
		{`"0.1"`, `"0.2"`, `resource_set_schema_version: must be "0.1", is "0.2"`},
	} {
		err := ValidateResources([]byte(strings.Replace(set, c.old, c.becomes, 1)))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%.40s for %.40s: error %v, want %s", c.becomes, c.old, err, c.want)
		}
	}
}

func FuzzValidate(f *testing.F) {
	f.Add([]byte(good))
	f.Fuzz(func(t *testing.T, message []byte) {
		for _, validate := range []func([]byte) error{Validate, ValidateResources} {
			if err := validate(message); err != nil && err.Error() == "" {
				t.Fatal("an empty reason")
			}
		}
	})
}
