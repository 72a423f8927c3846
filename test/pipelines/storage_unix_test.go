//go:build unix

package pipelines

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNoFileOfFileStorage: what is no file in the place of a storage file is put aside as it is, and nothing opens it.
func TestNoFileOfFileStorage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		place func(path string) error
		kind  fs.FileMode
	}{
		"a FIFO":   {func(path string) error { return syscall.Mkfifo(path, 0o600) }, fs.ModeNamedPipe},
		"a folder": {func(path string) error { return os.MkdirAll(filepath.Join(path, "full"), 0o700) }, fs.ModeDir},
		"a socket": {func(path string) error {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
			if err == nil {
				l.SetUnlinkOnClose(false)
				err = l.Close()
			}
			return err
		}, fs.ModeSocket},
		"a link to a device": {func(path string) error { return os.Symlink("/dev/zero", path) }, fs.ModeSymlink},
		"a link to nothing":  {func(path string) error { return os.Symlink("/nowhere/x", path) }, fs.ModeSymlink},
		"a link to itself":   {func(path string) error { return os.Symlink(path, path) }, fs.ModeSymlink},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, err := os.MkdirTemp("", "s") // paths of sockets are short
			require.NoError(t, err)
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			path := filepath.Join(dir, "exporter_x__metrics")
			require.NoError(t, c.place(path))
			require.NoError(t, os.Mkdir(filepath.Join(dir, "exporter_notes"), 0o700)) // of somebody else
			_, client, aside := healAndOpen(t, dir)
			assert.Equal(t, 1, aside)
			use(t, client, name)
			found, err := filepath.Glob(path + ".damaged-*")
			require.NoError(t, err)
			require.Len(t, found, 1)
			info, err := os.Lstat(found[0])
			require.NoError(t, err)
			assert.Equal(t, c.kind, info.Mode().Type())
		})
	}
}
