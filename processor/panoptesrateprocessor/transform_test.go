package panoptesrateprocessor

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

// TestGlob compares with the plainest reading of a glob.
func TestGlob(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		glob := rapid.StringOfN(rapid.RuneFrom([]rune("ab.*?+(")), 1, 6, -1).Draw(t, "glob")
		name := rapid.StringOfN(rapid.RuneFrom([]rune("ab.+(\n/")), 0, 6, -1).Draw(t, "name")
		r := rules{}
		if err := r.addSelector(&Transform{Metrics: []string{glob}, Match: MatchGlob}, trust{}); err != nil {
			t.Fatal(err)
		}
		if got, want := r.selected(name) != nil, globFits(glob, name); got != want {
			t.Fatalf("%q and %q: %v instead of %v", glob, name, got, want)
		}
	})
}

func globFits(glob, name string) bool {
	switch {
	case glob == "":
		return name == ""
	case glob[0] == '*':
		return globFits(glob[1:], name) || name != "" && globFits(glob, name[1:])
	case name == "":
		return false
	}
	return (glob[0] == '?' || glob[0] == name[0]) && globFits(glob[1:], name[1:])
}

// FuzzTransform: whatever passes Validate can be used, and a strict name picks itself alone.
func FuzzTransform(f *testing.F) {
	f.Add("strict", "a.b", "a.b")
	f.Add("glob", "a*?", "abc")
	f.Add("regexp", "a|(?m:^b$)", "b\nc")
	f.Fuzz(func(t *testing.T, match, text, name string) {
		tr := Transform{Metrics: []string{text}, Match: match}
		if tr.Validate() != nil {
			return
		}
		r, err := newRules(&Config{MaxSeries: 1, Transforms: []Transform{tr}})
		if err != nil {
			t.Fatal(err)
		}
		fits := r.selected(name) != nil
		switch tr.match() {
		case MatchStrict:
			if fits != (text == name) {
				t.Fatalf("%q and %q: %v", text, name, fits)
			}
		case MatchRegexp:
			if all := regexp.MustCompile(text); fits && all.FindStringIndex(name) == nil {
				t.Fatalf("%q fits no part of %q", text, name)
			}
		}
	})
}
