//go:build unix

package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWhose: an error for a storage file that may not be opened says whose it is, and the command that helps.
func TestWhose(t *testing.T) {
	t.Parallel()
	dir, us := t.TempDir(), os.Geteuid()
	ours, theirs := filepath.Join(dir, "ours"), "/etc/passwd"
	require.NoError(t, os.WriteFile(ours, nil, 0o400))
	require.NoError(t, os.Chmod(dir, 0o700))
	owner := 0
	if us == 0 {
		owner, theirs = 65534, filepath.Join(dir, "theirs")
		require.NoError(t, os.WriteFile(theirs, nil, 0o644))
		require.NoError(t, os.Chown(theirs, owner, -1))
	}
	for _, c := range []struct{ path, dir, more string }{
		{ours, dir, fmt.Sprintf(": %q belongs to user %d (mode -r--------), and the Collector runs as user %d: run %q", ours, us, us, "chmod u+rwX "+ours)},
		{theirs, filepath.Dir(theirs), fmt.Sprintf(": %q belongs to user %d (mode -rw-r--r--), and the Collector runs as user %d: run %q",
			theirs, owner, us, fmt.Sprintf("chown -R %d %s", us, filepath.Dir(theirs)))},
		{dir + "/new", dir + "/", fmt.Sprintf(": %q belongs to user %d (mode drwx------), and the Collector runs as user %d: run %q", dir, us, us, "chmod u+rwX "+dir)},
		{ours, "/elsewhere", ""},
	} {
		err := &fs.PathError{Op: "open", Path: c.path, Err: fs.ErrPermission}
		require.EqualError(t, whose(c.dir, err), err.Error()+c.more)
	}
	require.NoError(t, whose(dir, nil))
	other := errors.New("timeout")
	require.Equal(t, other, whose(dir, other))
}
