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

	_, err = open(t.Context(), pipe, 10*time.Millisecond)
	require.EqualError(t, err, "read "+pipe+": nobody writes to the pipe, or its file system does not answer")
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

// TestOnce: what can be read once is read once, whatever its format, and a configuration is kept for whoever reads it again.
func TestOnce(t *testing.T) {
	dir := t.TempDir()
	pipe := func(text string) string {
		path := filepath.Join(dir, "pipe")
		_ = os.Remove(path)
		require.NoError(t, syscall.Mkfifo(path, 0o600))
		go func() { _ = os.WriteFile(path, []byte(text), 0o600) }()
		return path
	}
	for _, text := range []string{
		`[{"resource_id": "a", "resource_endpoint": "h"}, {"resource_id": "b", "resource_endpoint": "h"}]`,
		`{"resource_id": "a", "resource_endpoint": "h"}` + "\n\n" + `{"resource_id": "b", "resource_endpoint": "h"}`,
		"resource_id,resource_endpoint\na,h\nb,h\n",
		"- {resource_id: a, resource_endpoint: h}\n- {resource_id: b, resource_endpoint: h}\n",
		"# mine\n- resource_id: a\n  resource_endpoint: h\n- {resource_id: b, resource_endpoint: h}\n",
	} {
		all, bad, err := Resources(t.Context(), []string{pipe(text)}, t.Output())
		require.NoError(t, err, text)
		require.Zero(t, bad)
		require.Len(t, all, 2, text)
		assert.Equal(t, "b", all[1].ID)
	}
	_, _, err := Resources(t.Context(), []string{pipe("[")}, t.Output())
	require.ErrorContains(t, err, filepath.Join(dir, "pipe"))

	stdin := os.Stdin
	t.Cleanup(func() { os.Stdin = stdin })
	os.Stdin, err = os.Open(pipe("resource_id,resource_endpoint\nc,h\n"))
	require.NoError(t, err)
	defer os.Stdin.Close()
	all, _, err := Resources(t.Context(), []string{Stdin}, t.Output())
	require.NoError(t, err)
	require.Len(t, all, 1)

	text, err := Config(t.Context(), pipe("receivers: {otlp: }"))
	require.NoError(t, err)
	assert.Equal(t, "yaml:receivers: {otlp: }", text)
	text, err = Config(t.Context(), "yaml:a: b")
	require.NoError(t, err)
	assert.Equal(t, "yaml:a: b", text)
}
