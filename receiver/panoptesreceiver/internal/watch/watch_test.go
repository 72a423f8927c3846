package watch

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/filetest"
)

func TestLinks(t *testing.T) {
	t.Parallel()
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(root, "releases", "5", "plugins"), 0o700))
	filetest.Link(t, filepath.Join("releases", "5"), filepath.Join(root, "current"))
	filetest.Link(t, filepath.Join(root, "current", "plugins"), filepath.Join(root, "plugins"))
	filetest.Link(t, "loop", filepath.Join(root, "loop"))
	assert.Equal(t, []string{"plugins", "plugins", "current"}, filetest.Relative(t, root, Links(filepath.Join(root, "plugins"))))
	assert.Len(t, Links(filepath.Join(root, "loop")), maxLinks+1, "ends")
}

func TestSettling(t *testing.T) {
	t.Parallel()
	var s Settling
	at := func(seconds int) time.Time { return time.Unix(1_600_000_000+int64(seconds), 0) }
	see := func(state string, second int) bool {
		take, next := s.See(state, at(second), 2*time.Second)
		assert.Equal(t, s.Pending(), !next.IsZero(), "somebody looks again while something is pending")
		return take
	}
	assert.False(t, see("a", 0))
	assert.False(t, see("a", 1))
	assert.True(t, see("a", 2))
	assert.False(t, see("a", 3))
	assert.False(t, see("b", 4))
	assert.False(t, see("c", 5), "a change starts the wait anew")
	assert.False(t, see("c", 6))
	assert.False(t, see("a", 7), "back to what was taken: nothing to do")
	assert.False(t, see("c", 8), "the wait starts anew")
	assert.True(t, see("c", 10))
	take, _ := s.See("d", at(11), 0)
	assert.True(t, take)
}

func TestPace(t *testing.T) {
	t.Parallel()
	at := func(seconds float64) time.Time {
		return time.Unix(1_600_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
	}
	p := pace{interval: time.Minute, settle: 2 * time.Second}
	assert.True(t, p.begin(at(0)))
	assert.Equal(t, at(60), p.next)
	p.changed(at(10))
	assert.Equal(t, at(10.05), p.next, "the first sign of a change is looked at soon")
	assert.False(t, p.begin(at(10.05)))
	p.changed(at(10.06))
	assert.Equal(t, at(12.05), p.next, "while changes go on, only every settle")
	p.by(at(13))
	p.by(time.Time{})
	assert.Equal(t, at(12.05), p.next)
	assert.False(t, p.begin(at(12.05)))
	assert.Equal(t, at(60), p.next, "the scan of the interval stays")
	assert.True(t, p.begin(at(60)))
}
