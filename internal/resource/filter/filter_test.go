package filter

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestSyntaxErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ filter, want string }{
		{``, `column 1: found the end of the filter, expected a field, NOT or "("`},
		{"  \n ", `line 2, column 2: found the end of the filter, expected a field, NOT or "("`},
		{`resource_site = dc1`, `column 17: found "dc1", expected a value in double quotes (write "dc1")`},
		{`resource_site = 'dc1'`, `column 17: found "'", expected a value in double quotes (values are written in double quotes)`},
		{`resource_site == "dc1"`, `column 15: found "==", expected =, !=, LIKE, IN, NOT LIKE or NOT IN (equality is written with a single =)`},
		{`resource_site = = "dc1"`, `column 17: found "=", expected a value in double quotes (equality is written with a single =)`},
		{`resource_site <> "dc1"`, `column 15: found "<>", expected =, !=, LIKE, IN, NOT LIKE or NOT IN (inequality is written !=)`},
		{`resource_site NOT = "dc1"`, `column 19: found "=", expected LIKE or IN (to negate a comparison write != or put NOT before the field)`},
		{`resource_site IN ()`, `column 19: found ")", expected a value in double quotes (the list is empty: it needs at least one value)`},
		{`resource_site IN ("dc1",)`, `column 25: found ")", expected a value in double quotes (the list ends with a comma: take it out)`},
		{`resource_site IN ("dc1" "dc2")`, `column 25: found "\"dc2\"", expected "," or ")"`},
		{`resource_site IN "dc1"`, `column 18: found "\"dc1\"", expected "(" (write IN ("a", "b"))`},
		{`resource_site LIKE ("dc1")`, `column 20: found "(", expected a value in double quotes (a list is compared with IN)`},
		{`resource_plugin = "p"`, `column 1: found "resource_plugin", expected a field, NOT or "(" (resource_plugin cannot be filtered by; fields are `},
		{`resource_sit = "p"`, `(did you mean resource_site? fields are resource_site, resource_class, resource_subclass, resource_type, resource_id, resource_endpoint and resource_metadata.KEY)`},
		{`site = "p"`, `did you mean resource_site?`},
		{`metadata.x = "p"`, `did you mean resource_metadata.KEY?`},
		{`zzzzzzzzzzzzzzzzzz = "p"`, `NOT or "(" (fields are`},
		{strings.Repeat("x", 300) + ` = "p"`, `column 1: found "` + strings.Repeat("x", 37) + `...", expected`},
		{`resource_id = "a" # comment`, `column 19: found "#", expected AND, OR or the end of the filter (a filter has no comments)`},
		{`resource_site = "dc1" AND`, `column 26: found the end of the filter, expected a field`},
		{`resource_site = "dc1" AND OR resource_id = "a"`, `column 27: found "OR", expected a field, NOT or "(" (a condition is missing before it)`},
		{`resource_site = "dc1" XOR resource_class = "n"`, `column 23: found "XOR", expected AND, OR or the end of the filter`},
		{`resource_site = "dc1" && resource_class = "n"`, `column 23: found "&&", expected AND, OR or the end of the filter (write AND)`},
		{`resource_site = "dc1"ANDresource_class = "n"`, `column 22: found "ANDresource_class", expected AND, OR`},
		{`resource_site = "dc1" "dc2"`, `(conditions are joined by AND or OR)`},
		{`resource_class = "n" AND resource_metadata.model-x LIKE "A%"`, `column 49: found "-", expected =, !=, LIKE`},
		{`resource_metadata = "x"`, `column 19: found "=", expected "." and a metadata key (write resource_metadata.KEY)`},
		{`resource_metadata. = "x"`, `column 20: found "=", expected a metadata key of letters, digits and _`},
		{`resource_site.x = "x"`, `column 14: found ".", expected =, !=, LIKE, IN, NOT LIKE or NOT IN (only resource_metadata has keys)`},
		{`(resource_site = "dc1"`, `column 23: found the end of the filter, expected AND, OR or ")"`},
		{`resource_site = "dc1")`, `column 22: found ")", expected AND, OR or the end of the filter (there is no "(" for it)`},
		{`resource_site = "dc1`, `column 17: found a value without its closing quote, expected a value that ends with " on the same line`},
		{"resource_site = \"dc1\nAND\"", `column 17: found a value without its closing quote`},
		{`resource_site = "dc1\`, `column 17: found a value without its closing quote`},
		{"resource_id = \"a\"\r\nAND\r\n  r\u00e9source_x = 1", "line 3, column 3: found \"r\", expected a field"},
		{"resource_id = \u201cdc1\u201d", "column 15: found \"\u201c\", expected a value in double quotes (typographic quotes: write plain double quotes)"},
		{"resource_id = \"\u00e4\u00f6\" \u00fc", "column 20: found \"\u00fc\", expected AND"},
	} {
		_, err := Parse(c.filter)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error\n%v\nwant\n%s", c.filter, err, c.want)
		}
	}
}

func TestNestingIsBounded(t *testing.T) {
	t.Parallel()
	const condition = `resource_id = "a"`
	for _, open := range []string{"(", "NOT "} {
		closing := ""
		if open == "(" {
			closing = ")"
		}
		ok := strings.Repeat(open, maxNesting) + condition + strings.Repeat(closing, maxNesting)
		if _, err := Parse(ok); err != nil {
			t.Errorf("%d times %q: %v", maxNesting, open, err)
		}
		_, err := Parse(strings.Repeat(open, 1_000_000) + condition)
		if err == nil || !strings.Contains(err.Error(), "at most "+strconv.Itoa(maxNesting)) {
			t.Errorf("a million times %q: %v", open, err)
		}
	}
	// Beside each other there may be any number.
	if _, err := Parse(condition + strings.Repeat(" AND (NOT "+condition+")", 10_000)); err != nil {
		t.Error(err)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]string{
		`resource_site = "a" OR resource_site = "b" AND resource_type = "c"`:                                      "",
		`resource_site = "a" AND resource_metadata.k = "b" AND resource_metadata.l = "c" AND resource_type = "x"`: "",
		`resource_site = "a" AND resource_metadata.k = "b" OR resource_metadata.l = "c"`:                          "",
		`resource_site eq "a"`:                                                     "eq and ne",
		`resource_site = "a" OR resource_metadata.k = "b"`:                         "Panoptes reads it as AND",
		`resource_metadata.k = "b"`:                                                "begins with a condition on metadata",
		`resource_site = "a" OR resource_site = "b" AND resource_metadata.k = "b"`: "select every resource",
		`resource_site = "a" AND resource_metadata.k = "b" AND resource_metadata.l = "c" OR resource_metadata.m = "d"`: "in another order",
		`resource_site = "a" AND resource_metadata.k = "b" OR resource_metadata.l = "c" AND resource_type = "d"`:       "in another order",
		`resource_site IN ("a", "KEY")`: "column of that name",
		`resource_site = "a\"b"`:        "double quote",
		`(resource_site = "a")`:         "no parentheses",
	} {
		f, err := Parse(filter)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(f.Warnings(), "\n")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: warnings %q, want %q", filter, got, want)
		}
	}
}

// TestStructureIsExact builds what Panoptes does with a flat filter as a truth table and compares: there is a warning
// exactly where the tables differ, or where Panoptes fails (Q3) or loses the join (Q4).
func TestStructureIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 7).Draw(t, "n")
		meta := rapid.SliceOfN(rapid.Bool(), n, n).Draw(t, "metadata")
		or := rapid.SliceOfN(rapid.Bool(), n, n).Draw(t, "or") // or[i] stands before condition i
		var text strings.Builder
		fieldAfterOr := false
		for i := range n {
			if i > 0 {
				text.WriteString(map[bool]string{true: " OR ", false: " AND "}[or[i]])
				fieldAfterOr = fieldAfterOr || or[i] && !meta[i]
			}
			text.WriteString(map[bool]string{true: "resource_metadata.k", false: "resource_id"}[meta[i]] + ` = "` + strconv.Itoa(i) + `"`)
		}
		f, err := Parse(text.String())
		if err != nil {
			t.Fatal(err)
		}
		first := slices.Index(meta, true)
		want := first == 0 || first > 0 && fieldAfterOr
		for bits := 0; first > 0 && !want && bits < 1<<n; bits++ {
			atom := func(i int) bool { return bits>>i&1 == 1 }
			want = intended(or, atom) != original(meta, or, first, atom)
		}
		if got := strings.Join(f.Warnings(), "\n"); (got != "") != want {
			t.Fatalf("%s: warning %q, want one: %t", text.String(), got, want)
		}
	})
}

func intended(or []bool, atom func(int) bool) bool {
	some, all := false, true
	for i := range or {
		if i > 0 && or[i] {
			some, all = some || all, true
		}
		all = all && atom(i)
	}
	return some || all
}

// original is docs/panoptes/resource-filter.md, section 4, for field conditions joined by AND alone.
func original(meta, or []bool, first int, atom func(int) bool) bool {
	base := true
	for i := range meta {
		if !meta[i] || i == first {
			base = base && atom(i)
		}
	}
	for i := first + 1; i < len(meta); i++ {
		base = base || meta[i] && or[i] && atom(i)
	}
	for i := first + 1; i < len(meta); i++ {
		base = base && (!meta[i] || or[i] || atom(i))
	}
	return base
}

func TestLike(t *testing.T) {
	t.Parallel()
	text := rapid.StringOf(rapid.SampledFrom([]rune("aAbB%_\u00e9\u00c9")))
	rapid.Check(t, func(t *rapid.T) {
		pattern, s := text.Draw(t, "pattern"), text.Draw(t, "s")
		p := compileLike(pattern)
		if got, want := p.match(s), slowLike([]rune(pattern), []rune(s)); got != want {
			t.Fatalf("%q LIKE %q is %t, want %t", s, pattern, got, want)
		}
	})
	// Many wildcards against a long value that almost matches end soon.
	p := compileLike(strings.Repeat("%a", 500) + "b")
	if p.match(strings.Repeat("a", 20_000)) {
		t.Error("matches without a b")
	}
}

func slowLike(p, s []rune) bool {
	switch {
	case len(p) == 0:
		return len(s) == 0
	case p[0] == '%':
		return slowLike(p[1:], s) || len(s) > 0 && slowLike(p, s[1:])
	case len(s) == 0:
		return false
	}
	fold := func(r rune) rune {
		if r < 128 {
			return rune(lower(byte(r)))
		}
		return r
	}
	return (p[0] == '_' || fold(p[0]) == fold(s[0])) && slowLike(p[1:], s[1:])
}

const busyFilter = `NOT (resource_site = "x" OR resource_type LIKE "%%a_c%") AND resource_class IN ("a","b","c","d","e","f","g","h","i","network")
	AND (resource_metadata.os_version NOT LIKE "9%" OR resource_metadata.MODEL != "x")`

func TestMatchDoesNotAllocate(t *testing.T) {
	f, err := Parse(busyFilter)
	if err != nil {
		t.Fatal(err)
	}
	resources := worked()
	if n := testing.AllocsPerRun(100, func() {
		for _, r := range resources {
			f.Match(r)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMatch(b *testing.B) {
	f, err := Parse(busyFilter)
	if err != nil {
		b.Fatal(err)
	}
	resources := worked()
	b.ReportAllocs()
	for b.Loop() {
		f.Match(resources[0])
	}
}

func FuzzParse(f *testing.F) {
	f.Add(busyFilter)
	f.Add("resource_site not in (\"a\",\"b\\\"\\\\\\t\tc\") or not (resource_id like \"%_\" and resource_metadata . k ne \"\xff\")")
	f.Add(`resource_site = 'a' <> # "`)
	resources := append(worked(), &pluginsdk.Resource{})
	f.Fuzz(func(t *testing.T, text string) {
		first, err := Parse(text)
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Line < 1 || syntax.Column < 1 || syntax.Found == "" || syntax.Expected == "" {
				t.Fatalf("%q: error %#v", text, err)
			}
			return
		}
		canonical := first.Canonical()
		again, err := Parse(canonical)
		if err != nil {
			t.Fatalf("%q printed as %q: %v", text, canonical, err)
		}
		if twice := again.Canonical(); twice != canonical {
			t.Fatalf("%q printed as %q, then as %q", text, canonical, twice)
		}
		if a, b := ids(first, resources), ids(again, resources); a != b {
			t.Fatalf("%q matches %q, but %q matches %q", text, a, canonical, b)
		}
	})
}
