package input

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
)

// MaxFile is the most bytes of a file that is read as a whole.
const MaxFile = 16 << 20

// Open opens a file that somebody named on the command line, which may be a pipe such as a shell's <(...). It waits for a
// pipe's other end as long as ctx is not done. All errors are wrong usage.
func Open(ctx context.Context, path string) (*os.File, error) {
	return until(ctx, path, func() (*os.File, error) { return os.Open(path) }, func(f *os.File) { _ = f.Close() })
}

// ReadFile reads what Open opens, at most MaxFile bytes.
func ReadFile(ctx context.Context, path string) ([]byte, error) {
	return until(ctx, path, func() ([]byte, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		text, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
		if err == nil && len(text) > MaxFile {
			err = fmt.Errorf("%s has more than %d bytes", path, MaxFile)
		}
		return text, err
	}, func([]byte) {})
}

// until does work until ctx is done. What comes of it later is dropped; the command has ended then.
func until[T any](ctx context.Context, path string, work func() (T, error), drop func(T)) (T, error) {
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
		return r.value, exit.Misuse(r.err)
	case <-ctx.Done():
		var none T
		return none, exit.Misusef("read %s: %w", path, context.Cause(ctx))
	}
}
