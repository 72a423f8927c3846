package parse

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func object(id, more string) string {
	return `{"resource_site": "local", "resource_class": "c", "resource_subclass": "sc", "resource_type": "t", "resource_id": "` + id +
		`", "resource_endpoint": "e"` + more + `}`
}

func ids(list []*pluginsdk.Resource) string {
	var out []string
	for _, r := range list {
		out = append(out, r.ID)
	}
	return strings.Join(out, " ")
}

func TestForms(t *testing.T) {
	t.Parallel()
	a, b := object("a", ""), object("b", "")
	for doc, want := range map[string]string{
		"[" + a + ",\n" + b + "]": "a b",
		a:                         "a",
		`{"resource_set_creation_timestamp": 1.5, "resources": [` + a + `]}`: "a",
		"[]":                   "",
		`{"resources": []}`:    "",
		"\ufeff [" + b + "]\n": "b",
	} {
		got, errs := ParseJSON([]byte(doc), nil)
		if len(errs) > 0 || ids(got) != want {
			t.Errorf("%s: %q, errors %v", doc, ids(got), errs)
		}
	}
}

func TestVectors(t *testing.T) {
	t.Parallel()
	got, warnings, err := LoadFile("../../../testdata/vectors/resources.json", nil)
	if err != nil || len(warnings) > 0 || len(got) != 6 {
		t.Fatalf("%d resources, %v, %v", len(got), warnings, err)
	}
	if got := string(got[0].AppendJSON(nil)); got != `{"resource_site": "dc1", "resource_class": "network", "resource_subclass": "switch", `+
		`"resource_type": "cisco", "resource_id": "sw1.dc1.example.com", "resource_endpoint": "10.0.0.1", "resource_metadata": `+
		`{"_resource_ttl": "604800", "os_name": "IOS XE", "os_version": "4.2.1", "rack": "r_1"}, "resource_creation_timestamp": 1512629517.03, `+
		`"resource_plugin": "disc"}` {
		t.Error(got)
	}
}

func TestTimestamps(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		`"1512629517.03121"`: "1512629517.03121", `" 1512629517 "`: "1512629517.0", `"1e3"`: "1000.0", `1512629517`: "1512629517",
		`1512629517.5`: "1512629517.5", `"yesterday"`: "yesterday", `"nan"`: "nan", `"1` + strings.Repeat("0", 310) + `"`: "1" + strings.Repeat("0", 310),
	} {
		got, errs := ParseJSON([]byte(object("a", `, "resource_creation_timestamp": `+given)), nil)
		if len(errs) > 0 || got[0].CreationTimestamp.String() != want {
			t.Errorf("%s: %v, %v", given, got, errs)
		}
	}
	for _, given := range []string{`null`, `0`, `""`, `"0"`, `0.0`} {
		got, errs := ParseJSON([]byte(object("a", `, "resource_creation_timestamp": `+given)), nil)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		if seconds, ok := got[0].CreationTimestamp.Seconds(); !ok || seconds < 1e9 {
			t.Errorf("%s: %v is not now", given, got[0].CreationTimestamp)
		}
	}
}

func TestBadEntriesCostThemselves(t *testing.T) {
	t.Parallel()
	doc := "[" + strings.Join([]string{
		object("a", ""), `5`, `null`, object("b", `, "resource_site": ""`), object("c", `, "resource_type": 7`),
		object("d", `, "resource_metadata": {"k": 5}`), object("e", `, "resource_metadata": {"_resource_ttl": "x", "1": "2"}`),
		object("f", `, "resource_creation_timestamp": true`), object("g", ""), `{}`, `{"resource_id": 5}`,
	}, ",") + "]"
	got, errs := ParseJSON([]byte(doc), nil)
	if ids(got) != "a g" {
		t.Errorf("kept %q", ids(got))
	}
	want := []string{
		"resources[1] is left out: expected an object, found a number",
		"resources[2] is left out: expected an object, found null",
		`resources[3] ("b") is left out: resource_site must be a non-empty string`,
		`resources[4] ("c") is left out: resource_type: expected a string, found a number`,
		`resources[5] ("d") is left out: resource_metadata.k: expected a string, found a number`,
		`resources[6] ("e") is left out: metadata key "1" has to match pattern: (letter|"_") (letter | digit | "_")*; metadata _resource_ttl must be an integer greater than 0, is "x"`,
		`resources[7] ("f") is left out: resource_creation_timestamp: expected a number or a string, found a boolean`,
		"resources[9] is left out: resource_site must be a non-empty string; resource_class must be",
		"resources[10] is left out: resource_id: expected a string, found a number",
	}
	if len(errs) != len(want) {
		t.Fatalf("%d errors: %v", len(errs), errs)
	}
	for i, err := range errs {
		var e *EntryError
		if !strings.HasPrefix(err.Error(), want[i]) || strings.Contains(err.Error(), "\n") || !errors.As(err, &e) {
			t.Errorf("error\n%v\nwant\n%s", err, want[i])
		}
	}
	if _, errs := ParseJSON([]byte(`{"resource_id": "x"}`), nil); len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), `resource ("x") is left out:`) {
		t.Errorf("errors %v", errs)
	}
}

