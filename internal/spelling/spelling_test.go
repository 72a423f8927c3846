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
