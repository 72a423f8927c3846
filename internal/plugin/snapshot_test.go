package plugin

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
)

func opened(t *testing.T, module string) *Plugin {
	t.Helper()
	p := &Plugin{
		File: &pluginfile.File{Path: filepath.Join(filepath.Dir(module), "x.panoptes-plugin"), Name: "X"},
		Kind: KindPython, Module: module,
	}
	require.NoError(t, os.WriteFile(p.File.Path, []byte("[Core]"), 0o600))
	require.NoError(t, p.setVersion())
	return p
}

func TestSnapshotOfAFile(t *testing.T) {
	t.Parallel()
	module := filepath.Join(t.TempDir(), "x.py")
	require.NoError(t, os.WriteFile(module, []byte("a = 1\n"), 0o600))
	p := opened(t, module)
	dir := filepath.Join(t.TempDir(), "copy")
	snapshot, err := p.Snapshot(dir)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(module, []byte("a = 2\n"), 0o600))

	got := snapshot.Describe()
	assert.Equal(t, module, got.Module, "the module believes itself to be at its own place")
	text, err := os.ReadFile(got.Source)
	require.NoError(t, err)
	assert.Equal(t, "a = 1\n", string(text))
	assert.Equal(t, p.Version, snapshot.Version)
	assert.Empty(t, p.Describe().Source)

	_, err = p.Snapshot(filepath.Join(t.TempDir(), "late"))
	require.ErrorIs(t, err, ErrChanged)
}

func TestSnapshotOfAPackage(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "sub"), 0o700))
	for _, name := range []string{"__init__.py", "sub/__init__.py", "data.json"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(name), 0o600))
	}
	p := opened(t, filepath.Join(folder, packageFile))
	snapshot, err := p.Snapshot(filepath.Join(t.TempDir(), "x"))
	require.NoError(t, err)
	got := snapshot.Describe()
	assert.Empty(t, got.Source)
	assert.NotEqual(t, folder, got.Module)
	assert.FileExists(t, filepath.Join(got.Module, "sub", "__init__.py"))
	assert.FileExists(t, filepath.Join(got.Module, "data.json"))
}

func TestSnapshotOfAGoPlugin(t *testing.T) {
	t.Parallel()
	p := &Plugin{Kind: KindGo, Module: "x"}
	snapshot, err := p.Snapshot("")
	require.NoError(t, err)
	assert.Same(t, p, snapshot)
}

// TestSnapshotOfALinkedPackage: the folder of a package may be a link, such as to the release of the day.
func TestSnapshotOfALinkedPackage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "releases", "1"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "releases", "1", "__init__.py"), []byte("a = 1\n"), 0o600))
	require.NoError(t, os.Symlink(filepath.Join("releases", "1"), filepath.Join(dir, "x")))
	p := opened(t, filepath.Join(dir, "x", "__init__.py"))
	before := p.SHA256
	snapshot, err := p.Snapshot(filepath.Join(t.TempDir(), "x"))
	require.NoError(t, err)
	assert.FileExists(t, snapshot.source)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "releases", "1", "__init__.py"), []byte("a = 2\n"), 0o600))
	require.NoError(t, p.setVersion())
	assert.NotEqual(t, before, p.SHA256)
}
