package spelling

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDistance(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", longest+1)
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "abc", 3},
		{"abc", "", 3},
		{"abc", "abc", 0},
		{"acb", "abc", 1},
		{"kitten", "sitting", 3},
		{"files", "file", 1},
		{long, long[1:], len(long)},
	} {
		assert.Equal(t, tt.want, Distance(tt.a, tt.b), "%s %s", tt.a, tt.b)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"files", "Filter", "file"}
	for word, want := range map[string]string{"fils": "files", "FILE": "file", "fiter": "Filter", "x": "", "filterss": "Filter", "filtersss": ""} {
		assert.Equal(t, want, Nearest(word, known, 2), word)
	}
	assert.Empty(t, Nearest("file", nil, 2))
}
