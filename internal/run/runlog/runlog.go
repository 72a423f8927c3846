// Package runlog makes lines of the Collector's log of what plugins say: by the log methods of the protocol, through the
// logger of a Go plugin, or on stderr. Lines have fields that say whose they are, are free of secrets, and are limited in
// number.
package runlog

import (
	"slices"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

// maxTextBytes limits the message of a line, and each text that comes with it.
const maxTextBytes = 16 << 10

// Line is a line that a plugin logged in a run, or wrote to its stderr. It has none of the secrets that plugins were given.
type Line struct {
	At      time.Time
	Level   zapcore.Level
	Message string
	// RunID is that of the line's fields in the Collector's log: it tells the runs of a plugin apart.
	RunID int64
	// Fields are what else the line says: "logger", "stream", "exception", and what a Go plugin gave it.
	Fields []zap.Field
}

// Run is where the lines of a run go: to the Collector's log, and to whoever asked for them with the run.
type Run struct {
	ID int64
	// Fields say whose the lines are.
	Fields []zap.Field
	// Take gets each line that is at least of the level info, or that the Collector's log takes; nil if nobody asked.
	Take    func(Line)
	Secrets *logs.Scrubber
}

// plugin is the name of the run's plugin, "" where it is not known.
func (r Run) plugin() string {
	for _, f := range r.Fields {
		if f.Key == "plugin" {
			return f.String
		}
	}
	return ""
}

// heard says whether whoever asked for the lines of runs gets those of a level that the Collector's log does not take.
func heard(level zapcore.Level) bool { return level >= zapcore.InfoLevel }

// write writes a line.
func (r Run) write(core zapcore.Core, e zapcore.Entry, fields []zap.Field) {
	logged := core.Enabled(e.Level)
	taken := r.Take != nil && (logged || heard(e.Level))
	if !logged && !taken {
		return
	}
	e.Message = logs.KeepStart(logs.OneLine(r.Secrets.Clean(e.Message)), maxTextBytes)
	for i := range fields {
		if fields[i].Type == zapcore.StringType {
			fields[i].String = logs.KeepEnd(logs.Printable(r.Secrets.Clean(fields[i].String)), maxTextBytes)
		}
	}
	if taken {
		r.Take(Line{At: e.Time, Level: e.Level, Message: e.Message, RunID: r.ID, Fields: fields})
	}
	if checked := core.Check(e, nil); checked != nil {
		checked.Write(append(slices.Clip(r.Fields), fields...)...)
	}
}

// Line writes a line to a logger, of now where at is zero. It goes around what the logger would add: the place in our
// code, and for errors the stack there, say nothing about the plugin.
func (r Run) Line(logger *zap.Logger, at time.Time, level zapcore.Level, message string, fields ...zap.Field) {
	if at.IsZero() {
		at = time.Now()
	}
	r.write(logger.Core(), zapcore.Entry{Level: level, Time: at, LoggerName: logger.Name(), Message: message}, fields)
}

// Level is the lowest level that anybody takes, so that processes do not send what nobody sees: heard says that runs may
// ask for their lines.
func Level(logger *zap.Logger, heard bool) string {
	level := logger.Level()
	if heard {
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
