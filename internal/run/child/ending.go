package child

import (
	"errors"
	"io"
	"os"
	"time"
)

// lateDelay is how much longer a pipe is read by who comes after its deadline.
const lateDelay = 100 * time.Millisecond

// UntilDeadline reads a pipe until its end, or until its read deadline, which is an end like any other: by it ends what
// other processes hold open. What is in the pipe by then is read all the same.
func UntilDeadline(pipe *os.File) io.ReadCloser { return &ending{File: pipe} }

type ending struct {
	*os.File
	late bool // the deadline is over
}

// Read implements io.Reader.
func (e *ending) Read(b []byte) (int, error) {
	n, err := e.File.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) && !e.late {
		// On a busy machine nobody may have looked until now.
		e.late = true
		_ = e.SetReadDeadline(time.Now().Add(lateDelay))
		n, err = e.File.Read(b)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = io.EOF
	}
	return n, err
}
