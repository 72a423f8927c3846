package pluginrun

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
	// maxLinesPerSecond bounds what one worker may write to the log; the rest is counted.
	maxLinesPerSecond = 500
	// tailLines and tailBytes bound what a crash report shows of stderr.
	tailLines = 60
	tailBytes = 8 << 10
)

// workerLog turns what a worker says into lines of the Collector's log: log notifications, and its stderr, which is
// also where prints of plugins go. It is safe for concurrent use.
type workerLog struct {
	logger *zap.Logger
	faults *logs.Digest
	now    func() time.Time

	mu     sync.Mutex
	pid    int
	run    runLog           // the one that began last
	before [keptRuns]runLog // it, in turn
	turn   int
	last   []string // of stderr, since the run began
	second int64
	lines  int
	left   int // out, because there were too many
}

// keptRuns is how many runs are known by whose threads may still write after their end.
const keptRuns = 16

func newWorkerLog(logger *zap.Logger) *workerLog {
	return &workerLog{logger: logger, now: time.Now}
}

func (l *workerLog) setPid(pid int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pid = pid
}

// begin makes what comes from now on part of a run.
func (l *workerLog) begin(run runLog) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before[l.turn] = l.run
	l.turn = (l.turn + 1) % keptRuns
	l.run = run
	l.last = l.last[:0]
}

// of is a run, or, for 0, the one that began last. What programs that a plugin started write to stderr is a stream of
// its own, so that a line may come after the result of the run: it counts to the run that is on.
func (l *workerLog) of(id int64) runLog {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.run.fields == nil {
		return runLog{fields: []zap.Field{zap.Int("pid", l.pid)}}
	}
	if id == 0 || id == l.run.id {
		return l.run
	}
	for _, run := range l.before {
		if run.id == id {
			return run
		}
	}
	return runLog{id: id, fields: []zap.Field{zap.Int64("run_id", id), zap.Int("pid", l.pid)}, secrets: l.run.secrets}
}

// fields are those of the run that began last, for what is said about it.
func (l *workerLog) fields(more ...zap.Field) []zap.Field { return append(more, l.of(0).fields...) }

// allow says whether one more line may be written in this second.
func (l *workerLog) allow() bool {
	l.mu.Lock()
	second := l.now().Unix()
	left := 0
	if second != l.second {
		left, l.left = l.left, 0
		l.second, l.lines = second, 0
	}
	l.lines++
	ok := l.lines <= maxLinesPerSecond
	if !ok {
		l.left++
	}
	l.mu.Unlock()
	l.reportLeft(left)
	return ok
}

// flush reports what was left out last.
func (l *workerLog) flush() {
	l.mu.Lock()
	left := l.left
	l.left = 0
	l.mu.Unlock()
	l.reportLeft(left)
}

func (l *workerLog) reportLeft(n int) {
	if n > 0 {
		l.logger.Warn("Left out log lines of a plugin that writes too many",
			l.fields(zap.Int("lines", n), zap.Int("limit_per_second", maxLinesPerSecond))...)
	}
}

// keep keeps a line for a report of how the worker ended.
func (l *workerLog) keep(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.last) == tailLines {
		l.last = append(l.last[:0], l.last[1:]...)
	}
	l.last = append(l.last, line)
}

// stderr takes a line of the worker's stderr.
func (l *workerLog) stderr(line string, truncated bool) {
	l.keep(line)
	if strings.TrimSpace(line) == "" || !l.allow() {
		return
	}
	fields := []zap.Field{zap.String("stream", "stderr")}
	if truncated {
		fields = append(fields, zap.Bool("truncated", true))
	}
	l.of(0).line(l.logger, time.Time{}, zapcore.InfoLevel, line, fields...)
}

// died makes an error of how a process ended: with one telling line of stderr in its text, and the end of stderr in
// the place of a traceback.
func (l *workerLog) died(how string) *PluginError {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &PluginError{Message: how, Traceback: logs.KeepEnd(strings.TrimSpace(strings.Join(l.last, "\n")), tailBytes)}
	if line := tellingLine(l.last); line != "" {
		e.Message += "; it said: " + line
	}
	return e
}

// tellingLine is what Python itself says about its end, else the last line.
func tellingLine(lines []string) string {
	last := ""
	for _, line := range lines {
		if line = strings.TrimSpace(line); line != "" {
			last = line
		}
		if strings.HasPrefix(line, "Fatal Python error") {
			break
		}
	}
	return logs.KeepStart(last, 300)
}

// notify takes a notification of the worker.
func (l *workerLog) notify(method string, params json.RawMessage) {
	if line, ok := l.read(method, params); ok {
		line.write(l.logger, l.of(line.RunID))
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
}

// read returns the line of a notification. It is not ok where it is none, and where there are too many of them.
func (l *workerLog) read(method string, params json.RawMessage) (line logLine, ok bool) {
	if method != "log" || json.Unmarshal(params, &line) != nil {
		return line, false
	}
	if line.Stream != "" {
		l.keep(line.Message)
	}
	return line, l.allow()
}

func (line *logLine) write(logger *zap.Logger, run runLog) {
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
	run.line(logger, saidAt(line.Time), levelOf(line.Level), line.Message, fields...)
}

// oldest is how long ago a line may have been said: a plugin whose clock is wrong does not know.
const oldest = time.Hour

// saidAt is the time of a line in seconds since 1970, zero where it is not given or makes no sense.
func saidAt(seconds float64) time.Time {
	if age := float64(time.Now().UnixMicro())/1e6 - seconds; seconds <= 0 || age > oldest.Seconds() || age < -oldest.Seconds() {
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

// logLevel is the lowest level that anybody takes, so that workers do not send what nobody sees.
func (s *Settings) logLevel() string {
	level := s.Logger.Level()
	if s.Heard {
		level = min(level, zapcore.InfoLevel)
	}
	switch {
	case level <= zapcore.DebugLevel:
		return "debug"
	case level == zapcore.InfoLevel:
		return "info"
	case level == zapcore.WarnLevel:
		return "warning"
	}
	return "error"
}

// fault reports a line that is no message of the protocol.
func (l *workerLog) fault(f *rpc.Fault) {
	run := l.of(0)
	l.faults.Note(run.plugin(), func(held int) {
		l.logger.Warn("Worker sent a line that is no message of the plugin protocol", append([]zap.Field{
			zap.String("kind", string(f.Kind)), zap.Error(run.secrets.Error(f)), zap.Int("others", held),
			zap.String("next", "let the plugin write nothing but messages to file descriptors that it did not open"),
		}, run.fields...)...)
	})
}
