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
	"os"
	"syscall"
)

// ErrNotRegular is what the error wraps where the path names a pipe, a socket, a device or a folder.
var ErrNotRegular = errors.New("it is no regular file")

// ErrTooLarge is what the error wraps where the file is over the limit.
var ErrTooLarge = errors.New("the file is larger than the limit")

// Open opens the regular file at path, over links, if it has at most limit bytes. It returns when ctx is done, even if the
// file system does not answer. Its error is an *fs.PathError, or ctx's.
func Open(ctx context.Context, path string, limit int64) (*os.File, error) {
	return Within(ctx, "open", path, func() (*os.File, error) { return open(path, limit) }, func(f *os.File) { _ = f.Close() })
}

// Within does work with the file at path until ctx is done; what comes of it after that is dropped. Its error is work's, or an
// *fs.PathError of the operation that wraps ctx's.
func Within[T any](ctx context.Context, operation, path string, work func() (T, error), drop func(T)) (T, error) {
	if ctx.Done() == nil {
		return work()
	}
	type result struct {
		value T
		err   error
	}
	done := make(chan result)
	go func() {
		value, err := work()
		select {
		case done <- result{value, err}:
		case <-ctx.Done():
			if err == nil {
				drop(value)
			}
		}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
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

// Read reads the file at path as Open opens it, until ctx is done. A file that grows while it is read is refused beyond the
// limit.
func Read(ctx context.Context, path string, limit int64) ([]byte, error) {
	return Within(ctx, "open", path, func() ([]byte, error) {
		f, err := open(path, limit)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return ReadAll(f, limit)
	}, func([]byte) {})
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
