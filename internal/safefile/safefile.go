// Package safefile opens files at paths that others may write to: only regular files, of limited size, without waiting for
// anybody. A pipe would block until somebody writes to it, a device may do anything when it is opened, and a file system
// that does not answer would hold up its reader for good.
package safefile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"sync"
	"syscall"
	"time"
)

// ErrNotRegular is what the error wraps where the path names a pipe, a socket, a device or a folder.
var ErrNotRegular = errors.New("it is no regular file")

// ErrTooLarge is what the error wraps where the file is over the limit.
var ErrTooLarge = errors.New("the file is larger than the limit")

// ErrSilent is what the error wraps where a file system, such as NFS, does not answer.
var ErrSilent = errors.New("the file system does not answer")

// patience is how long a file system may take where the caller's context says nothing.
const patience = 10 * time.Second

// hanging are the paths that somebody waited for in vain. As long as the file system has not answered, nobody else does.
var hanging sync.Map

// Open opens the regular file at path, over links, if it has at most limit bytes. It returns when ctx is done, or after
// ten seconds, even if the file system does not answer. Its error is an *fs.PathError.
func Open(ctx context.Context, path string, limit int64) (*os.File, error) {
	ctx, cancel := patient(ctx)
	defer cancel()
	return once(ctx, "open", path, func() (*os.File, error) { return open(path, limit) }, func(f *os.File) { _ = f.Close() })
}

// Try is Within for work that leaves nothing behind, and waits no longer than ten seconds.
func Try[T any](ctx context.Context, operation, path string, work func() (T, error)) (T, error) {
	ctx, cancel := patient(ctx)
	defer cancel()
	return once(ctx, operation, path, work, func(T) {})
}

// once is Within that fails at once while the file system has not answered what somebody else asked of the path.
func once[T any](ctx context.Context, operation, path string, work func() (T, error), drop func(T)) (T, error) {
	if _, ok := hanging.Load(path); ok {
		var none T
		return none, &fs.PathError{Op: operation, Path: path, Err: ErrSilent}
	}
	ended := make(chan struct{})
	value, err := Within(ctx, operation, path, func() (T, error) {
		defer close(ended)
		return work()
	}, drop)
	select {
	case <-ended:
	default:
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			hanging.Store(path, nil)
			go func() {
				<-ended
				hanging.Delete(path)
			}()
		}
	}
	return value, err
}

func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, patience, ErrSilent)
}

// Within does work with the file at path until ctx is done; what comes of it after that is dropped. Its error is work's, or an
// *fs.PathError of the operation that wraps ctx's.
func Within[T any](ctx context.Context, operation, path string, work func() (T, error), drop func(T)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done, left := make(chan result), make(chan struct{})
	go func() {
		value, err := work()
		select {
		case done <- result{value, err}:
		case <-left:
			if err == nil {
				drop(value)
			}
		}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		close(left)
		var none T
		return none, &fs.PathError{Op: operation, Path: path, Err: context.Cause(ctx)}
	}
}

func open(path string, limit int64) (*os.File, error) {
	fail := func(err error) (*os.File, error) { return nil, &fs.PathError{Op: "open", Path: path, Err: err} }
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := check(info, limit); err != nil {
		return fail(err)
	}
	// What is there now may be another file, and a pipe must not block.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err = f.Stat()
	if err == nil {
		err = check(info, limit)
	}
	if err != nil {
		return fail(errors.Join(err, f.Close()))
	}
	return f, nil
}

func check(info fs.FileInfo, limit int64) error {
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w but %s", ErrNotRegular, kind(info.Mode()))
	case info.Size() > limit:
		return fmt.Errorf("%w of %d bytes: it has %d", ErrTooLarge, limit, info.Size())
	}
	return nil
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// Read reads the file at path as Open opens it. A file that grows while it is read is refused beyond the limit.
func Read(ctx context.Context, path string, limit int64) ([]byte, error) {
	return Try(ctx, "open", path, func() ([]byte, error) {
		f, err := open(path, limit)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return ReadAll(f, limit)
	})
}

// Look says why a library must not be given the file at path to open: because it is no regular file, or does not answer. What
// is not there is for the library to complain of.
func Look(ctx context.Context, path string) error {
	_, err := Try(ctx, "open", path, func() (fs.FileInfo, error) {
		info, err := os.Stat(path)
		if err == nil {
			if err = check(info, math.MaxInt64); err != nil {
				err = &fs.PathError{Op: "open", Path: path, Err: err}
			}
		}
		return info, err
	})
	if errors.Is(err, ErrNotRegular) || errors.Is(err, ErrSilent) {
		return err
	}
	return nil
}

// ReadAll reads an open file of at most limit bytes, with one allocation where its size is known.
func ReadAll(f *os.File, limit int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	data := make([]byte, 0, min(info.Size(), limit)+1)
	for {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case errors.Is(err, io.EOF):
			return data, nil
		case err != nil:
			return nil, err
		case int64(len(data)) > limit:
			return nil, &fs.PathError{Op: "read", Path: f.Name(), Err: fmt.Errorf("%w of %d bytes", ErrTooLarge, limit)}
		case len(data) == cap(data):
			data = append(data, 0)[:len(data)] // it has grown since
		}
	}
}
