//go:build unix

package input

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
)

// TestFiles: a pipe is read; one that nobody writes to, and a device without an end, hold nobody up.
func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := ReadFile(ctx, pipe)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = Open(ctx, pipe)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, pipe)

	silent, err := os.OpenFile(pipe, os.O_RDWR, 0)
	require.NoError(t, err)
	defer silent.Close()
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	file, err := Open(ctx, pipe)
	require.NoError(t, err)
	_, err = file.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrClosed, "nobody writes")

	other := filepath.Join(dir, "other")
	require.NoError(t, syscall.Mkfifo(other, 0o600))
	written := make(chan error)
	go func() { written <- os.WriteFile(other, []byte("text"), 0o600) }()
	text, err := ReadFile(t.Context(), other)
	require.NoError(t, err)
	require.NoError(t, <-written)
	assert.Equal(t, "text", string(text))

	_, err = ReadFile(t.Context(), "/dev/zero")
	require.ErrorContains(t, err, "/dev/zero has more than")
	_, err = ReadFile(t.Context(), dir)
	require.ErrorIs(t, err, syscall.EISDIR)
	_, err = Open(t.Context(), filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.Equal(t, exit.Usage, exit.Code(err))
}
