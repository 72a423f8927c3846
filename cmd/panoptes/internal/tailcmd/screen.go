package tailcmd

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/stream"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
)

// redrawEvery is how often a terminal shows the table anew.
const redrawEvery = 500 * time.Millisecond

// maxComplaints bounds what is kept to be told after a terminal shows other things again.
const maxComplaints = 10

// Sequences of a terminal: the other screen, without a cursor and without new lines where one is full, and back; the
// first line; the rest of a line; all that follows. A line is cleared before it is written: after a full one the cursor
// stands on its last character.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l"
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// maxNews is how many of the last lines that there were to say a terminal shows.
const maxNews = 4

// Table shows a table: again and again on a terminal, and once at the end. It is safe for concurrent use.
type Table struct {
	head   []string // lines above it
	out    io.Writer
	stderr io.Writer
	style  term.Style
	stop   context.CancelFunc
	done   chan struct{}

	mu         sync.Mutex
	table      *table
	complaints []string
	news       []string // the last ones
	bads       int
	err        error // of drawing
}

// NewTable begins to show a table on stdout, until ctx ends; on a terminal head stands above it, and what Note is told below.
func NewTable(ctx context.Context, stdout, stderr io.Writer, head []string) *Table {
	ctx, stop := context.WithCancel(ctx)
	v := &Table{
		head: head, out: stdout, stderr: stderr, style: term.StyleOf(stdout), stop: stop, done: make(chan struct{}), table: newTable(),
	}
	if v.style.Screen {
		go v.draw(ctx)
	} else {
		close(v.done)
	}
	return v
}

// Show takes a group, and returns why the table cannot be written.
func (v *Table) Show(m stream.Message) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.table.add(m.Group, time.Now())
	return v.err
}

// Bad is Note, and counts.
func (v *Table) Bad(text string) {
	v.mu.Lock()
	v.bads++
	v.mu.Unlock()
	v.Note(text)
}

// Note says something, where that does not spoil the table.
func (v *Table) Note(text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.style.Screen {
		v.news = append(v.news, text)
		v.news = v.news[max(len(v.news)-maxNews, 0):]
		if len(v.complaints) < maxComplaints {
			v.complaints = append(v.complaints, text)
		}
		return
	}
	complain(v.stderr, text)
}

// Close ends the drawing. On a terminal the last frame stays, without the rows that did not fit.
func (v *Table) Close() error {
	v.stop()
	<-v.done
	now := time.Now()
	if v.style.Screen {
		for _, text := range v.complaints {
			complain(v.stderr, text)
		}
		width, height := term.Size(v.out)
		_, err := io.WriteString(v.out, strings.Join(v.frame(width, height, now), "\n")+"\n")
		return err
	}
	rows := cells(v.table.series(), now)
	return v.style.Table(v.out, rows[0], rows[1:])
}

// draw shows the table until ctx is done.
func (v *Table) draw(ctx context.Context) {
	defer close(v.done)
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	before := enterScreen
	for {
		width, height := term.Size(v.out)
		v.mu.Lock()
		lines := v.frame(width, height, time.Now())
		v.mu.Unlock()
		text := before + home + clearLine + strings.Join(lines, "\n"+clearLine)
		if len(lines) < height {
			text += "\n" + clearBelow
		}
		before = ""
		_, err := io.WriteString(v.out, text)
		if err != nil {
			v.mu.Lock()
			v.err = err
			v.mu.Unlock()
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			_, _ = io.WriteString(v.out, leaveScreen)
			return
		}
	}
}

// frame returns the lines of a screen: the head, a title, the heading, as many rows as fit, how many do not, and the news.
func (v *Table) frame(width, height int, now time.Time) []string {
	all := v.table.series()
	title := fmt.Sprintf("panoptes tail   %s   groups %d   series %d", now.Format(time.TimeOnly), v.table.groups, len(all))
	if v.bads > 0 {
		title += fmt.Sprintf("   left out %d", v.bads)
	}
	room := max(height-3-len(v.head)-len(v.news), 1) // besides title, heading and the last line
	rows := all
	last := ""
	if len(all) > room {
		rows = all[:room]
		last = fmt.Sprintf("%d more: narrow it down with --filter, --type or --topic", len(all)-room)
	}
	if v.table.beyond > 0 {
		last += fmt.Sprintf("   (of more than %d series the first are kept)", maxSeries)
	}
	var lines []string
	for _, line := range v.head {
		lines = append(lines, cut(line, width))
	}
	lines = append(lines, v.style.Paint(term.Dim, cut(title, width)))
	lines = append(lines, v.layout(cells(rows, now), width)...)
	if len(all) == 0 {
		last = "waiting for groups"
	}
	if last != "" {
		lines = append(lines, v.style.Paint(term.Dim, cut(last, width)))
	}
	for _, line := range v.news {
		lines = append(lines, cut(term.Cell(line), width))
	}
	return lines
}

// layout aligns cells. Names that are those of the row above are left out.
func (v *Table) layout(rows [][]string, width int) []string {
	widths := fit(rows, width)
	lines := make([]string, 0, len(rows))
	for n, row := range rows {
		var b strings.Builder
		same := n > 1
		for i, cell := range row {
			same = same && i < names && cell == rows[n-1][i]
			if same {
				cell = ""
			}
			cell = cut(cell, widths[i])
			blanks := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i > 0 {
				b.WriteString("  ")
			}
			if i >= values {
				b.WriteString(blanks)
			}
			b.WriteString(v.style.Paint(paintOf(n, i), cell))
			if i < values {
				b.WriteString(blanks)
			}
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}

// paintOf is the colour of a cell.
func paintOf(row, column int) term.Paint {
	switch {
	case row == 0:
		return term.Bold
	case column == values+1:
		return term.Cyan
	case column > values+1:
		return term.Dim
	}
	return ""
}

// leastName is how narrow a column of names can become.
const leastName = 6

// fit returns the widths of the columns: those of the widest cells, of which the widest names give way to a width.
func fit(rows [][]string, width int) []int {
	widths := make([]int, len(heading))
	total := 2 * (len(heading) - 1)
	for i := range heading {
		for _, row := range rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
		total += widths[i]
	}
	for ; total > width; total-- {
		widest := 0
		for i := range values {
			if widths[i] > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= leastName {
			break
		}
		widths[widest]--
	}
	return widths
}

// cut shortens a text to a number of characters.
func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	runes := []rune(text)
	return string(runes[:max(width-1, 0)]) + "\u2026"
}
