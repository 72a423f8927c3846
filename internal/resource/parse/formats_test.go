package parse

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestFormatOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Format{
		"a.json": FormatJSON, "a": FormatJSON, "a.JSONL": FormatJSONLines, "x/a.ndjson": FormatJSONLines, "a.yaml": FormatYAML, "a.yml": FormatYAML,
	} {
		if got := FormatOf(name); got != want {
			t.Errorf("%s: %d", name, got)
		}
	}
}

const yamlList = `
- &a
  resource_site: local
  resource_class: c
  resource_subclass: sc
  resource_type: t
  resource_id: 17
  resource_endpoint: e
  resource_creation_timestamp: 5.0
  resource_metadata: {_resource_ttl: 900, os_version: 4.10, up: true}
- <bad>
- {resource_site: local, resource_class: c, resource_subclass: sc, resource_type: t, resource_id: no, resource_endpoint: [e]}
- {resource_site: local, resource_class: c, resource_subclass: sc, resource_type: t, resource_id: b, resource_endpoint: e, resource_plugin: null}
`

// Plain scalars are the text that was written.
func TestYAML(t *testing.T) {
	t.Parallel()
	got, warnings, err := Parse(FormatYAML, []byte(yamlList), nil)
	if err != nil || ids(got) != "17 b" || len(warnings) != 2 {
		t.Fatalf("%s, %v, %v", ids(got), warnings, err)
	}
	if text := string(got[0].AppendJSON(nil)); !strings.Contains(text, `{"_resource_ttl": "900", "os_version": "4.10", "up": "true"}, "resource_creation_timestamp": 5.0,`) {
		t.Error(text)
	}
	if text := warnings[0].Error(); text != `line 11: resources[1] is left out: expected an object` {
		t.Error(text)
	}
	if text := warnings[1].Error(); text != `line 12: resources[2] ("no") is left out: line 12: resource_endpoint must be a string` {
		t.Error(text)
	}
	for doc, want := range map[string]string{
		"":                                     "",
		"[]":                                   "",
		"[&x " + object("a", "") + ", *x]":     "a a",
		"resources: [" + object("a", "") + "]": "a",
		object("a", "") + "\n---\n" + object("b", ""): "a b",
	} {
		got, warnings, err := Parse(FormatYAML, []byte(doc), nil)
		if err != nil || len(warnings) > 0 || ids(got) != want {
			t.Errorf("%q: %s, %v, %v", doc, ids(got), warnings, err)
		}
	}
	for doc, want := range map[string]string{
		"a: [": "line 1", "just text": "expected a list", "resources: x": `"resources" must be a list`,
	} {
		if _, _, err := Parse(FormatYAML, []byte(doc), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", doc, err)
		}
	}
}

func TestJSONLines(t *testing.T) {
	t.Parallel()
	got, warnings, err := Parse(FormatJSONLines, []byte(object("a", "")+"\r\n\n  "+object("b", "")+"\n{\"resource_id\": \"c\"}\n7"), nil)
	if err != nil || ids(got) != "a b" || len(warnings) != 2 {
		t.Fatalf("%s, %v, %v", ids(got), warnings, err)
	}
	if text := warnings[0].Error(); !strings.HasPrefix(text, `line 4: resource ("c") is left out: resource_site must be`) {
		t.Error(text)
	}
	_, _, err = Parse(FormatJSONLines, []byte(object("a", "")+"\n{oops\n"), nil)
	if err == nil || !strings.HasPrefix(err.Error(), "line 2, column 2: ") {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(uint8(FormatYAML), []byte(yamlList))
	f.Add(uint8(FormatJSONLines), []byte(object("a", "")+"\n"+object("b", "")))
	f.Add(uint8(FormatJSON), []byte("["+object("a", "")+"]"))
	f.Add(uint8(FormatYAML), []byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, format uint8, data []byte) {
		res, warnings, err := Parse(Format(format%4), data, nil)
		if err != nil && (res != nil || warnings != nil) {
			t.Error("an error with resources")
		}
		for _, r := range res {
			if err := r.Validate(); err != nil {
				t.Error(err)
			}
		}
	})
}

// standard is what encoding/json finds in a list of resources: of each the fields that are texts, by their keys.
func standard(data []byte) (list []map[string]string, ok bool) {
	var entries []map[string]json.RawMessage
	if json.Unmarshal(data, &entries) != nil {
		return nil, false
	}
	for _, e := range entries {
		fields := map[string]string{}
		for key, value := range e {
			var text string
			if value[0] == '"' && json.Unmarshal(value, &text) == nil {
				fields[key] = text
			}
		}
		list = append(list, fields)
	}
	return list, true
}

// Whatever else is in a list, a resource is what encoding/json finds under its keys, which are not like others in another
// case.
func FuzzEntries(f *testing.F) {
	f.Add([]byte("[" + object("a", `, "resource_metadata": {"a": "b", "_resource_ttl": "60"}, "resource_creation_timestamp": "1.5"`) + "]"))
	f.Add([]byte("[" + object("a\\u00e9\\n", `, "resource_plugin": null, "resource_creation_timestamp": 1e3`) + "," + object("b", `, "x": [1, {}]`) + "]"))
	f.Add([]byte("[" + object("a", `, "Resource_ID": "x"`) + `, {}, ` + object("b", "") + "]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, ok := standard(data)
		if !ok {
			return
		}
		got, warnings := ParseJSON(data, nil)
		left := map[int]bool{}
		for _, w := range warnings {
			var e *EntryError
			if !errors.As(w, &e) {
				return // the document as a whole is no good to us
			}
			left[e.Index] = true
		}
		n := 0
		for i, want := range list {
			if left[i] {
				continue
			}
			if n == len(got) {
				t.Fatal("a resource is missing")
			}
			r := got[n]
			n++
			for key, value := range map[string]string{
				"resource_site": r.Site, "resource_class": r.Class, "resource_subclass": r.Subclass, "resource_type": r.Type,
				"resource_id": r.ID, "resource_endpoint": r.Endpoint, "resource_plugin": r.Plugin,
			} {
				if value != want[key] {
					t.Errorf("resources[%d]: %s is %q, encoding/json says %q", i, key, value, want[key])
				}
			}
		}
		if n != len(got) {
			t.Errorf("%d resources, expected %d", len(got), n)
		}
	})
}

// A broken entry beside a resource changes nothing about it: names of fields count in one case alone.
func TestOneEntryLeavesOthersAsTheyAre(t *testing.T) {
	t.Parallel()
	good := object("a", `, "Resource_ID": "x", "RESOURCE_SITE": "y", "z": NaN`)
	for form, doc := range map[string]string{"alone": "[" + good + "]", "beside a broken one": "[" + good + ", {}]", "single": good} {
		got, _ := ParseJSON([]byte(doc), nil)
		if len(got) != 1 || got[0].ID != "a" || got[0].Site != "local" {
			t.Errorf("%s: %+v", form, got)
		}
	}
	got, warnings, err := Parse(FormatJSONLines, []byte(good), nil)
	if err != nil || len(warnings) > 0 || got[0].ID != "a" {
		t.Errorf("a line: %+v, %v, %v", got, warnings, err)
	}
}