func TestBrokenDocuments(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		"":                             "line 1, column 1: the text ends too early",
		"[\n  {\"a\": 1,\n  }\n]":      "line 3, column 3: resources[0]: expected a string, found '}'",
		"[\n\n":                        "line 3, column 1: the text ends too early",
		"[1] x":                        "line 1, column 5: expected the end, found 'x'",
		"[\"\u00e9\u00e9\" x]":         `line 1, column 7: expected "," or the end of the list, found 'x'`,
		"{\"a\": nan}":                 "line 1, column 7: a: expected a value, found 'n'",
		"hello":                        "line 1, column 1: expected a list of resources, or one resource, found 'h'",
		"5":                            "expected a list of resources, or one resource, found a number",
		"\"x\"":                        "expected a list of resources, or one resource, found a string",
		"true":                         "found a boolean",
		`{"resources": {"a": 1}}`:      `line 1, column 15: resources: expected a list, found an object`,
		strings.Repeat("[", 1_000_000): "line 1, column 66: resources[0]: values are nested deeper than 64",
	} {
		got, errs := ParseJSON([]byte(doc), nil)
		if got != nil || len(errs) != 1 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%.40q: %v, errors %v, want %s", doc, got, errs, want)
		}
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one := write("1.json", "["+object("a", "")+","+object("b", "")+",5]")
	two := write("2.json", object("a", `, "resource_plugin": "p"`))
	broken := write("3.json", "[\n}")
	missing := filepath.Join(dir, "none.txt")
	nothing := filepath.Join(dir, "*.yaml")

	res, warnings, errs := LoadFiles([]string{filepath.Join(dir, "*.json"), one, missing, nothing, "[", write("4.txt", "["+object("b", "")+"]")}, nil)
	if ids(res) != "a b" || res[0].Plugin != "p" {
		t.Errorf("resources %q", ids(res))
	}
	expect(t, warnings, []string{
		`resources files "` + nothing + `": no file matches`, `resources files "[": syntax error in pattern`,
		`resources file "` + one + `": resources[2] is left out: expected an object`, `resource "a" of site "local" comes more than once`,
	})
	expect(t, errs, []string{`resources file "` + broken + `": line 2, column 1: resources[0]: expected a value, found '}'`, `resources file "` + missing + `": cannot be read: `})
	if !errors.Is(errs[1], os.ErrNotExist) {
		t.Errorf("%v is not ErrNotExist", errs[1])
	}
	if _, _, err := LoadFile(dir, nil); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := readFile(t.Context(), two, 10); err == nil || !strings.Contains(err.Error(), "larger than the limit of 10 bytes") {
		t.Errorf("error %v", err)
	}
}

func expect(t *testing.T, got []error, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d errors %v, want %d", len(got), got, len(want))
	}
	for i := range want {
		if !slices.ContainsFunc(got, func(err error) bool { return strings.HasPrefix(err.Error(), want[i]) }) {
			t.Errorf("errors %v, want %s", got, want[i])
		}
	}
}

func TestMergeKeepsTheList(t *testing.T) {
	t.Parallel()
	a, b := &pluginsdk.Resource{ID: "a", Endpoint: "1"}, &pluginsdk.Resource{ID: "a", Endpoint: "2"}
	list := []*pluginsdk.Resource{a, {ID: "c"}, b, {ID: "c"}}
	merged, warnings := Merge(list)
	if ids(merged) != "a c" || merged[0] != b || list[0] != a || len(warnings) != 1 {
		t.Errorf("%q, %v", ids(merged), warnings)
	}
}

func FuzzParseJSON(f *testing.F) {
	f.Add([]byte("[" + object("a", `, "resource_metadata": {"k": "v"}, "resource_creation_timestamp": "1.5"`) + ",5]"))
	f.Add([]byte(`{"resources": [null]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, errs := ParseJSON(data, nil)
		for _, err := range errs {
			if err.Error() == "" {
				t.Fatal("an empty error")
			}
		}
		for _, r := range got {
			doc := string(r.AppendJSON(nil))
			again, errs := ParseJSON([]byte(doc), nil)
			if len(errs) > 0 || string(again[0].AppendJSON(nil)) != doc {
				t.Fatalf("%s\nis not read back: %v", doc, errs)
			}
		}
	})
}

// A key that is nearly a field which is not given does not turn into the default unseen; any other key is Panoptes' own affair.
func TestMisspelt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ key, near string }{
		{"resource_clas", "resource_class"},
		{"resource_subclas", "resource_subclass"},
		{"resource_tpye", "resource_type"},
		{"resorce_site", "resource_site"},
		{"resource_metdata", "resource_metadata"},
		{"resource_ids", ""},
		{"resource_owner", ""},
		{"resource_state", ""},
		{"clas", ""},
	} {
		entry := `{"resource_id": "a", "resource_endpoint": "127.0.0.1", "` + tt.key + `": "network"}`
		for format, text := range map[Format]string{FormatJSON: "[" + entry + "]", FormatJSONLines: entry, FormatYAML: entry} {
			res, warnings, err := Parse(format, []byte(text), Minimal)
			if err != nil || len(res)+len(warnings) != 1 || (len(warnings) == 1) != (tt.near != "") {
				t.Errorf("%s: %v, %v, %v", tt.key, res, warnings, err)
				continue
			}
			if want := `unknown key "` + tt.key + `": did you mean "` + tt.near + `"?`; tt.near != "" && !strings.Contains(warnings[0].Error(), want) {
				t.Errorf("%s: %v", tt.key, warnings[0])
			}
		}
	}
	whole := `{"resource_id": "a", "resource_endpoint": "b", "resource_class": "c", "resource_clas": "d"}`
	if res, errs := ParseJSON([]byte(whole), Minimal); len(res) != 1 || len(errs) > 0 {
		t.Errorf("a field that is given: %v", errs)
	}
}
