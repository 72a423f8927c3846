package filter

import (
	"bufio"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const vectors = "../../../testdata/vectors/"

func ids(f *Filter, resources []*pluginsdk.Resource) string {
	var out []string
	for _, r := range resources {
		if f.Match(r) {
			out = append(out, r.ID)
		}
	}
	return strings.Join(out, " ")
}

func TestVectors(t *testing.T) {
	t.Parallel()
	var resources []*pluginsdk.Resource
	data, err := os.ReadFile(vectors + "resources.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &resources); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(vectors + "resource_filter.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows := 0
	lines := bufio.NewScanner(file)
	for ; lines.Scan(); rows++ {
		var row struct {
			Query     string
			Match     []string
			Error     bool
			Extension bool
			Original  json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		f, err := Parse(row.Query)
		if row.Error != (err != nil) {
			t.Errorf("%s: error %v, want one: %t", row.Query, err, row.Error)
			continue
		}
		if err != nil {
			continue
		}
		if got, want := ids(f, resources), strings.Join(row.Match, " "); got != want {
			t.Errorf("%s: matches %s, want %s", row.Query, got, want)
		}
		if f.String() != row.Query {
			t.Errorf("String() is %q, want %q", f.String(), row.Query)
		}
		// The row tells where Panoptes does otherwise, except where it is only the case of metadata keys.
		folded := strings.Contains(strings.ToLower(row.Query), "camelkey")
		if (row.Extension || row.Original != nil && !folded) && len(f.Warnings()) == 0 {
			t.Errorf("%s: Panoptes answers %s, but there is no warning", row.Query, row.Original)
		}
	}
	if rows == 0 || lines.Err() != nil {
		t.Fatalf("read %d vectors: %v", rows, lines.Err())
	}
}

func worked() []*pluginsdk.Resource {
	const ttl = pluginsdk.ResourceTTLKey
	r := func(id, site, class, subclass, kind, endpoint string, metadata ...pluginsdk.MetadataEntry) *pluginsdk.Resource {
		return &pluginsdk.Resource{
			Site: site, Class: class, Subclass: subclass, Type: kind, ID: id, Endpoint: endpoint,
			Metadata: append(pluginsdk.Metadata{{Key: ttl, Value: "604800"}}, metadata...),
		}
	}
	m := func(key, value string) pluginsdk.MetadataEntry {
		return pluginsdk.MetadataEntry{Key: key, Value: value}
	}
	return []*pluginsdk.Resource{
		r("a", "dc1", "network", "switch", "cisco", "a.x", m("os_version", "4.1"), m("model", "ASA5500")),
		r("b", "dc1", "network", "router", "juniper", "b.x", m("os_version", "15.1"), m("make", "JNX")),
		r("c", "dc2", "network", "switch", "arista", "c.x"),
		r("d", "dc2", "system", "host", "generic", "d.x", m("os_version", "4.9"), m("make", "A10x")),
		r("e", "DC1", "System", "Host", "Cisco", "e.x", m("model", "asr1001")),
		r("f", "dc%", "network", "sw_itch", "ci_sco", `f"q`, m("model", `a\b`)),
	}
}

// TestWorkedExamples is the table of docs/panoptes/resource-filter.md, section 7, by its numbers, and what follows from
// the text where the table is silent.
func TestWorkedExamples(t *testing.T) {
	t.Parallel()
	resources := worked()
	for i, c := range []struct{ filter, want string }{
		{`resource_site = "dc1"`, "a b"},
		{`RESOURCE_SITE = "dc1"`, "a b"},
		{`resource_site = "DC1"`, "e"},
		{`resource_site != "dc1"`, "c d e f"},
		{`resource_site LIKE "dc1"`, "a b e"},
		{`resource_site like "DC_"`, "a b c d e f"},
		{`resource_site NOT LIKE "dc%"`, ""},
		{`resource_site IN ("dc1","dc2")`, "a b c d"},
		{`resource_site not in ("dc1", "dc2")`, "e f"},
		{`resource_type LIKE "%isc%"`, "a e"},
		{`resource_type LIKE "ci\_sco"`, "f"},
		{`resource_site LIKE "%%1"`, "a b e"},
		{`resource_class = "network" AND resource_type = "cisco"`, "a"},
		{`resource_class = "network" OR resource_type = "generic" AND resource_site = "dc1"`, "a b c f"},
		{`resource_class = "system" AND resource_site = "dc2" OR resource_type = "cisco"`, "a d"},
		{`resource_class = "network" AND resource_metadata.os_version LIKE "4%"`, "a"},
		{`resource_class = "network" AND resource_metadata.model NOT LIKE "ASA%"`, "f"},
		{`resource_class = "network" AND resource_metadata.model != "ASA5500"`, "f"},
		{`resource_class = "network" AND resource_metadata.os_version NOT IN ("4.1","4.9")`, "b"},
		{`RESOURCE_CLASS = "network" AND Resource_Metadata.Model LIKE "asa%"`, "a"},
		{`resource_class = "network" AND resource_metadata.make = "JNX" AND resource_metadata.os_version = "15.1"`, "b"},
		{`resource_class = "network" AND resource_metadata.make = "JNX" AND resource_site = "dc1"`, "b"},
		{`resource_class = "network" AND resource_metadata.os_version LIKE "4%" OR resource_metadata.make = "JNX"`, "a b"},
		{`resource_class = "network" AND resource_metadata.make = "JNX" OR resource_metadata.make LIKE "A10%"`, "b d"},
		{`resource_class = "network" AND resource_metadata._resource_ttl = "604800"`, "a b c f"},
		{`resource_site = "dc1" or resource_site = "dc2"`, "a b c d"},
		{`resource_class = "network" OR resource_metadata.os_version LIKE "4%"`, "a b c d f"},
		{`resource_site = "dc1" OR resource_metadata.make LIKE "A10%"`, "a b d"},
		{`resource_site = "dc1" OR resource_site = "dc2" AND resource_metadata.os_version LIKE "4%"`, "a b d"},
		{`resource_class = "network" AND resource_metadata.make = "JNX" OR resource_site = "dc2"`, "b c d"},
		{`resource_class = "network" AND resource_metadata.make = "JNX" AND resource_metadata.os_version = "15.1" OR resource_metadata.os_version = "4.9"`, "b d"},
		{`resource_metadata.os_version LIKE "4%"`, "a d"},
		{`resource_metadata.os_version LIKE "4%" AND resource_class = "network"`, "a"},
		{`resource_site eq "dc1"`, "a b"},
		{`resource_type = "resource_type"`, ""},
		{`resource_id = "id"`, ""},
		{`resource_endpoint = "f\"q"`, "f"},
		{`resource_class = "network" AND resource_metadata.OS_VERSION = "4.1"`, "a"},
		{`resource_site = ""`, ""},
		// Beyond the table.
		{`NOT resource_metadata.make = "JNX"`, "a c d e f"},
		{`resource_metadata.make != "JNX"`, "d"},
		{`NOT resource_site = "dc1" AND resource_class = "network"`, "c f"},
		{`NOT (resource_site = "dc1" OR resource_class = "system")`, "c e f"},
		{`not not resource_site = "dc1"`, "a b"},
		{`resource_class = "network" AND (resource_site = "dc1" OR resource_site = "dc2")`, "a b c"},
		{"\t resource_metadata . model\r\n= \"ASA5500\" \n", "a"},
		{`resource_metadata.model = "a\\b"`, "f"},
		{`resource_metadata.model = "a\b"`, ""},
		{`resource_site = "d\c\1"`, "a b"},
		{`resource_id IN ("1","2","3","4","5","6","7","8","9","a","a")`, "a"},
		{`resource_id NOT IN ("1","2","3","4","5","6","7","8","9","a","a")`, "b c d e f"},
		{`resource_endpoint LIKE "_.%_"`, "a b c d e"},
		{`resource_endpoint LIKE "%"`, "a b c d e f"},
		{`resource_endpoint LIKE ""`, ""},
	} {
		f, err := Parse(c.filter)
		if err != nil {
			t.Errorf("%d: %s: %v", i+1, c.filter, err)
			continue
		}
		if got := ids(f, resources); got != c.want {
			t.Errorf("%d: %s: matches %q, want %q", i+1, c.filter, got, c.want)
		}
	}
}

func TestStringLiterals(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`"a\tb\nc\fd\re"`:      "a\tb\nc\fd\re",
		`"\"\\\%\x"`:           `"\%x`,
		`""`:                   "",
		"\"\x00\v\u2028\xff\"": "\x00\v\u2028\xff",
		"\"\\\u00e9\\\\t\"":    "\u00e9\\t",
	} {
		f, err := Parse(`resource_site= ` + source)
		if err != nil {
			t.Errorf("%q: %v", source, err)
			continue
		}
		if got := f.root.values[0]; got != want {
			t.Errorf("%q stands for %q, want %q", source, got, want)
		}
	}
}

// TestTabs checks columns of tabs one by one: Panoptes puts in blanks up to the next multiple of eight columns.
func TestTabs(t *testing.T) {
	t.Parallel()
	for lead, blanks := range map[string]int{
		`resource_site="`:            1, // 15 characters before the tab
		`resource_site= "`:           8,
		`resource_site=  "`:          7,
		"resource_site\t=\t\"ab":     5,
		"resource_site\n=\"":         6,
		"resource_site\r\n=\"\u00e9": 5,
		"resource_site\n= \"\\":      4, // the backslash takes none
	} {
		f, err := Parse(lead + "\t|\"")
		if err != nil {
			t.Fatalf("%q: %v", lead, err)
		}
		if got := strings.Count(f.root.values[0], " "); got != blanks {
			t.Errorf("%q: the tab became %s blanks, want %d", lead, strconv.Itoa(got), blanks)
		}
	}
}
