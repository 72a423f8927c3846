//go:build unix

package safefile

import (
	"context"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestOnlyRegularFiles: all else is refused at once, in whatever way it is reached.
func TestOnlyRegularFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(path("file"), []byte("content"), 0o600))
	require.NoError(t, syscall.Mkfifo(path("fifo"), 0o600))
	require.NoError(t, os.Symlink("fifo", path("link to a pipe")))
	require.NoError(t, os.Symlink("file", path("link")))
	socket, err := net.Listen("unix", path("socket"))
	require.NoError(t, err)
	defer socket.Close()
	for name, kind := range map[string]string{
		path("fifo"): "a pipe", path("link to a pipe"): "a pipe", path("socket"): "a socket", dir: "a directory", "/dev/null": "a device",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := Read(ctx, name, 100)
		cancel()
		require.ErrorIs(t, err, ErrNotRegular, name)
		assert.ErrorContains(t, err, kind)
		assert.ErrorContains(t, err, name)
	}
	for _, name := range []string{"file", "link"} {
		data, err := Read(t.Context(), path(name), 7)
		require.NoError(t, err)
		assert.Equal(t, "content", string(data))
	}
	_, err = Read(t.Context(), path("file"), 6)
	require.ErrorIs(t, err, ErrTooLarge)
	_, err = Read(context.Background(), path("none"), 6)
	require.ErrorIs(t, err, fs.ErrNotExist)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Read(ctx, path("file"), 100)
	if err != nil { // it may have been faster
		require.ErrorIs(t, err, context.Canceled)
	}
}

// TestFileThatGrows: what is behind the size that it had is read, up to the limit.
func TestFileThatGrows(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte("12345"), 0o600))
	f, err := Open(t.Context(), path, 10)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, os.WriteFile(path, []byte("1234567890"), 0o600))
	data, err := ReadAll(f, 10)
	require.NoError(t, err)
	assert.Equal(t, "1234567890", string(data))
	require.NoError(t, os.WriteFile(path, []byte("12345678901"), 0o600))
	_, err = f.Seek(0, 0)
	require.NoError(t, err)
	_, err = ReadAll(f, 10)
	require.ErrorIs(t, err, ErrTooLarge)
}

// TestSilentFileSystem: who waited in vain gives up, nobody else waits for the same path until it has answered, and what comes late is
// dropped.
func TestSilentFileSystem(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	wait := func(timeout time.Duration) (int, error) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), timeout, ErrSilent)
		defer cancel()
		return Try(ctx, "read", "/silent", func() (int, error) { <-answer; return 7, nil })
	}
	_, err := wait(time.Millisecond)
	require.ErrorIs(t, err, ErrSilent)
	assert.EqualError(t, err, "read /silent: the file system does not answer")
	_, err = wait(time.Hour)
	require.ErrorIs(t, err, ErrSilent)
	close(answer)
	require.Eventually(t, func() bool {
		n, err := wait(time.Hour)
		return err == nil && n == 7
	}, 10*time.Second, time.Millisecond)
}

// TestLook: a library may be given files, and what is not there.
func TestLook(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	require.NoError(t, Look(t.Context(), filepath.Join(dir, "file")))
	require.NoError(t, Look(t.Context(), filepath.Join(dir, "none")))
	require.ErrorIs(t, Look(t.Context(), dir), ErrNotRegular)
	require.ErrorIs(t, Look(t.Context(), "/dev/zero"), ErrNotRegular)
}
