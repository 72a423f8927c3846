package pluginfile

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/filetest"
)

func TestWalk(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, name := range []string{
		"b.panoptes-plugin", "a/b/c/deep.panoptes-plugin", "a/x.panoptes-plugin.example", "a/x.py",
		"..2024/hidden.panoptes-plugin", "elsewhere/linked.panoptes-plugin",
	} {
		filetest.Write(t, filepath.Join(root, "plugins", name), "")
	}
	outside := t.TempDir()
	filetest.Write(t, filepath.Join(outside, "out.panoptes-plugin"), "")
	filetest.Link(t, outside, filepath.Join(root, "plugins", "link"))
	filetest.Link(t, "..", filepath.Join(root, "plugins", "a", "loop"))
	filetest.Link(t, "elsewhere", filepath.Join(root, "plugins", "again"))
	filetest.Link(t, "nowhere", filepath.Join(root, "plugins", "dangling"))
	filetest.Link(t, "me@here.123", filepath.Join(root, "plugins", ".#b.panoptes-plugin"))
	filetest.Link(t, "nowhere", filepath.Join(root, "plugins", "gone.panoptes-plugin"))
	filetest.Link(t, filepath.Join("..2024", "hidden.panoptes-plugin"), filepath.Join(root, "plugins", "mounted.panoptes-plugin"))

	f := Walk(t.Context(), []string{filepath.Join(root, "plugins"), filepath.Join(root, "missing"), filepath.Join(root, "plugins", "a")})
	assert.Equal(t, []string{
		"plugins/a/b/c/deep.panoptes-plugin", "plugins/again/linked.panoptes-plugin", "plugins/b.panoptes-plugin", "plugins/gone.panoptes-plugin",
		"plugins/link/out.panoptes-plugin", "plugins/mounted.panoptes-plugin",
	}, filetest.Relative(t, root, f.Files))
	assert.Contains(t, filetest.Relative(t, root, f.Dirs), "plugins/a/b/c")
	require.ErrorContains(t, f.Err(), "missing")
	assert.True(t, f.Hidden(filepath.Join(root, "missing", "x", "y.panoptes-plugin")))
	assert.False(t, f.Hidden(filepath.Join(root, "plugins", "y.panoptes-plugin")))
	assert.False(t, f.Hidden(filepath.Join(root, "missing2")))
}
