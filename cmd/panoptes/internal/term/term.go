// Package term writes for people where the output is a terminal, and for programs where it is not.
package term

import (
	"io"
	"os"
	"runtime"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

// Style is what an output can show. The zero Style is plain text, as for a file or a pipe.
type Style struct {
	// Color allows escape sequences.
	Color bool
	// Screen allows to move the cursor and to use the whole screen.
	Screen bool
	// Aligned aligns the columns of tables; otherwise they are separated by one tab each and have no heading.
	Aligned bool
}

// StyleOf returns the style for w: plain unless w is a terminal. The environment variable NO_COLOR (no-color.org) and
// the terminal "dumb" turn colours off.
func StyleOf(w io.Writer) Style {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return Style{}
	}
	// The old console of Windows shows escape sequences as they are.
	capable := runtime.GOOS != "windows" || os.Getenv("WT_SESSION") != "" || os.Getenv("TERM") != ""
	capable = capable && os.Getenv("TERM") != "dumb"
	return Style{Color: capable && os.Getenv("NO_COLOR") == "", Screen: capable, Aligned: true}
}

// Size returns the width and height of a terminal, or of a usual one where w does not tell.
func Size(w io.Writer) (width, height int) {
	if f, ok := w.(*os.File); ok {
		if width, height, err := term.GetSize(int(f.Fd())); err == nil && width > 0 && height > 0 {
			return width, height
		}
	}
	return 80, 24
}

// Paint is a colour.
type Paint string

// The colours in use.
const (
	Bold   Paint = "\x1b[1m"
	Dim    Paint = "\x1b[2m"
	Red    Paint = "\x1b[31m"
	Green  Paint = "\x1b[32m"
	Yellow Paint = "\x1b[33m"
	Blue   Paint = "\x1b[34m"
	Cyan   Paint = "\x1b[36m"
)

const reset = "\x1b[0m"

// Paint returns text in a colour, or plain where the style has none.
func (s Style) Paint(p Paint, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return string(p) + text + reset
}

// Cell returns text with control characters escaped, so that foreign data can neither break a line nor steer a terminal.
func Cell(text string) string { return logs.OneLine(text) }

// Message returns a text of several lines with all other control characters escaped. Lines below the first are indented where
// they are not yet: none of them can pass for a message of ours.
func Message(text string) string {
	lines := strings.Split(logs.Printable(strings.TrimRight(text, "\n")), "\n")
	for i, line := range lines[1:] {
		if !strings.HasPrefix(line, " ") {
			lines[i+1] = indent + line
		}
	}
	return strings.Join(lines, "\n")
}

// Block is Message for a text that is none of ours, such as a traceback: all of its lines are indented.
func Block(text string) string {
	return indent + strings.ReplaceAll(logs.Printable(strings.TrimRight(text, "\n")), "\n", "\n"+indent)
}

const indent = "    "

// Table writes rows below a heading. The cells are escaped by Cell.
func (s Style) Table(w io.Writer, heading []string, rows [][]string) error {
	cells := make([][]string, 0, len(rows)+1)
	if s.Aligned {
		cells = append(cells, heading)
	}
	for _, row := range rows {
		safe := make([]string, len(row))
		for i, c := range row {
			safe[i] = Cell(c)
		}
		cells = append(cells, safe)
	}
	widths := make([]int, len(heading))
	for _, row := range cells {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for n, row := range cells {
		s.row(&b, row, widths, s.Aligned && n == 0)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s Style) row(b *strings.Builder, row []string, widths []int, heading bool) {
	for i, c := range row {
		text := c
		if heading {
			text = s.Paint(Bold, c)
		}
		b.WriteString(text)
		switch {
		case i == len(row)-1:
		case s.Aligned:
			b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)+2))
		default:
			b.WriteByte('\t')
		}
	}
	b.WriteByte('\n')
}
