package lines

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
)

// TooLongError is what Next returns for a line beyond the limit, which it tells; the lines after it can be read.
type TooLongError int

func (e TooLongError) Error() string { return fmt.Sprintf("line has more than %d bytes", int(e)) }

// endless is how much of a line is read at most, to find its end: a device such as /dev/zero has none.
const endless = 1 << 30

// Lines reads lines of bounded length.
type Lines struct {
	in    *bufio.Reader
	limit int
	line  []byte
	// Number is that of the line that was read last, from 1.
	Number int
	// Offset is how many bytes were read up to the end of that line.
	Offset int64
}

// New returns a reader of lines of at most limit bytes, which reads ahead by a buffer of that size.
func New(r io.Reader, limit, buffer int) *Lines {
	return &Lines{in: bufio.NewReaderSize(r, buffer), limit: limit}
}

// Next returns the next line without its end, valid until the next call, and io.EOF after the last one. The last line
// needs no end. A line beyond 1 GiB is an error after which nothing can be read.
func (l *Lines) Next() ([]byte, error) {
	l.line = l.line[:0]
	l.Number++
	tooLong, start := false, l.Offset
	for {
		part, err := l.in.ReadSlice('\n')
		l.Offset += int64(len(part))
		if ended := err == nil; ended {
			part = part[:len(part)-1]
		}
		if len(l.line)+len(part) > l.limit {
			tooLong, l.line = true, l.line[:0]
		}
		if !tooLong {
			l.line = append(l.line, part...)
		}
		switch {
		case l.Offset-start > endless:
			return nil, fmt.Errorf("line has no end within %d bytes", endless)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case tooLong:
			return nil, TooLongError(l.limit)
		case err != nil && len(l.line) == 0:
			return nil, io.EOF
		}
		return l.line, nil
	}
}

// Buffered says whether a whole further line can be read without waiting for it.
func (l *Lines) Buffered() bool {
	ahead, _ := l.in.Peek(l.in.Buffered())
	return slices.Contains(ahead, '\n')
}
