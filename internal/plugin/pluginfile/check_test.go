package pluginfile

import (
	"reflect"
	"strings"
	"testing"
)

const head = "from panoptes import check, gauge\n\n\n"

func TestFindCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, source string
		want         *Check
	}{
		{"bare", head + "@check\ndef disk(ctx):\n    pass\n", &Check{Name: "disk", Group: "disk"}},
		{"empty brackets", head + "@check()\ndef disk(): pass", &Check{Name: "disk", Group: "disk"}},
		{"by module", "import panoptes\n@panoptes.check(every=5)\ndef d(): pass", &Check{Name: "d", Group: "d", Every: 5}},
		{
			"all", head + `@check(every=1_0, resources='a = "b"', rates=["x", 'y'], group="io")` + "\ndef disk(): pass",
			&Check{Name: "disk", Group: "io", Every: 10, Resources: `a = "b"`, Rates: []string{"x", "y"}},
		},
		{
			"over lines, with comments", head + "@check(\n    every=60,  # a minute\n    resources='a = ' # first\n       'b',\n    rates=(\n 'x',\n ),\n)\n@other\ndef f(ctx):\n pass",
			&Check{Name: "f", Group: "f", Every: 60, Resources: "a = b", Rates: []string{"x"}},
		},
		{
			"escapes, raw and triple", head + `@check(resources='it\'s \\' r'\d' """ "q" """)` + "\ndef f(): pass",
			&Check{Name: "f", Group: "f", Resources: `it's \\d "q" `},
		},
		{"no check", head + "def f(): pass", nil},
		{"somebody else's", "from mine import check\n@check(60)\ndef f(): pass", nil},
		{"in a class", head + "class A:\n    @check(60)\n    def f(self): pass", nil},
		{"longer name", head + "@checked(60)\ndef f(): pass", nil},
		{"nothing", "", nil},
	} {
		got, err := FindCheck([]byte(c.source))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v, want %+v", c.name, got, err, c.want)
		}
	}
}

func TestFindCheckRefuses(t *testing.T) {
	t.Parallel()
	const every, end = "line 4: @check: every must be a whole number of seconds greater than zero", "\ndef f(): pass"
	for source, want := range map[string]string{
		"@check(60)" + end:                             "line 4: @check takes keywords only, such as every=60",
		"@check(every=0)" + end:                        every,
		"@check(every=MINUTE)" + end:                   every,
		"@check(every='60')" + end:                     every,
		"@check(every=30*2)" + end:                     "line 4: @check: every must be written out",
		"@check(\n\nresources=FILTER)" + end:           "line 6: @check: resources must be a filter, written out",
		"@check(resources=' ')" + end:                  "resources must be a filter",
		"@check(resources=f'a')" + end:                 "resources must be a filter",
		"@check(resources='a\n')" + end:                "resources must be a filter",
		"@check(resources='\\x41')" + end:              "resources must be a filter",
		"@check(rates='a')" + end:                      "rates must be a list of names, written out",
		"@check(rates=['a' for a in b])" + end:         "rates must be a list of names",
		"@check(rates=[a])" + end:                      "rates must be a list of names",
		"@check(group=1)" + end:                        "group must be a text",
		"@check(filter='a')" + end:                     `@check has no keyword "filter": it has every, resources, rates and group`,
		"@check(every=60":                              "line 4: @check",
		"@check(every=60)\nx = 1":                      "line 4: no function follows @check",
		"@check\ndef a(): pass\n@check\ndef b(): pass": "line 6: there is a second @check: one file is one plugin",
	} {
		if _, err := FindCheck([]byte(head + source)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", source, err, want)
		}
	}
}

func TestWithCheck(t *testing.T) {
	t.Parallel()
	const core = "[Core]\nName = D\nModule = d\n"
	check := &Check{Name: "disk", Every: 30, Resources: "a = b", Rates: []string{"x", "y"}, Group: "Disk"}
	bare, err := Parse("d.panoptes-plugin", []byte(core))
	if err != nil {
		t.Fatal(err)
	}
	got := bare.WithCheck(check)
	if !bare.WantsCheck() || !bare.NeedsCheck() || got.WantsCheck() {
		t.Error("a bare file must want the check, and no more afterwards")
	}
	if got.ExecuteFrequency != 30 || got.ResourceFilter != "a = b" || !got.HasResourceFilter ||
		got.Transforms() != "disk = rate:Disk:x,y" || got.Config.Get("main", "execute_frequency") != "30" {
		t.Errorf("got %+v", got)
	}
	if bare.ExecuteFrequency != 0 || bare.HasResourceFilter || bare.Transforms() != "" || len(bare.Config["main"]) != 0 {
		t.Errorf("the file was changed: %+v", bare)
	}
	full, err := Parse("d.panoptes-plugin", []byte(core+"[main]\nexecute_frequency = 60\nresource_filter = c = d\n[transforms]\nk = rate:t:z\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := full.WithCheck(check); full.WantsCheck() || got.ExecuteFrequency != 60 || got.ResourceFilter != "c = d" || got.Transforms() != "k = rate:t:z" {
		t.Errorf("the file must come first, got %+v", got)
	}
	half, err := Parse("d.panoptes-plugin", []byte(core+"[main]\nexecute_frequency = 60\nresource_filter = c = d\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !half.WantsCheck() || half.NeedsCheck() {
		t.Error("a file without transforms wants the check and can do without")
	}
}

func FuzzFindCheck(f *testing.F) {
	f.Add([]byte(head + "@check(every=60, resources='a = \"b\"', rates=['x'])\ndef f(): pass"))
	f.Add([]byte(head + "@check(resources=r'''\\''' \"a\")\ndef f(): pass"))
	f.Add([]byte(head + "@check(rates=(\n# c\n'x',),"))
	f.Fuzz(func(t *testing.T, source []byte) {
		c, err := FindCheck(source)
		if err == nil && c != nil && (c.Name == "" || c.Group == "" || c.Every < 0) {
			t.Errorf("%q gave %+v", source, c)
		}
	})
}
