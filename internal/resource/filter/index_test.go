package filter

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// anyFilter draws a filter over a small world, so that equalities often hold.
func anyFilter(t *rapid.T, depth int) string {
	if depth > 0 {
		switch rapid.IntRange(0, 3).Draw(t, "form") {
		case 0:
			return "NOT (" + anyFilter(t, depth-1) + ")"
		case 1:
			return "(" + anyFilter(t, depth-1) + " AND " + anyFilter(t, depth-1) + ")"
		case 2:
			return "(" + anyFilter(t, depth-1) + " OR " + anyFilter(t, depth-1) + ")"
		}
	}
	field := rapid.SampledFrom([]string{"resource_site", "resource_class", "resource_id", "resource_metadata.os", "resource_metadata.Rack"}).Draw(t, "field")
	value := rapid.StringMatching(`[ab][12]?`)
	switch rapid.IntRange(0, 4).Draw(t, "comparison") {
	case 0:
		return fmt.Sprintf("%s != %q", field, value.Draw(t, "v"))
	case 1:
		return fmt.Sprintf("%s IN (%q, %q)", field, value.Draw(t, "v"), value.Draw(t, "w"))
	case 2:
		return fmt.Sprintf("%s NOT IN (%q)", field, value.Draw(t, "v"))
	case 3:
		return fmt.Sprintf("%s LIKE %q", field, value.Draw(t, "v")+"%")
	}
	return fmt.Sprintf("%s = %q", field, value.Draw(t, "v"))
}

// The index finds what looking at every resource finds.
func TestIndex(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[ab][12]?`)
		list := rapid.SliceOf(rapid.Custom(func(t *rapid.T) *pluginsdk.Resource {
			if rapid.IntRange(0, 9).Draw(t, "none") == 0 {
				return nil
			}
			r := &pluginsdk.Resource{Site: value.Draw(t, "site"), Class: value.Draw(t, "class"), ID: value.Draw(t, "id")}
			for _, key := range []string{"os", "OS", "rack"} {
				if rapid.Bool().Draw(t, key) {
					r.Metadata = append(r.Metadata, pluginsdk.MetadataEntry{Key: key, Value: value.Draw(t, "value")})
				}
			}
			return r
		})).Draw(t, "list")
		x := NewIndex(list)
		for range 3 {
			var filters []*Filter
			for range rapid.IntRange(1, 2).Draw(t, "filters") {
				f, err := Parse(anyFilter(t, 3))
				if err != nil {
					t.Fatal(err)
				}
				filters = append(filters, f)
			}
			var want []int
			for i, r := range list {
				if r != nil && slices.ContainsFunc(filters, func(f *Filter) bool { return f.Match(r) }) {
					want = append(want, i)
				}
			}
			if got := x.Select(filters...); !slices.Equal(got, want) {
				t.Fatalf("%v: %v, want %v", filters, got, want)
			}
		}
	})
}

// A filter with an equality is not held against every resource.
func TestIndexLooksAtFew(t *testing.T) {
	t.Parallel()
	var list []*pluginsdk.Resource
	for i := range 1000 {
		list = append(list, &pluginsdk.Resource{Site: fmt.Sprint("s", i%10), Class: fmt.Sprint("c", i%100), Metadata: pluginsdk.Metadata{{Key: "n", Value: fmt.Sprint(i)}}})
	}
	x := NewIndex(list)
	for text, want := range map[string]int{
		`resource_class = "c1" AND resource_site LIKE "s%"`:                            10,
		`resource_site = "s1" AND resource_class = "c1"`:                               10,
		`resource_site = "s1" OR resource_class IN ("c2", "c3")`:                       120,
		`resource_metadata.N = "7" AND resource_site = "s7"`:                           1,
		`(resource_class = "c1" OR resource_class = "c2") AND NOT resource_site = "x"`: 20,
		`resource_class = "none"`:                                                      0,
		`resource_class = "c1" OR resource_site LIKE "s1"`:                             -1,
		`NOT resource_class = "c1"`:                                                    -1,
	} {
		f, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, got, ok := x.cover(&f.root); ok != (want >= 0) || ok && got != want {
			t.Errorf("%s: %d, %t", text, got, ok)
		}
	}
}

func BenchmarkIndex(b *testing.B) {
	var list []*pluginsdk.Resource
	for i := range 100_000 {
		list = append(list, &pluginsdk.Resource{Site: "s", Class: "network", Subclass: strings.Repeat("x", i%10), ID: fmt.Sprint(i)})
	}
	f, err := Parse(`resource_class = "network" AND resource_subclass = "xxx" AND resource_id LIKE "%1"`)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("scan", func(b *testing.B) {
		for b.Loop() {
			n := 0
			for _, r := range list {
				if f.Match(r) {
					n++
				}
			}
		}
	})
	b.Run("index", func(b *testing.B) {
		x := NewIndex(list)
		for b.Loop() {
			x.Select(f)
		}
	})
}
