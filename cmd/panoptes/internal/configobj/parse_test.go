package configobj

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dump writes all that was read, a key a line.
func dump(root *Section) string {
	var out strings.Builder
	root.Walk(func(s *Section) {
		if s.Line > 0 {
			fmt.Fprintf(&out, "%d %s\n", s.Line, s)
		}
		for _, e := range s.Entries {
			fmt.Fprintf(&out, "%d %q %q %v\n", e.Line, e.Key, e.Values, e.List)
		}
	})
	return out.String()
}

func TestParse(t *testing.T) {
	t.Parallel()
	root, err := Parse("x.ini", []byte("\ufeff"+strings.ReplaceAll(`# a comment
top = 1
  [main]   # one
sites = dc1, "dc, two" , 'dc#3',   # a list
single = local,
none = ,
empty =
quoted = " a # b "   # not this
plain = a b "c" d # nor this
hash = a#b
'the key' = v = w
colon = a: b
text = """one
  two # three
""" # end
short = '''one line'''
[a b]
	[["b ] c"]]
	k = v
		[[[deep]]]
		k = v
	[[second]]
[last]
`, "\n", "\r\n")))
	require.NoError(t, err)
	assert.Equal(t, `2 "top" ["1"] false
3 [main]
4 "sites" ["dc1" "dc, two" "dc#3"] true
5 "single" ["local"] true
6 "none" [] true
7 "empty" [""] false
8 "quoted" [" a # b "] false
9 "plain" ["a b \"c\" d"] false
10 "hash" ["a"] false
11 "the key" ["v = w"] false
12 "colon" ["a: b"] false
13 "text" ["one\n  two # three\n"] false
16 "short" ["one line"] false
17 [a b]
18 [a b] [[b ] c]]
19 "k" ["v"] false
20 [a b] [[b ] c]] [[[deep]]]
21 "k" ["v"] false
22 [a b] [[second]]
23 [last]
`, dump(root))
}

func TestInterpolation(t *testing.T) {
	t.Parallel()
	root, err := Parse("x.ini", []byte(`home = /home/panoptes
[DEFAULT]
port = 9092
[kafka]
[[DEFAULT]]
host = kafka
[[brokers]]
one = %(host)s1:%(port)s, %(home)s
deep = <%(two)s>
two = [%(three)s]
three = 3
odd = 100% of %(this and %) and %(x) y %%(port)s
`))
	require.NoError(t, err)
	require.True(t, root.Entry("home").Used)
	brokers := root.Section("kafka").Section("brokers")
	assert.Equal(t, []string{"kafka1:9092", "/home/panoptes"}, brokers.Entry("one").Values)
	require.False(t, brokers.Entry("one").Used)
	assert.Equal(t, []string{"<[3]>"}, brokers.Entry("deep").Values)
	assert.Equal(t, []string{"100% of %(this and %) and %(x) y %9092"}, brokers.Entry("odd").Values)
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a\n":                       `x.ini:1: expected a section, a comment or "key = value", found "a"`,
		"\n= 1\n":                   `x.ini:2: there is no key before the "="`,
		"'a = 1\n":                  `x.ini:1: the key has no closing '`,
		"a = 1\na = 2\n":            `x.ini:2: key "a" is there already, in line 1`,
		"[a]\n[a]\n":                `x.ini:2: section "a" is there already, in line 1`,
		"a = 1\n[a]\n":              `x.ini:2: section "a" has the name of the key in line 1`,
		"[a]\n[[b]]\n[c]\nx=1\n[d":  `x.ini:5: the section has no closing "]"`,
		"[a]\n[[[b]]]\n":            `x.ini:2: section "b" has 3 brackets, but the section before it has 1: it can lie one deeper at most`,
		"[a]]\n":                    "x.ini:1: a section with 1 opening brackets needs as many closing ones, and nothing but a comment after them",
		"[a] b\n":                   "x.ini:1: a section with 1 opening brackets needs as many closing ones, and nothing but a comment after them",
		"[]\n":                      "x.ini:1: the section has no name",
		"['a]\n":                    "x.ini:1: the name of the section has no closing '",
		"a = 'b\n":                  `x.ini:1: key "a": has no closing '`,
		"a = 'b' c\n":               `x.ini:1: key "a": expected a comma or a comment after the closing quote, found "c"`,
		"a = b,,c\n":                `x.ini:1: key "a": a list must not have two commas in a row`,
		"a = , b\n":                 `x.ini:1: key "a": a list must not begin with a comma`,
		"a = '''b\nc\n":             `x.ini:1: key "a": has no closing '''`,
		"a = '''b''' c\n":           `x.ini:1: key "a": expected nothing but a comment after the closing ''', found "c"`,
		"a = %(b)s\n":               `x.ini:1: key "a": refers to %(b)s, which is no key of its section, of DEFAULT or of a section around it`,
		"b = 1,\na = %(b)s\n":       `x.ini:2: key "a": refers to %(b)s, which is a list`,
		"a = %(a)s\n":               `x.ini:1: key "a": refers to more than 10 keys in a row, or to itself: a, a, a`,
		"a = \xff\n":                "x.ini:1: is no UTF-8 text",
		strings.Repeat("a\n", 5000): strings.TrimSpace(mistakes(20)),
		strings.Repeat("#", 2<<20):  "x.ini: has 2097152 bytes, limit is 1048576",
		"[[a]]\nb=1\nb=1\n":         `x.ini:1: section "a" has 2 brackets, but the section before it has 0: it can lie one deeper at most`,
	} {
		_, err := Parse("x.ini", []byte(text))
		require.EqualError(t, err, want, "%.40q", text)
	}
}

