package child

import (
	"bufio"
	"bytes"
	"errors"
	"io"
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
