package pipecmd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// maxLine is the most bytes a line of the input may have.
const maxLine = 16 << 20

// errLineTooLong is what next returns for a line beyond the limit; the lines after it can be read.
var errLineTooLong = fmt.Errorf("line has more than %d bytes", maxLine)

// lines reads lines of bounded length.
type lines struct {
	in    *bufio.Reader
	limit int
	line  []byte
	// number is that of the line that was read last, from 1.
	number int
}

func newLines(r io.Reader, limit, buffer int) *lines {
	return &lines{in: bufio.NewReaderSize(r, buffer), limit: limit}
}

// next returns the next line without its end, valid until the next call, and io.EOF after the last one. The last line
// needs no end.
func (l *lines) next() ([]byte, error) {
	l.line = l.line[:0]
	l.number++
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
			return nil, errLineTooLong
		case err != nil && len(l.line) == 0:
			return nil, io.EOF
		}
		return l.line, nil
	}
}

// buffered says whether a whole further line can be read without waiting for it.
func (l *lines) buffered() bool {
	ahead, _ := l.in.Peek(l.in.Buffered())
	for _, c := range ahead {
		if c == '\n' {
			return true
		}
	}
	return false
}
