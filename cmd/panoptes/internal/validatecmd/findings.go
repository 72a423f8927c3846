package validatecmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

// findings are what is wrong with a configuration, and what is likely not meant.
type findings struct {
	errors, warnings int
	out              io.Writer
	style            term.Style
}

// wrong reports what keeps a Collector from doing what the configuration says.
func (f *findings) wrong(where string, err error) {
	f.errors++
	f.line(f.style.Paint(term.Red, "error"), where, err.Error())
}

// doubtful reports what works, but hardly as it was meant.
func (f *findings) doubtful(where, format string, args ...any) {
	f.warnings++
	f.line(f.style.Paint(term.Yellow, "warning"), where, fmt.Sprintf(format, args...))
}

// maxDoubts is how many findings about the entries of one list are told one by one.
const maxDoubts = 10

// doubts reports what is wrong with the entries of a list: the first ones, and how many there are.
func (f *findings) doubts(where string, all []error) {
	for i, err := range all {
		if i == maxDoubts {
			f.warnings += len(all) - i - 1
			f.doubtful(where, "%d more like these: fix those above, and check again", len(all)-i)
			return
		}
		f.doubtful(where, "%v", err)
	}
}

// maxLines bounds how many lines of one finding are shown.
const maxLines = 40

// line writes one finding. What is joined of several errors becomes a line each below the first.
func (f *findings) line(level, where, text string) {
	var lines []string
	rest := 0
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if len(lines) == maxLines {
			rest++
		} else {
			lines = append(lines, term.Cell(line))
		}
	}
	if rest > 0 {
		lines = append(lines, "and "+logs.Count(rest, "more line"))
	}
	fmt.Fprintf(f.out, "%s: %s: %s\n", level, term.Cell(where), strings.Join(lines, "\n    "))
}
