package widths

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.MapOf(rapid.StringMatching(`[A-Za-z_]\w{0,20}`), rapid.Uint8Range(2, Max)).Draw(t, "widths")
		var text []byte
		for name, bits := range want {
			text = Append(text, name, bits)
		}
		got, err := Parse(string(text))
		require.NoError(t, err)
		assert.Equal(t, want, got)
	})
}

func TestParse(t *testing.T) {
	for _, bad := range []string{"a", "a=", "=32", "a=1", "a=65", "a=-1", "a=300", "a=3x"} {
		got, err := Parse("octets=64 " + bad + "\nerrors=32")
		assert.ErrorContains(t, err, "is no width of a counter")
		assert.Equal(t, map[string]uint8{"octets": 64, "errors": 32}, got)
	}
}
