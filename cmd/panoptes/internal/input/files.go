package input

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
)

// MaxFile is the most bytes of a file that is read as a whole.
const MaxFile = 16 << 20

// patience is how long a pipe may have nobody who writes to it. That of a shell's <(...) has somebody from the beginning.
const patience = 10 * time.Second

// errSilent is what the error wraps after that.
var errSilent = errors.New("nobody writes to the pipe, or its file system does not answer")

// Open opens a file that somebody named on the command line, which may be a pipe such as a shell's <(...). When ctx is done, a
// read that is under way ends, too. All errors are wrong usage.
func Open(ctx context.Context, path string) (*os.File, error) {
	return open(ctx, path, patience)
}

func open(ctx context.Context, path string, patience time.Duration) (*os.File, error) {
	opening, cancel := context.WithTimeoutCause(ctx, patience, errSilent)
	defer cancel()
	f, err := safefile.Within(opening, "read", path, func() (*os.File, error) { return os.Open(path) }, func(f *os.File) { _ = f.Close() })
	if err == nil {
		context.AfterFunc(ctx, func() { _ = f.Close() })
	}
	return f, exit.Misuse(err)
}

// Stdin is what stands for stdin in the place of a file.
const Stdin = "-"

// Once says whether a file that somebody named on the command line can be read once alone: it is stdin, or a pipe.
func Once(path string) bool {
	info, err := os.Stat(path)
	return path == Stdin || err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeCharDevice) != 0
}

// Config is a configuration that somebody named on the command line, as a Collector takes it any number of times: of one that can
// be read once the text stands for it.
func Config(ctx context.Context, uri string) (string, error) {
	if !Once(uri) {
		return uri, nil
	}
	text, err := ReadFile(ctx, uri)
	return "yaml:" + string(text), err
}

// ReadFile reads what Open opens, or stdin, at most MaxFile bytes.
func ReadFile(ctx context.Context, path string) ([]byte, error) {
	text, err := safefile.Within(ctx, "read", path, func() ([]byte, error) {
		f := os.Stdin
		if path != Stdin {
			var err error
			if f, err = Open(ctx, path); err != nil {
				return nil, err
			}
			defer f.Close()
		}
		text, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
		if err == nil && len(text) > MaxFile {
			err = fmt.Errorf("%s has more than %d bytes", path, MaxFile)
		}
		return text, err
	}, func([]byte) {})
	return text, exit.Misuse(err)
}