func mistakes(n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, "x.ini:%d: expected a section, a comment or \"key = value\", found \"a\"\n", i+1)
	}
	return out.String()
}

// A value that refers to others many times over must not take for ever, nor all memory.
func TestInterpolationIsBounded(t *testing.T) {
	t.Parallel()
	for _, leaf := range []string{"", "x"} {
		text := "k0 = '" + leaf + "'\n"
		for i := range 9 {
			text += fmt.Sprintf("k%d = %s\n", i+1, strings.Repeat(fmt.Sprintf("%%(k%d)s", i), 20))
		}
		_, err := Parse("x.ini", []byte(text))
		require.Error(t, err)
	}
}

// FuzzParse: nothing panics, and what was read can be written down and read again as the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"a = 1\n[b]\nc = x, 'y', \"z\"\n[[d]]\ne = '''f\ng''' # h\n", "[a]\n[[b]]\nk = %(x)s\nx = %(y)s\ny=1,", "= \n[\n']", "a = ,\nb=",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		root, err := Parse("x.ini", data)
		if err != nil {
			return
		}
		text, ok := written(root)
		if !ok {
			return
		}
		again, err := Parse("x.ini", []byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if a, b := withoutLines(root), withoutLines(again); a != b {
			t.Fatalf("%s\nbecame\n%s", a, b)
		}
	})
}

func withoutLines(root *Section) string {
	var out strings.Builder
	for line := range strings.Lines(dump(root)) {
		_, rest, _ := strings.Cut(line, " ")
		out.WriteString(rest)
	}
	return out.String()
}

// written writes a file that reads the same; ok is false for what no quotes can hold.
func written(root *Section) (text string, ok bool) {
	var out strings.Builder
	ok = true
	quote := func(s string) string {
		for _, q := range []string{"'", `"`, "'''", `"""`} {
			simple := !strings.ContainsAny(s, "\r\n") || len(q) == 3
			if !strings.Contains(s, q[:1]) && simple && !strings.Contains(s, "%(") {
				return q + s + q
			}
		}
		ok = false
		return ""
	}
	name := func(s string) string {
		q := quote(s)
		ok = ok && (len(q) < 4 || q[:3] != strings.Repeat(q[:1], 3))
		return q
	}
	root.Walk(func(s *Section) {
		if s.Line > 0 {
			fmt.Fprintf(&out, "%s%s%s\n", strings.Repeat("[", len(s.Path())), name(s.Name), strings.Repeat("]", len(s.Path())))
		}
		for _, e := range s.Entries {
			values := slices.Clone(e.Values)
			for i := range values {
				values[i] = quote(values[i])
			}
			text := strings.Join(values, ", ")
			if e.List {
				text += ","
			}
			fmt.Fprintf(&out, "%s = %s\n", name(e.Key), text)
		}
	})
	return out.String(), ok
}
