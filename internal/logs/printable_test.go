package logs

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestPrintable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                           "",
		"größe 5 µs":                 "größe 5 µs",
		"a\nb\tc\rd":                 `a\nb\tc\rd`,
		"\x1b[2J\x1b]0;owned\x07":    `\x1b[2J\x1b]0;owned\x07`,
		"\u009b31m red":              `\x9b31m red`,
		"user\u202egnp.exe":          `user\u202egnp.exe`,
		"line\u2028end":              `line\u2028end`,
		"bad \xff byte, good \ufffd": "bad \\xff byte, good \ufffd",
		"\x00\x7f":                   `\x00\x7f`,
	} {
		assert.Equal(t, want, OneLine(text))
	}
	assert.Equal(t, "a\n\tb\\x1b", Printable("a\n\tb\x1b"))
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b\n\xff")
	f.Fuzz(func(t *testing.T, text string) {
		line := OneLine(text)
		if !utf8.ValidString(line) || strings.ContainsAny(line, "\n\r\x1b\x00") {
			t.Errorf("%q became %q", text, line)
		}
		if again := OneLine(line); again != line {
			t.Errorf("%q became %q at last", line, again)
		}
	})
}
