package input

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// MaxLine is the most bytes a line of the input may have.
const MaxLine = 16 << 20

// ErrLineTooLong is what Next returns for a line beyond the limit; the lines after it can be read.
var ErrLineTooLong = fmt.Errorf("line has more than %d bytes", MaxLine)

// Lines reads lines of bounded length.
type Lines struct {
	in    *bufio.Reader
	limit int
	line  []byte
	// Number is that of the line that was read last, from 1.
	Number int
}

// NewLines returns a reader of lines of at most limit bytes, which reads ahead by a buffer of that size.
func NewLines(r io.Reader, limit, buffer int) *Lines {
	return &Lines{in: bufio.NewReaderSize(r, buffer), limit: limit}
}

// Next returns the next line without its end, valid until the next call, and io.EOF after the last one. The last line
// needs no end.
func (l *Lines) Next() ([]byte, error) {
	l.line = l.line[:0]
	l.Number++
	tooLong := false
	for {
		part, err := l.in.ReadSlice('\n')
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
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case tooLong:
			return nil, ErrLineTooLong
		case err != nil && len(l.line) == 0:
			return nil, io.EOF
		}
		return l.line, nil
	}
}

// Buffered says whether a whole further line can be read without waiting for it.
func (l *Lines) Buffered() bool {
	ahead, _ := l.in.Peek(l.in.Buffered())
	for _, c := range ahead {
		if c == '\n' {
			return true
		}
	}
	return false
}
