package pluginfile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func writeTo(t *testing.T, path, text string) {
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
		writeTo(t, filepath.Join(root, "plugins", name), "")
	}
	outside := t.TempDir()
	writeTo(t, filepath.Join(outside, "out.panoptes-plugin"), "")
	link(t, outside, filepath.Join(root, "plugins", "link"))
	link(t, "..", filepath.Join(root, "plugins", "a", "loop"))
	link(t, "elsewhere", filepath.Join(root, "plugins", "again"))
	link(t, "nowhere", filepath.Join(root, "plugins", "dangling"))
	link(t, filepath.Join("..2024", "hidden.panoptes-plugin"), filepath.Join(root, "plugins", "mounted.panoptes-plugin"))

	f := Walk([]string{filepath.Join(root, "plugins"), filepath.Join(root, "missing"), filepath.Join(root, "plugins", "a")})
	assert.Equal(t, []string{
		"plugins/a/b/c/deep.panoptes-plugin", "plugins/again/linked.panoptes-plugin", "plugins/b.panoptes-plugin",
		"plugins/link/out.panoptes-plugin", "plugins/mounted.panoptes-plugin",
	}, relative(t, root, f.Files))
	assert.Contains(t, relative(t, root, f.Dirs), "plugins/a/b/c")
	require.ErrorContains(t, f.Err(), "missing")
	assert.True(t, f.Hidden(filepath.Join(root, "missing", "x", "y.panoptes-plugin")))
	assert.False(t, f.Hidden(filepath.Join(root, "plugins", "y.panoptes-plugin")))
	assert.False(t, f.Hidden(filepath.Join(root, "missing2")))
}
