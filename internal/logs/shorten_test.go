package logs

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestShorten(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text       string
		most       int
		start, end string
	}{
		{"", 0, "", ""},
		{"abc", 3, "abc", "abc"},
		{"abcd", 3, "abc...", "...bcd"},
		{"abcd", 0, "...", "..."},
		{"aöb", 2, "a...", "...b"},
		{"öö", 3, "ö...", "...ö"},
		{"a\xffb", 3, "a\xffb", "a\xffb"},
		{"a\xffbc", 3, "ab...", "...bc"},
	} {
		assert.Equal(t, tt.start, KeepStart(tt.text, tt.most), "start of %q", tt.text)
		assert.Equal(t, tt.end, KeepEnd(tt.text, tt.most), "end of %q", tt.text)
	}
}
