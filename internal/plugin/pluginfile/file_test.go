package pluginfile

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const minimal = "[Core]\nName = T\nModule = m\n"

func parsed(t *testing.T, text string) *File {
	t.Helper()
	f, err := Parse("x.panoptes-plugin", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestSyntax(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want map[string]string // the section x
	}{
		"delimiters":        {"a=1\nb:2\nc = x=y:z\nd : =\ne=", map[string]string{"a": "1", "b": "2", "c": "x=y:z", "d": "=", "e": ""}},
		"comments":          {"# a = 1\n  ; b = 2\nc = v ; c # d", map[string]string{"c": "v ; c # d"}},
		"names fold":        {"ABC Def = V", map[string]string{"abc def": "V"}},
		"continuation":      {"a = 1\n  2\n\n \t3\n# no\n\n\nb = 4", map[string]string{"a": "1\n2\n\n3", "b": "4"}},
		"begins below":      {"a =\n  1\n  2", map[string]string{"a": "\n1\n2"}},
		"indent of option":  {"  a = 1\n  b = 2\n   c = 3\n d = 4", map[string]string{"a": "1", "b": "2\nc = 3", "d": "4"}},
		"line ends":         {"a = 1\r\n  2\r\nb = 3\rc = 4", map[string]string{"a": "1\n2", "b": "3", "c": "4"}},
		"other blanks":      {"a = \u00a01\x1f\n\u2003 2", map[string]string{"a": "1\n2"}},
		"percent":           {"a = 5%%\nb = %(A)s of %(a)s", map[string]string{"a": "5%", "b": "5% of 5%"}},
		"lone percent":      {"a = 5% 6%x %", map[string]string{"a": "5% 6%x %"}},
		"quotes":            {"a = \"m\"\nb = 'm'\nc = \"m'\nd = \"a\", \"b\"\ne = \"\nf = \"\"", map[string]string{"a": "m", "b": "m", "c": "\"m'", "d": "\"a\", \"b\"", "e": "\"", "f": ""}},
		"reference quoted":  {"a = \"m\"\nb = <%(a)s>", map[string]string{"a": "m", "b": "<\"m\">"}},
		"text behind ]":     {"a = 1\n[y] = 2\nb = 3", map[string]string{"a": "1"}},
		"comment not blank": {"a = 1\n#\n  2", map[string]string{"a": "1\n2"}},
	} {
		f := parsed(t, minimal+"[x]\n"+c.text)
		if got := f.Config["x"]; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestWholeFileIndented(t *testing.T) {
	t.Parallel()
	text := "\n    [Core]\n    Name = Tutorial Plugin\n    Module = m\n\n    [main]\n    execute_frequency = 60\n" +
		"    resource_filter = resource_id = \"a\"\n        OR resource_id = \"b\"\n"
	for _, ends := range []string{"\n", "\r\n"} {
		f := parsed(t, strings.ReplaceAll(text, "\n", ends))
		if f.Name != "Tutorial Plugin" || f.ExecuteFrequency != 60 || f.ResourceFilter != "resource_id = \"a\"\nOR resource_id = \"b\"" {
			t.Errorf("%+v", f)
		}
		if len(f.Warnings) > 0 {
			t.Errorf("warnings %q", f.Warnings)
		}
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	f := parsed(t, "[DEFAULT]\nsite = dc1\nperiod = 60\n[Core]\nName = T\nModule = m\n[Empty]\n[main]\nExecute_Frequency = %(period)s\nsite = %(where)s\nwhere=dc2\n"+
		"[DEFAULT]\nother: rate:t:x\n[transforms]\nz = bad\ny = rate:u:v\n")
	want := []Option{{"site", "dc2"}, {"period", "60"}, {"other", "rate:t:x"}, {"execute_frequency", "60"}, {"where", "dc2"}}
	if got := f.Options("main"); !reflect.DeepEqual(got, want) {
		t.Errorf("options %q, want %q", got, want)
	}
	// [Empty] has the defaults; [Documentation] was added.
	if got := strings.Join(f.SectionOrder, " "); got != "Core Empty main transforms Documentation" {
		t.Errorf("sections %s", got)
	}
	if f.Config.Get("Empty", "site") != "dc1" || f.Config.Get("Documentation", "website") != "None" {
		t.Errorf("config %q", f.Config)
	}
	// Of the inherited options only those are transforms that read as one; one's own are kept, to be reported.
	if got := f.Transforms(); got != "other = rate:t:x\nz = bad\ny = rate:u:v" {
		t.Errorf("transforms %q", got)
	}
	if got := parsed(t, minimal+"[a]\n").SectionOrder; strings.Join(got, " ") != "Core Documentation" {
		t.Errorf("an empty section is there: %q", got)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"", "there is no section [Core]: it must have the options Name and Module"},
		{"[core]\nName = T\nModule = m", "line 1: section [core] must be written [Core]"},
		{"[Core]\nModule = m", "line 1: option Name of section [Core] is missing: it says what the plugin is called"},
		{"[Core]\nName = \"\"\nModule = m", "line 1: option Name of section [Core] is empty"},
		{"[Core]\nNmae = T\nModule = m", "line 2: option Name of section [Core] is missing, but nmae is there: did you mean Name?"},
		{"[Core]\nName = T\nModuel = m", "line 3: option Module of section [Core] is missing, but moduel is there: did you mean Module?"},
		{"[Core]\nLabel = T\nModule = m", "line 1: option Name of section [Core] is missing: it says what"},
		{"[Coer]\nName = T\nModule = m", "line 1: there is no section [Core], but [Coer]: did you mean [Core]?"},
		{"\n[Core]\nName = T", "line 2: option Module of section [Core] is missing: it says the Python module beside this file"},
		{"Name = T", `line 1: "Name = T" stands before the first section: a plugin file begins with [Core]`},
		{"\ufeff" + minimal, "line 1: the file begins with a byte order mark: save it as UTF-8 without BOM"},
		{minimal + "x = \xff", "line 4: the line is not UTF-8"},
		{minimal + "[Core]", "line 4: section [Core] is there already, on line 1: join the two"},
		{minimal + "NAME = x", `line 4: option "name" of section [Core] is there already, on line 2`},
		{"[DEFAULT]\na=1\n[DEFAULT]\na=2", `line 4: option "a" of section [DEFAULT] is there already, on line 2`},
		{minimal + "what", `line 4: "what" is no option: expected "name = value"`},
		{minimal + " = x", ""}, // continues the value above
		{minimal + "= x", `line 4: "= x" has no name before the "="`},
		{"[]", `line 1: "[]" stands before the first section`},
		{"[Core", `line 1: "[Core" stands before the first section`},
		{minimal + "a = %(nosuch)s", `line 4: [Core] a refers to the option "nosuch", which neither [Core] nor [DEFAULT] has`},
		{minimal + "a = %(name)d", `line 4: [Core] a has the bad reference "%(name)d": write %(option)s, or %% for a percent sign`},
		{minimal + "a = %(", "bad reference"},
		{minimal + "a = %()s", "bad reference"},
		{minimal + "a = %(b)s\nb = %(a)s", "line 4: [Core] a refers to other options more than 10 deep, perhaps to itself"},
		{strings.Repeat("# x\n", MaxSize/4) + minimal, "the file is larger than the limit of 1048576 bytes"},
		{strings.Replace(minimal, "= m", "= m\x00", 1), "option Module of section [Core] has a NUL in it"},
	} {
		_, err := Parse("dir/x.panoptes-plugin", []byte(c.text))
		var e *Error
		switch {
		case c.want == "":
			if err != nil {
				t.Errorf("%.80q: %v", c.text, err)
			}
		case !errors.As(err, &e) || !strings.HasPrefix(err.Error(), `plugin file "dir/x.panoptes-plugin"`) || !strings.Contains(err.Error(), c.want):
			t.Errorf("%.80q: error\n%v\nwant\n%s", c.text, err, c.want)
		}
	}
}

// TestExpansionIsBounded has references that would double ten times each, to something and to nothing.
func TestExpansionIsBounded(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"xxxxxxxx", ""} {
		var b strings.Builder
		b.WriteString(minimal + "a0 = " + end + "\n")
		for i := 1; i < 10; i++ {
			b.WriteString("a" + strconv.Itoa(i) + " = " + strings.Repeat("%(a"+strconv.Itoa(i-1)+")s", 50) + "\n")
		}
		if _, err := Parse("x", []byte(b.String())); err == nil || !strings.Contains(err.Error(), "grow beyond 4 MiB") {
			t.Errorf("error %v", err)
		}
	}
	var b strings.Builder
	b.WriteString("[DEFAULT]\n" + strings.Repeat("x", 500_000) + " = 1\n" + minimal)
	for i := range 50_000 {
		b.WriteString("[" + strconv.Itoa(i) + "]\n")
	}
	if _, err := Parse("x", []byte(b.String())); err == nil || !strings.Contains(err.Error(), "grow beyond 4 MiB") {
		t.Errorf("error %v", err)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"[main]\nexecute_frequency = 1_000\nresource_filter = \"a\"\n": "",
		"[DEFAULT]\na = 5%\n[x]\n[y]\n":                                "line 5: [Core] a has a lone %, which stands for itself here; Panoptes fails on it: write %%",
		"[DEFAULT]\na = 'b'\n[x]\n[y]\n":                               "line 5: [Core] a: the quotes around the value are dropped; Panoptes keeps them",
		"[main]\nexecute_frequency = 60.5\n":                           `[main] execute_frequency: "60.5" is no whole number of seconds and counts as 0`,
		"[main]\nresults_cache_age = 99999999999\n":                    `[main] results_cache_age: "99999999999" is no whole number`,
		"[main]\na = 1\n  [transforms]\n  x = rate:t:a\n":              "line 6: [transforms] is indented and so continues the value of a: take out the blanks before it if it is meant as a section",
		"[Documentation]\nVersion = 1.2.3rc1\n":                        `[Documentation] version: "1.2.3rc1" is no N.N or N.N.N`,
	} {
		f := parsed(t, minimal+text)
		got := strings.Join(f.Warnings, "\n")
		if want == "" && got != "" || !strings.Contains(got, want) || len(f.Warnings) > 1 {
			t.Errorf("%q: warnings %q, want %q", text, got, want)
		}
	}
}

func TestIntegers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"60": 60, " +7 ": 7, "-5": -5, "007": 7, "1_0": 10, `"60"`: 60, "_1": 0, "1_": 0, "1__0": 0, "+-1": 0, "": 0, "0x10": 0, "6e1": 0, "2147483648": 0,
	} {
		if got := parsed(t, minimal+"[main]\nexecute_frequency = "+text).ExecuteFrequency; got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1.0.0": "1.0", "1.0.1": "1.0.1", "0.4": "0.4", "01.02": "1.2", "1.2a1": "1.2a1", "1.2.0b03": "1.2b3", "1": "1", "1.x": "1.x", "2.0 beta": "2.0 beta",
	} {
		f := parsed(t, minimal+"[Documentation]\nVersion = "+text)
		strict := strings.Contains(text, ".") && !strings.ContainsAny(text, "x ")
		if f.Version != want || f.Config.Get("Documentation", "version") != text || strict != (len(f.Warnings) == 0) {
			t.Errorf("version %q is printed %q, warnings %q", text, f.Version, f.Warnings)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"Tutorial Plugin": "Tutorial_Plugin", "a_b": "a__b", "\u00e9 x": "__x", "A-1.\u6771": "A_1__", "": ""} {
		if got := NormalizeName(name); got != want {
			t.Errorf("NormalizeName(%q) is %q, want %q", name, got, want)
		}
	}
	f := parsed(t, strings.Replace(minimal, "= T", "= Tutorial Plugin", 1))
	r := &pluginsdk.Resource{
		Site: "local", Class: "tutorial", Subclass: "host", Type: "generic", ID: "tutorial_device", Endpoint: "localhost",
		Plugin: "plugin_discovery_from_json_file",
	}
	if got := TaskName(f, r); got != "Tutorial_Plugin:3221e556fca9b9bd99d669e46052debd:tutorial_device" {
		t.Errorf("task name %q", got)
	}
	// printf Tutorial_PluginNone | md5sum
	if got := string(AppendTaskNameByKey([]byte("x"), f, r, r.AppendKey(nil))); got != "x"+TaskName(f, r) {
		t.Error(got)
	}
	if got := TaskName(f, nil); got != "Tutorial_Plugin:"+Signature("Tutorial_Plugin", "None") {
		t.Errorf("task name %q", got)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for frequency, want := range map[int][2]int{60: {120, 75}, 1: {2, 1}, 2: {4, 2}, 6: {12, 8}, 10: {20, 12}, 30: {60, 38}, -5: {-10, -6}, 0: {0, 0}} {
		f := File{ExecuteFrequency: frequency}
		if got := [2]int{f.Expires(), f.TimeLimit()}; got != want {
			t.Errorf("%d: %v, want %v", frequency, got, want)
		}
	}
}

func TestTopics(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"a, b": "a, b", `"a, b"`: "a, b", "a,\n b": "a, b", "": ",", `""`: ","} {
		if got := parsed(t, minimal+"[topics]\nprocessed = "+value).Topics(); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
	if got := parsed(t, minimal).Topics(); got != "" {
		t.Errorf("no topics: %q", got)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "x"+Extension)
	for _, missing := range []string{path, dir} {
		_, err := Load(missing)
		var e *Error
		if !errors.As(err, &e) || e.Path != missing || strings.Count(err.Error(), "cannot be read") != 1 {
			t.Errorf("error %v", err)
		}
	}
	if _, err := Load(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v is not ErrNotExist", err)
	}
	if err := os.WriteFile(path, []byte(minimal), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Load(path)
	if err != nil || f.Name != "T" || f.ModulePath != filepath.Join(dir, "m") || f.HasResourceFilter {
		t.Errorf("%+v, %v", f, err)
	}
	if err := os.WriteFile(path, make([]byte, MaxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "larger than the limit") {
		t.Errorf("error %v", err)
	}
}

// TestWrittenIsRead writes configurations and expects them back, whatever the texts.
func TestWrittenIsRead(t *testing.T) {
	t.Parallel()
	value := rapid.StringMatching(`[a-z%=:;#\[][ a-zA-Z%=:;#()"'\[\]]{0,10}[a-z%]`)
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]string{}
		var b strings.Builder
		b.WriteString(minimal + "[main]\n")
		for i, lines := range rapid.SliceOfN(rapid.SliceOfN(value, 0, 3), 1, 6).Draw(t, "values") {
			name := "o" + strconv.Itoa(i)
			var kept []string
			for _, line := range lines {
				if len(kept) == 0 || line[0] != '#' && line[0] != ';' {
					kept = append(kept, line)
				}
			}
			want[name] = strings.Join(kept, "\n")
			b.WriteString(name + " = " + strings.ReplaceAll(strings.Join(kept, "\n   "), "%", "%%") + "\n")
		}
		f, err := Parse("x", []byte(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(f.Config["main"], want) {
			t.Fatalf("%q\nis read as %q\nwant %q", b.String(), f.Config["main"], want)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal + "[main]\nexecute_frequency = \"60\"\nresource_filter = a LIKE \"x%\"\n  or %(b)s\nb = %%\n[DEFAULT]\nq: 1\n"))
	f.Add([]byte("\ufeff[Core]\r\n name :\r\tx\n[transforms]\nk = rate:t:a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("x"+Extension, data)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Reason == "" || e.Path == "" {
				t.Fatalf("error %#v", err)
			}
			return
		}
		if file.Name == "" || file.Module == "" || file.NormalizedName == "" || len(file.SectionOrder) != len(file.Config) {
			t.Fatalf("%+v", file)
		}
		for _, section := range file.SectionOrder {
			if len(file.Options(section)) != len(file.Config[section]) {
				t.Fatalf("options %q, config %q", file.Options(section), file.Config[section])
			}
		}
		file.Transforms()
		file.Topics()
		TaskName(file, nil)
	})
}
