package input

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/panoptes-otel/panoptes-otel/internal/lines"
)

// MaxLine is the most bytes a line of the input may have.
const MaxLine = 16 << 20

// EachLine calls visit for each line of stdin, with its number from 1, or with what is wrong with it: a line is there or
// an error. Whoever waits for the answer to what was read so far gets it: out goes to stdout whenever the next line would
// have to be waited for, and at the end, also beside an error. An error of visit ends the reading.
func EachLine(stdin io.Reader, stdout io.Writer, visit func(out *bufio.Writer, number int, line []byte, err error) error) error {
	in, out := lines.New(stdin, MaxLine, 64<<10), bufio.NewWriterSize(stdout, 64<<10)
	var tooLong lines.TooLongError
	for {
		line, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return flush(out)
		case err != nil && !errors.As(err, &tooLong):
			return errors.Join(fmt.Errorf("read stdin: %w", err), flush(out))
		}
		if err := visit(out, in.Number, line, err); err != nil {
			return errors.Join(err, flush(out))
		}
		if !in.Buffered() {
			if err := flush(out); err != nil {
				return err
			}
		}
	}
}

func flush(out *bufio.Writer) error {
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write stdout: %w", err)
	}
	return nil
}
