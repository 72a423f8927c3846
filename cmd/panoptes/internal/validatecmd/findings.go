package validatecmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
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

// line writes one finding. What is joined of several errors becomes a line each below the first.
func (f *findings) line(level, where, text string) {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, term.Cell(line))
		}
	}
	fmt.Fprintf(f.out, "%s: %s: %s\n", level, term.Cell(where), strings.Join(lines, "\n    "))
}
