package democmd

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

// collectorLog shows the warnings of the Collector's log and keeps its last lines.
type collectorLog struct {
	out  io.Writer
	note func(string) // takes the lines instead of out; nil leaves them to out
	file *os.File     // all lines; nil for none

	mu      sync.Mutex
	last    []string
	showing bool
}

// keptLines is how many lines are shown where the Collector fails.
const keptLines = 25

func newCollectorLog(out io.Writer, file string) (*collectorLog, error) {
	l := &collectorLog{out: out}
	if file == "" {
		return l, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, fmt.Errorf("cannot write --log: %w", err)
	}
	l.file = f
	return l, nil
}

// to has note take the lines from now on, nil gives them back to the output.
func (l *collectorLog) to(note func(string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note = note
}

func (l *collectorLog) say(text string) {
	if l.note != nil {
		l.note("collector: " + text)
		return
	}
	fmt.Fprintf(l.out, "collector: %s\n", term.Message(text))
}

// line takes one line. Lines of zap's console form begin with the time and the level, separated by tabs; others, such
// as stack traces, belong to the line before them.
func (l *collectorLog) line(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		fmt.Fprintln(l.file, text)
	}
	text = ownResource.ReplaceAllString(text, "")
	l.last = append(l.last, text)
	if len(l.last) > keptLines {
		l.last = append(l.last[:0], l.last[1:]...)
	}
	if parts := strings.SplitN(text, "\t", 3); len(parts) == 3 {
		switch parts[1] {
		case "debug", "info":
			l.showing = false
			if news.MatchString(parts[2]) {
				l.say(readable(parts[2]))
			}
			return
		case "warn", "error", "dpanic", "panic", "fatal":
			l.showing = true
			text = parts[1] + ": " + readable(parts[2])
		}
	}
	if l.showing {
		l.say(text)
	}
}

// news finds the messages that answer an edit of a plugin, which are no warnings.
var news = regexp.MustCompile(`(^|\t)(Loaded plugin|Removed plugin|Plugin runs again)`)

// ownResource is the field by which the Collector names itself on each line.
var ownResource = regexp.MustCompile(`\t\{"resource": \{[^{}]*\}\}$|"resource": \{[^{}]*\}, `)

// tail is the last lines, for a person to read.
func (l *collectorLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, line := range l.last {
		b.WriteString("  " + logs.Printable(line) + "\n")
	}
	return b.String()
}

func (l *collectorLog) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}
