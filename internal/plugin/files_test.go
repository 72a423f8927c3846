//go:build unix

package plugin

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/safepath"
)

// programFolder writes a plugin whose program has a folder of its own, and other files there.
func programFolder(t *testing.T) (dir string, open func() *Plugin) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "own")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "lib"), 0o700))
	writeScript(t, filepath.Join(dir, "check"), `. ./lib/value; echo "{\"type\":\"t\",\"gauges\":{\"v\":$VALUE}}"`)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "lib", "value"), []byte("VALUE=1"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".hidden"), []byte("x"), 0o600))
	path := filepath.Join(dir, "x.panoptes-plugin")
	require.NoError(t, os.WriteFile(path, []byte("[Core]\nName = x\nModule = check"+pluginHead+"runtime = exec\n"), 0o600))
	return dir, func() *Plugin {
		t.Helper()
		p, _, err := Open(path, OpenOptions{})
		require.NoError(t, err)
		return p
	}
}

func TestProgramVersionIsItsFolder(t *testing.T) {
	t.Parallel()
	dir, open := programFolder(t)
	first := open().SHA256
	assert.Len(t, first, 64)
	assert.Equal(t, first, open().SHA256)
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".hidden"), []byte("y"), 0o600))
	assert.Equal(t, first, open().SHA256, "hidden files do not count")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "lib", "value"), []byte("VALUE=2"), 0o600))
	assert.NotEqual(t, first, open().SHA256, "files below do")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "lib", "value"), []byte("VALUE=1"), 0o600))
	require.NoError(t, os.Chtimes(filepath.Join(dir, "check"), time.Unix(1, 0), time.Unix(1, 0)))
	assert.Equal(t, first, open().SHA256, "times do not count")

	// With a second plugin in the folder the program alone counts.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "y.panoptes-plugin"), []byte("x"), 0o600))
	shared := open().SHA256
	assert.NotEqual(t, first, shared)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "lib", "value"), []byte("VALUE=3"), 0o600))
	assert.Equal(t, shared, open().SHA256)
}

func TestProgramRunsFromItsCopy(t *testing.T) {
	t.Parallel()
	dir, open := programFolder(t)
	elsewhere := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "data"), []byte("x"), 0o600))
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(dir, "linked")))
	p := open()
	copied := filepath.Join(t.TempDir(), "1", "own")
	snapshot, err := p.Snapshot(copied)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(dir))
	assert.Equal(t, "VALUE=1", readFile(t, filepath.Join(filepath.Dir(snapshot.Executable()), "lib", "value")))
	assert.FileExists(t, filepath.Join(copied, "linked", "data"), "a link to a folder leads to it")
	assert.NoFileExists(t, filepath.Join(copied, "x.panoptes-plugin"))
	_, err = p.Snapshot(filepath.Join(t.TempDir(), "2"))
	assert.Error(t, err, "there is nothing left to copy")
}

// TestProgramBehindALink: the folder of a program may be a link, such as to the release of the day.
func TestProgramBehindALink(t *testing.T) {
	t.Parallel()
	dir, _ := programFolder(t)
	link := filepath.Join(t.TempDir(), "current")
	require.NoError(t, os.Symlink(dir, link))
	open := func() *Plugin {
		p, _, err := Open(filepath.Join(link, "x.panoptes-plugin"), OpenOptions{})
		require.NoError(t, err)
		return p
	}
	p := open()
	snapshot, err := p.Snapshot(filepath.Join(t.TempDir(), "1", "own"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "lib", "value"), []byte("VALUE=2"), 0o600))
	assert.NotEqual(t, p.SHA256, open().SHA256)
	assert.Equal(t, "VALUE=1", readFile(t, filepath.Join(filepath.Dir(snapshot.Executable()), "lib", "value")))
}

func TestProgramThatChangesWhileItIsCopied(t *testing.T) {
	t.Parallel()
	dir, open := programFolder(t)
	p := open()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "lib", "value"), []byte("VALUE=2"), 0o600))
	_, err := p.Snapshot(filepath.Join(t.TempDir(), "copy"))
	assert.ErrorIs(t, err, ErrChanged)
}

// TestProgramOutside: a program of the system's is run where it is.
func TestProgramOutside(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.panoptes-plugin")
	require.NoError(t, os.WriteFile(path, []byte("[Core]\nName = x\nModule = /bin/sh"+pluginHead+"runtime = exec\n"), 0o600))
	p, _, err := Open(path, OpenOptions{})
	require.NoError(t, err)
	snapshot, err := p.Snapshot(filepath.Join(t.TempDir(), "copy"))
	require.NoError(t, err)
	assert.Same(t, p, snapshot)
}

func TestPins(t *testing.T) {
	t.Parallel()
	dir, open := programFolder(t)
	path := filepath.Join(dir, "x.panoptes-plugin")
	sum := open().SHA256
	_, _, err := Open(path, OpenOptions{Pins: map[string]string{"x": sum, "y": "00"}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "lib", "value"), []byte("VALUE=2"), 0o600))
	_, _, err = Open(path, OpenOptions{Pins: map[string]string{"x": sum}})
	require.ErrorIs(t, err, ErrPinned)
	assert.ErrorContains(t, err, "the configuration pins it to "+sum)
}

func TestProgramFolderThatOthersCanWrite(t *testing.T) {
	t.Parallel()
	dir, _ := programFolder(t)
	require.NoError(t, os.Chmod(filepath.Join(dir, "lib", "value"), 0o666))
	_, _, err := Open(filepath.Join(dir, "x.panoptes-plugin"), OpenOptions{})
	require.ErrorIs(t, err, safepath.ErrUnsafe)
	assert.ErrorContains(t, err, filepath.Join("lib", "value"))
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}
