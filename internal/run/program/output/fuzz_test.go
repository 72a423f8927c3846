package output

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// fuzz reads any text, and with it a good line that is put where it is a line of its own: it stays, whatever stands
// beside it. The good line makes the group that good shows.
func fuzz(f *testing.F, format Format, with func(junk string) (text string), good string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 || strings.Contains(string(data), "stays") || strings.Contains(string(data), "a good") {
			return // it would be of the good line's group
		}
		items, err := Read(t.Context(), format, data, 0, defaults())
		checkItems(t, data, items, err)
		text := with(string(data))
		items, err = Read(t.Context(), format, []byte(text), 0, defaults())
		checkItems(t, []byte(text), items, err)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for _, i := range items {
			if i.Err == nil && strings.TrimSpace(show([]Item{i}, nil)) == good {
				return
			}
		}
		t.Fatalf("%q: the good line is not among\n%s", text, show(items, nil))
	})
}

func checkItems(t *testing.T, data []byte, items []Item, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, ErrFormat) {
		t.Errorf("error %v", err)
	}
	for _, i := range items {
		if (i.Group == nil) == (i.Err == nil) {
			t.Fatalf("item %+v", i)
		}
		if i.Group == nil {
			if text := i.Err.Error(); len(text) > 2_000 || !utf8.ValidString(text) {
				t.Fatalf("%q: a message of %d bytes: %q", data, len(text), text)
			}
			continue
		}
		checkGroup(t, data, i.Group)
	}
}

// checkGroup checks that what passes here passes everywhere.
func checkGroup(t *testing.T, data []byte, g *pluginsdk.MetricsGroup) {
	t.Helper()
	for _, m := range g.Metrics() {
		if !m.Value.IsFinite() {
			return
		}
		if !utf8.ValidString(m.Description) || !utf8.ValidString(m.Unit) {
			t.Fatalf("%q: description %q, unit %q", data, m.Description, m.Unit)
		}
	}
	var again pluginsdk.MetricsGroup
	if err := again.UnmarshalJSON(g.AppendJSON(nil)); err != nil {
		t.Fatalf("%q makes a group that is none: %v", data, err)
	}
}

func FuzzJSON(f *testing.F) {
	// As the last line, it is in no value that begins before it.
	fuzz(f, JSON, func(junk string) string { return junk + "\n" + `{"type": "the", "gauges": {"good": 1}}` }, "the g:good=1",
		full, `{"type": "disk", "dimensions": {"mount": "/"}, "gauges": {"used": 0.4}, "counters": {"reads": 12}}`, `x`, `{"groups": [1]}`,
		`{"type": "a", "gauge": {"n": null}, "gauges": {"m": 1e400}, "dimensions": {"a": 80}}`, "[\n{\n\"a\":\n", "\uFEFF[{\"type\":")
}

func FuzzPrometheus(f *testing.F) {
	fuzz(f, Prometheus, func(junk string) string {
		before, after := junk[:len(junk)/2], junk[len(junk)/2:]
		return before + "\n" + `the_good{line="stays"} 1` + "\r\n" + after
	}, "check {line=stays} g:the_good=1",
		"# TYPE a counter\na{b=\"c\"} 1 2\n", "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum NaN\n", "a{b=\"", "\x00", "\uFEFF# HELP a \xff\n{\"a.b\"} 1e5 # {} 1\n",
		"# UNIT a_s s\n# TYPE a_s gauge\na_s 1")
}

func FuzzNagios(f *testing.F) {
	fuzz(f, Nagios, func(junk string) string { return "OK\n|" + junk + "\n'a good'=1;2:3\n" + junk },
		"check {label=a good} g:value=1 g:warn_low=2 g:warn=3",
		"DISK OK | /=2643MB;5948;@5:5958;0;5968 'a b'=U\nlong | c=0,5e3c", "|'''=", "a=5 x;1;;2 ms", "'", "a=1;@;~:~\t|=")
}
