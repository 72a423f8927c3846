package transforms

import (
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	rules, errs := Parse("example = rate:example:a, b ,\n\nk='rate: T :x,x'\n bad\nc = rate:t\nd = rate:t:x:y\ne = RATE:t:x\nf = rate::x\ng = rate:t: ,")
	want := []Rule{
		{Label: "example", GroupType: "example", Metrics: []string{"a", "b"}},
		{Label: "k", GroupType: "T", Metrics: []string{"x"}},
	}
	if !reflect.DeepEqual(rules, want) {
		t.Errorf("rules %v, want %v", rules, want)
	}
	for i, text := range []string{`"bad" has no "="`, "found 2", "found 4", `unknown type "RATE"`, "is empty", "names no metric"} {
		if i >= len(errs) || !strings.Contains(errs[i].Error(), text) {
			t.Fatalf("errors %v: the one at %d must contain %q", errs, i, text)
		}
	}
	if len(errs) != 6 {
		t.Errorf("%d errors: %v", len(errs), errs)
	}
}

func TestUnquote(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{`"a"`: "a", `'a'`: "a", `"a'`: `"a'`, `"`: `"`, ``: ``, `""a""`: `"a"`, `a"b"`: `a"b"`} {
		if got := Unquote(in); got != want {
			t.Errorf("Unquote(%s) = %s, want %s", in, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a = rate:t:x,y\nb=c")
	f.Fuzz(func(t *testing.T, text string) {
		rules, _ := Parse(text)
		for _, r := range rules {
			if r.GroupType == "" || len(r.Metrics) == 0 {
				t.Fatalf("%q gave %v", text, r)
			}
			line := r.Label + " = rate:" + r.GroupType + ":" + strings.Join(r.Metrics, ",")
			again, errs := Parse(line)
			if len(errs) > 0 || len(again) != 1 || !reflect.DeepEqual(again[0], r) {
				t.Fatalf("%q read back as %v, %v", line, again, errs)
			}
		}
	})
}
