//go:build unix

package scratch

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

func TestFoldersOfKilledProcessesGo(t *testing.T) {
	state := t.TempDir()
	t.Setenv("STATE_DIRECTORY", state+":/elsewhere")
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{"copies-killed", "others-killed", "copies-young"} {
		path := filepath.Join(state, name)
		require.NoError(t, os.MkdirAll(filepath.Join(path, "1", "plugin"), 0o700))
		if name != "copies-young" {
			require.NoError(t, os.Chtimes(path, old, old))
		}
	}
	require.NoError(t, os.Symlink(filepath.Join(state, "others-killed"), filepath.Join(state, "copies-link")))
	held, err := Make("copies-", false)
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(held.Path, old, old))
	f, err := Make("copies-", false)
	require.NoError(t, err)
	assert.Equal(t, state, filepath.Dir(f.Path))
	assert.NoDirExists(t, filepath.Join(state, "copies-killed"))
	for _, stays := range []string{"others-killed", "copies-young", "copies-link"} {
		_, err := os.Lstat(filepath.Join(state, stays))
		assert.NoError(t, err)
	}
	assert.DirExists(t, held.Path, "its process lives")
	require.NoError(t, f.Close())
	require.NoError(t, held.Close())
	assert.NoDirExists(t, held.Path)
	require.NoError(t, os.RemoveAll(filepath.Join(state, "copies-link")))
}

func TestWithoutAFolderOfState(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	loose := filepath.Join(t.TempDir(), "loose")
	require.NoError(t, os.Mkdir(loose, 0o700))
	require.NoError(t, os.Chmod(loose, 0o777))
	for _, state := range []string{"", "relative", filepath.Join(temporary, "none"), loose} {
		t.Setenv("STATE_DIRECTORY", state)
		f, err := Make("copies-", false)
		require.NoError(t, err, state)
		assert.Equal(t, temporary, filepath.Dir(f.Path), state)
		require.NoError(t, f.Close())
	}
	t.Setenv("STATE_DIRECTORY", t.TempDir())
	f, err := Make("copies-", true)
	require.NoError(t, err)
	assert.Equal(t, temporary, filepath.Dir(f.Path), "others cannot get to the folder of state")
	require.NoError(t, f.Close())
	t.Setenv("STATE_DIRECTORY", "")
	t.Setenv("TMPDIR", filepath.Join(temporary, "none"))
	_, err = Make("copies-", false)
	require.Error(t, err)
}
