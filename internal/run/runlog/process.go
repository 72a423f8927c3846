package runlog

import (
	"encoding/json"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
)

const (
	// maxCrashLines and maxCrashBytes limit what a crash report shows of stderr.
	maxCrashLines = 60
	maxCrashBytes = 8 << 10
	// keptRuns is how many ended runs are known, whose threads may still write.
	keptRuns = 16
	// maxLineAge is how old a line may say it is: a plugin whose clock is wrong does not know.
	maxLineAge = time.Hour
)

// Process turns what a process of plugins says into lines of the Collector's log: log notifications, and its stderr,
// which is also where prints of plugins go. A line belongs to the run that it names. One that names none belongs to the
// run that began last, unless the process has several runs at once: then it belongs to the plugin. Process is safe for
// concurrent use.
type Process struct {
	logger *zap.Logger
	digest *logs.Digest
	budget *Budget

	mu         sync.Mutex
	pid        int
	owner      Run // whose lines are those that belong to no run
	concurrent bool
	latest     Run // the one that began last
	runs       map[int64]Run
	ended      [keptRuns]int64 // of runs, in turn
	turn       int
	last       []string // of stderr, since the latest run began
}

// NewProcess returns a Process that writes to logger. Lines that belong to no run are owner's; without fields they are
// said to be of the process. digest joins reports of bad lines; nil reports each.
func NewProcess(logger *zap.Logger, owner Run, digest *logs.Digest, budget *Budget) *Process {
	return &Process{logger: logger, digest: digest, budget: budget, owner: owner, runs: map[int64]Run{}}
}

// SetPid tells the number of the process.
func (l *Process) SetPid(pid int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pid = pid
}

// SetConcurrent tells that the process has several runs at once.
func (l *Process) SetConcurrent() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.concurrent = true
}

// Begin tells that a run began.
func (l *Process) Begin(run Run) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.latest = run
	l.runs[run.ID] = run
	if !l.concurrent {
		l.last = l.last[:0]
	}
}

// End tells that a run ended. Its lines are known a while longer.
func (l *Process) End(id int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if old := l.ended[l.turn]; old != id {
		delete(l.runs, old)
	}
	l.ended[l.turn] = id
	l.turn = (l.turn + 1) % keptRuns
}

// Of is the run of a number, or, for 0, the one that lines without a number belong to. What programs that a plugin
// started write to stderr is a stream of its own, so that a line may come after the result of the run: it counts to the
// run that is on.
func (l *Process) Of(id int64) Run {
	l.mu.Lock()
	defer l.mu.Unlock()
	run, known := l.runs[id]
	switch {
	case id != 0 && known:
		return run
	case l.concurrent, l.latest.Fields == nil:
		run = l.owner
	case id == 0:
		run = l.latest
	default:
		run = Run{ID: id, Fields: []zap.Field{zap.Int64("run_id", id), zap.Int("pid", l.pid)}, Secrets: l.latest.Secrets}
	}
	if run.Fields == nil {
		run.Fields = []zap.Field{zap.Int("pid", l.pid)}
	}
	return run
}

// Logger is where the lines go.
func (l *Process) Logger() *zap.Logger { return l.logger }

// Fields are those of the run that lines without a number belong to, for what is said about it.
func (l *Process) Fields(more ...zap.Field) []zap.Field { return append(more, l.Of(0).Fields...) }

// allow says whether one more line of a run may be written.
func (l *Process) allow(run Run, bytes int) bool {
	ok, left := l.budget.take(run.plugin(), bytes)
	reportLeft(l.logger, run, left)
	return ok
}

// Flush reports what was left out last.
func (l *Process) Flush() {
	run := l.Of(0)
	reportLeft(l.logger, run, l.budget.leftOut(run.plugin()))
}

func reportLeft(logger *zap.Logger, run Run, n int) {
	if n > 0 {
		logger.Warn("Left out log lines of a plugin that writes too many", append([]zap.Field{
			zap.Int("lines", n), zap.Int("lines_per_second", maxLinesPerSecond), zap.Int("bytes_per_second", maxBytesPerSecond),
		}, run.Fields...)...)
	}
}

// Keep keeps a line for a report of how the process ended.
func (l *Process) Keep(line string) {
	line = logs.KeepStart(line, maxCrashBytes)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = keepLast(l.last, line)
}

func keepLast(lines []string, line string) []string {
	if len(lines) == maxCrashLines {
		lines = append(lines[:0], lines[1:]...)
	}
	return append(lines, line)
}

