package filter

import (
	"testing"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestFailing(t *testing.T) {
	t.Parallel()
	r := &pluginsdk.Resource{Site: "dc1", Class: "network", Metadata: pluginsdk.Metadata{{Key: "OS", Value: `a"b`}}}
	for text, want := range map[string][2]string{
		`resource_site = "dc1"`:                                 {"", ""},
		`resource_site = "dc2"`:                                 {`resource_site = "dc2"`, `resource_site is "dc1"`},
		`resource_site eq "dc1" AND resource_class LIKE "sys%"`: {`resource_class LIKE "sys%"`, `resource_class is "network"`},
		`resource_site = "dc1" AND (resource_class = "network" AND resource_metadata.os = "c")`: {
			`resource_metadata.os = "c"`, `resource_metadata.OS is "a\"b"`,
		},
		`resource_metadata.model != "x"`:                {`resource_metadata.model != "x"`, "there is no resource_metadata.model"},
		`resource_site = "dc2" OR resource_class = "x"`: {`resource_site = "dc2" OR resource_class = "x"`, ""},
		`NOT resource_site = "dc1"`:                     {`NOT resource_site = "dc1"`, ""},
	} {
		f, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if clause, has := f.Failing(r); clause != want[0] || has != want[1] {
			t.Errorf("%s: %q, %q, want %q", text, clause, has, want)
		}
	}
}
