package catalogue

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	// In one step, as a careful deployment does: nobody sees half a file.
	require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

func link(t *testing.T, target, path string) {
	t.Helper()
	require.NoError(t, os.Symlink(target, path+".new"))
	require.NoError(t, os.Rename(path+".new", path))
}

// relative shortens paths for the comparison.
func relative(t *testing.T, root string, paths []string) []string {
	t.Helper()
	out := []string{}
	for _, p := range paths {
		r, err := filepath.Rel(root, p)
		require.NoError(t, err)
		out = append(out, r)
	}
	return out
}

func TestWalk(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, name := range []string{
		"b.panoptes-plugin", "a/b/c/deep.panoptes-plugin", "a/x.panoptes-plugin.example", "a/x.py",
		"..2024/hidden.panoptes-plugin", "elsewhere/linked.panoptes-plugin",
	} {
		write(t, filepath.Join(root, "plugins", name), "")
	}
	outside := t.TempDir()
	write(t, filepath.Join(outside, "out.panoptes-plugin"), "")
	link(t, outside, filepath.Join(root, "plugins", "link"))
	link(t, "..", filepath.Join(root, "plugins", "a", "loop"))
	link(t, "elsewhere", filepath.Join(root, "plugins", "again"))
	link(t, "nowhere", filepath.Join(root, "plugins", "dangling"))
	link(t, filepath.Join("..2024", "hidden.panoptes-plugin"), filepath.Join(root, "plugins", "mounted.panoptes-plugin"))

	f := walk([]string{filepath.Join(root, "plugins"), filepath.Join(root, "missing"), filepath.Join(root, "plugins", "a")})
	assert.Equal(t, []string{
		"plugins/a/b/c/deep.panoptes-plugin", "plugins/again/linked.panoptes-plugin", "plugins/b.panoptes-plugin",
		"plugins/link/out.panoptes-plugin", "plugins/mounted.panoptes-plugin",
	}, relative(t, root, f.files))
	assert.Contains(t, relative(t, root, f.dirs), "plugins/a/b/c")
	require.ErrorContains(t, f.err(), "missing")
	assert.True(t, f.hidden(filepath.Join(root, "missing", "x", "y.panoptes-plugin")))
	assert.False(t, f.hidden(filepath.Join(root, "plugins", "y.panoptes-plugin")))
	assert.False(t, f.hidden(filepath.Join(root, "missing2")))
}

func TestLinks(t *testing.T) {
	t.Parallel()
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(root, "releases", "5", "plugins"), 0o700))
	link(t, filepath.Join("releases", "5"), filepath.Join(root, "current"))
	link(t, filepath.Join(root, "current", "plugins"), filepath.Join(root, "plugins"))
	link(t, "loop", filepath.Join(root, "loop"))
	assert.Equal(t, []string{"plugins", "plugins", "current"}, relative(t, root, links(filepath.Join(root, "plugins"))))
	assert.Len(t, links(filepath.Join(root, "loop")), maxLinks+1, "ends")
}

func TestSettling(t *testing.T) {
	t.Parallel()
	var s settling
	at := func(seconds int) time.Time { return time.Unix(1_600_000_000+int64(seconds), 0) }
	see := func(state string, second int) bool {
		take, next := s.see(state, at(second), 2*time.Second)
		assert.Equal(t, s.pending != "", !next.IsZero(), "somebody looks again while something is pending")
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
	take, _ := s.see("d", at(11), 0)
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