// Stderr takes a line of stderr.
func (l *Process) Stderr(line string, truncated bool) {
	l.Keep(line)
	run := l.Of(0)
	if strings.TrimSpace(line) == "" || !l.allow(run, len(line)) {
		return
	}
	fields := []zap.Field{zap.String("stream", "stderr")}
	if truncated {
		fields = append(fields, zap.Bool("truncated", true))
	}
	run.Line(l.logger, time.Time{}, zapcore.InfoLevel, line, fields...)
}

// LastWords are what the process wrote to stderr at its end: the line that says most, "" for none, and all of the end.
func (l *Process) LastWords() (line, end string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return lastWords(l.last)
}

func lastWords(lines []string) (line, end string) {
	for _, text := range lines {
		if text = strings.TrimSpace(text); text != "" {
			line = text
		}
		if strings.HasPrefix(text, "Fatal Python error") { // what Python itself says about its end
			break
		}
	}
	return logs.KeepStart(line, 300), logs.KeepEnd(strings.TrimSpace(strings.Join(lines, "\n")), maxCrashBytes)
}

// Tail keeps the last lines of the stderr of a process that runs no plugins. The zero value has none; it is safe for
// concurrent use.
type Tail struct {
	mu    sync.Mutex
	lines []string
}

// Add takes a line.
func (t *Tail) Add(line string, _ bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = keepLast(t.lines, line)
}

// String is the line that says most, as a part of an error; "" for none.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	line, _ := lastWords(t.lines)
	if line == "" {
		return ""
	}
	return "; it said: " + line
}

// Notify takes a notification of the process.
func (l *Process) Notify(method string, params json.RawMessage) {
	var line logLine
	if method != "log" || json.Unmarshal(params, &line) != nil {
		return
	}
	if line.Stream != "" {
		l.Keep(line.Message)
	}
	run := l.Of(line.RunID)
	if l.allow(run, len(line.Message)+len(line.Exception)) {
		line.write(l.logger, run)
	}
}

// logLine is what the notification "log" says (docs/plugin-protocol.md).
type logLine struct {
	RunID     int64   `json:"run_id"`
	Level     string  `json:"level"`
	Logger    string  `json:"logger"`
	Message   string  `json:"message"`
	Stream    string  `json:"stream"`
	Exception string  `json:"exception"`
	Time      float64 `json:"time"`
	// InResult says that the result of the run says the same. Whoever reports the result does that once, so that the line is
	// for debugging only.
	InResult bool `json:"in_result"`
}

func (line *logLine) write(logger *zap.Logger, run Run) {
	var fields []zap.Field
	if line.Logger != "" {
		fields = append(fields, zap.String("logger", line.Logger))
	}
	if line.Stream != "" {
		fields = append(fields, zap.String("stream", line.Stream))
	}
	if line.Exception != "" {
		fields = append(fields, zap.String("exception", line.Exception))
	}
	level := levelOf(line.Level)
	if line.InResult {
		level = zapcore.DebugLevel
	}
	run.Line(logger, timeOf(line.Time), level, line.Message, fields...)
}

// timeOf is the time of a line in seconds since 1970, zero where it is not given or makes no sense.
func timeOf(seconds float64) time.Time {
	if age := float64(time.Now().UnixMicro())/1e6 - seconds; seconds <= 0 || age > maxLineAge.Seconds() || age < -maxLineAge.Seconds() {
		return time.Time{}
	}
	return time.UnixMicro(int64(seconds * 1e6))
}

func levelOf(name string) zapcore.Level {
	switch name {
	case "debug", "notset":
		return zapcore.DebugLevel
	case "warning", "warn":
		return zapcore.WarnLevel
	case "error", "critical", "fatal":
		return zapcore.ErrorLevel
	}
	return zapcore.InfoLevel
}

// Fault reports a line that is no message of the protocol.
func (l *Process) Fault(f *rpc.Fault) {
	run := l.Of(0)
	l.digest.Note(run.plugin(), func(held int) {
		l.logger.Warn("Worker sent a line that is no message of the plugin protocol", append([]zap.Field{
			zap.String("kind", string(f.Kind)), zap.Error(run.Secrets.Error(f)), zap.Int("others", held),
			zap.String("next", "let the plugin write nothing but messages to file descriptors that it did not open"),
		}, run.Fields...)...)
	})
}
