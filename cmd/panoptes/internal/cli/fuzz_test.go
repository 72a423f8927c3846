package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzPipe: whatever comes in, what comes out is groups, and these go through once more unchanged.
func FuzzPipe(f *testing.F) {
	f.Add(line("x", 1000, counter(5)) + line("x", 1001, counter(6)))
	f.Add(line("x", 1000) + "nonsense\n" + line("x", 1000, huge, gauge))
	f.Add(strings.Replace(line("x", 1000.1239, gauge), `"x"`, `"\ud83d\ude00"`, 1))
	f.Fuzz(func(t *testing.T, stdin string) {
		code, once, stderr := run(t, stdin, "pipe", "--transform", "x = rate:x:n")
		if code != 0 {
			require.Contains(t, stderr, "line ")
		}
		for line := range strings.Lines(once) {
			require.True(t, json.Valid([]byte(line)), line)
		}
		code, twice, stderr := run(t, once, "pipe")
		require.Zero(t, code, stderr)
		require.Equal(t, once, twice)
	})
}
