//go:build unix

package safepath

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProblemsOfPathComponents(t *testing.T) {
	t.Parallel()
	me := user{uid: 1000, groups: []int{0, 1000, 20}}
	for _, c := range []struct {
		name     string
		mode     fs.FileMode
		uid, gid uint32
		fix      string
	}{
		{"ours", fs.ModeDir | 0o755, 1000, 1000, ""},
		{"root's", fs.ModeDir | 0o755, 0, 0, ""},
		{"another user's", fs.ModeDir | 0o755, 1001, 1000, "chown 1000"},
		{"another user's file", 0o644, 1001, 0, "chown 1000"},
		{"writable by all", fs.ModeDir | 0o777, 0, 0, "chmod o-w"},
		{"writable by others alone", 0o602, 1000, 1000, "chmod o-w"},
		{"sticky", fs.ModeDir | fs.ModeSticky | 0o777, 0, 0, ""},
		{"sticky file means nothing", fs.ModeSticky | 0o666, 0, 0, "chmod o-w"},
		{"sticky folder of another", fs.ModeDir | fs.ModeSticky | 0o777, 1001, 0, "chown 1000"},
		{"writable by our group", fs.ModeDir | 0o775, 1000, 1000, ""},
		{"writable by a group we are in", fs.ModeDir | 0o775, 0, 20, ""},
		{"writable by root's group", 0o664, 1000, 0, ""},
		{"writable by a foreign group", fs.ModeDir | 0o775, 1000, 50, "chmod g-w"},
		{"file writable by a foreign group", 0o664, 0, 50, "chmod g-w"},
		{"group of others without write", fs.ModeDir | 0o750, 0, 50, ""},
		{"link", fs.ModeSymlink | 0o777, 1000, 1000, ""},
		{"link of another", fs.ModeSymlink | 0o777, 1001, 1000, "chown 1000"},
	} {
		what, fix := me.problem(c.mode, c.uid, c.gid)
		assert.Equal(t, c.fix, fix, c.name)
		assert.Equal(t, fix == "", what == "", c.name)
	}
}

func TestCheckPath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shared, own := filepath.Join(dir, "loose"), filepath.Join(dir, "own")
	for _, d := range []string{shared, own} {
		require.NoError(t, os.Mkdir(d, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(d, "x.py"), nil, 0o600))
	}
	require.NoError(t, os.Symlink("../loose/x.py", filepath.Join(own, "link.py")))
	require.NoError(t, os.Symlink(shared, filepath.Join(own, "folder")))
	require.NoError(t, os.Symlink("loop", filepath.Join(own, "loop")))
	all := []string{filepath.Join(shared, "x.py"), filepath.Join(own, "link.py"), filepath.Join(own, "folder", "x.py")}
	for _, path := range all {
		require.NoError(t, Check(path))
	}
	require.NoError(t, os.Chmod(shared, 0o777))
	for _, path := range all {
		err := Check(path)
		require.ErrorIs(t, err, ErrUnsafe, path)
		require.ErrorContains(t, err, shared)
		require.ErrorContains(t, err, "drwxrwxrwx")
		require.ErrorContains(t, err, "chmod o-w "+shared)
	}
	require.NoError(t, Check(filepath.Join(own, "x.py")))
	require.NoError(t, os.Chmod(filepath.Join(own, "x.py"), 0o666))
	require.ErrorIs(t, Check(filepath.Join(own, "x.py")), ErrUnsafe)
	require.ErrorContains(t, Check(filepath.Join(own, "loop")), "symbolic links")
	require.ErrorIs(t, Check(filepath.Join(own, "none")), fs.ErrNotExist)
}
