package rpc

import (
	"bufio"
	"errors"
	"io"
)

// keepOfLongLine is how much of a line that is too long is kept, to find the id of the call it answers.
const keepOfLongLine = 4 << 10

// keepBuffer is the largest buffer that is kept from line to line.
const keepBuffer = 1 << 20

// lineReader reads lines of bounded length. It holds at most the bound (and bufio's buffer) in memory.
type lineReader struct {
	r   *bufio.Reader
	max int
	buf []byte
}

func newLineReader(r io.Reader, limit int) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 64<<10), max: limit}
}

// next returns the next line without its end. Of a line that is longer than the bound only the beginning is returned,
// with size > max; it is read to its end. At the end of the stream the error is io.EOF, or io.ErrUnexpectedEOF with
// what there was of a last line without end. The line is good until the next call.
func (l *lineReader) next() (line []byte, size int, err error) {
	if cap(l.buf) > keepBuffer {
		l.buf = nil
	}
	l.buf = l.buf[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		size += len(part)
		if err == nil {
			size--
			part = part[:len(part)-1]
		}
		switch {
		case size > l.max:
			l.buf = append(l.buf, part...)
			l.buf = l.buf[:min(len(l.buf), keepOfLongLine)]
		case err == nil && len(l.buf) == 0:
			return part, size, nil // the common case: a line within bufio's buffer is not copied
		default:
			l.buf = append(l.buf, part...)
		}
		switch {
		case err == nil:
			return l.buf, size, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && size > 0:
			return l.buf, size, io.ErrUnexpectedEOF
		default:
			return nil, 0, err
		}
	}
}
