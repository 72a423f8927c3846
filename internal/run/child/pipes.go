package child

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"time"
)

// ReadLines calls f for each line of r until r ends. Of a line it keeps the first limit bytes.
func ReadLines(r io.Reader, limit int, f func(line string, truncated bool)) {
	in := bufio.NewReaderSize(r, 8<<10)
	var line []byte
	truncated, some := false, false
	for {
		part, err := in.ReadSlice('\n')
		some = some || len(part) > 0
		part = bytes.TrimRight(part, "\r\n")
		if room := limit - len(line); len(part) > room {
			part, truncated = part[:room], true
		}
		line = append(line, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if some && f != nil {
			f(string(bytes.ToValidUTF8(line, []byte("\uFFFD"))), truncated)
		}
		if err != nil {
			return
		}
		line, truncated, some = line[:0], false, false
	}
}

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
