package report

import (
	"container/list"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

const (
	// maxErrorBytes bounds the text of an error that is kept for a task.
	maxErrorBytes = 4 << 10
	// tailLines and tailBytes bound the log lines that are kept of one run, the last ones.
	tailLines = 20
	tailBytes = 4 << 10
	// maxTexts and maxTextBytes bound what is kept for all tasks together: a fleet of which all fails needs no text for each.
	maxTexts     = 10_000
	maxTextBytes = 32 << 20
)

// failureText is what is kept of the last run of a task that failed.
type failureText struct {
	text string
	at   time.Time
	log  []status.LogLine
}

// maxFirstLine bounds what a list shows of an error.
const maxFirstLine = 300

func (f failureText) firstLine() string {
	line, _, _ := strings.Cut(f.text, "\n")
	return logs.KeepStart(line, maxFirstLine)
}

func (f *failureText) size() int {
	n := len(f.text)
	for i := range f.log {
		n += lineSize(&f.log[i])
	}
	return n
}

// failureTexts keeps the texts of the tasks that failed last: where there are too many, the oldest go. The zero value
// has none.
type failureTexts struct {
	tasks  map[schedule.ID]*list.Element
	recent list.List // of *taskText, the newest last
	bytes  int
}

type taskText struct {
	task schedule.ID
	failureText
}

// set keeps the text of a task in place of the one before.
func (f *failureTexts) set(id schedule.ID, t failureText) {
	f.forget(id)
	if f.tasks == nil {
		f.tasks = map[schedule.ID]*list.Element{}
	}
	f.tasks[id] = f.recent.PushBack(&taskText{id, t})
	f.bytes += t.size()
	for f.recent.Len() > maxTexts || f.bytes > maxTextBytes {
		f.forget(f.recent.Front().Value.(*taskText).task)
	}
}

// of returns the text of a task; it is empty where there is none.
func (f *failureTexts) of(id schedule.ID) failureText {
	if e := f.tasks[id]; e != nil {
		return e.Value.(*taskText).failureText
	}
	return failureText{}
}

func (f *failureTexts) forget(id schedule.ID) {
	if e := f.tasks[id]; e != nil {
		f.bytes -= e.Value.(*taskText).size()
		f.recent.Remove(e)
		delete(f.tasks, id)
	}
}

// newFailureText is what is kept of a run that failed.
func newFailureText(err error, log []status.LogLine) failureText {
	text := err.Error()
	if more := traceback(err); more != "" {
		text += "\n" + more
	}
	return failureText{text: logs.KeepStart(text, maxErrorBytes), at: time.Now(), log: log}
}

// Tail keeps the last lines that one run logs, in case it fails. It is safe for concurrent use.
type Tail struct {
	mu    sync.Mutex
	lines []status.LogLine
	bytes int
	ended bool
}

// take is a run.Request's Log.
func (t *Tail) take(l runlog.Line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	line := status.LogLine{At: l.At, Level: l.Level.String(), Message: logs.KeepStart(lineText(&l), tailBytes)}
	t.lines, t.bytes = append(t.lines, line), t.bytes+lineSize(&line)
	first := 0
	for len(t.lines)-first > tailLines || t.bytes > tailBytes && len(t.lines)-first > 1 {
		t.bytes -= lineSize(&t.lines[first])
		first++
	}
	if first > 0 {
		t.lines = append(t.lines[:0], t.lines[first:]...)
	}
}

// end returns the lines. Those that come later are lost.
func (t *Tail) end() []status.LogLine {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	lines := t.lines
	t.lines = nil
	return lines
}

func lineSize(l *status.LogLine) int { return len(l.Message) + 64 }

// lineText is a line with its fields. Who wrote it and where is no news on the page of its task.
func lineText(l *runlog.Line) string {
	var b strings.Builder
	b.WriteString(l.Message)
	exception := ""
	for i := range l.Fields {
		switch f := &l.Fields[i]; f.Key {
		case "logger", "stream", "truncated":
		case "exception":
			exception = f.String
		default:
			values := zapcore.NewMapObjectEncoder()
			f.AddTo(values)
			fmt.Fprintf(&b, " %s=%v", f.Key, values.Fields[f.Key])
		}
	}
	if exception != "" {
		b.WriteString("\n" + exception)
	}
	return b.String()
}
