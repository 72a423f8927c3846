package pluginrun

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

// newSlogHandler returns what is behind the logger of one run of a Go plugin. Its lines come out of the Collector's
// logger with the plugin, the resource and the run as fields.
func newSlogHandler(logger *zap.Logger, req Request) slogHandler {
	return slogHandler{core: logger.Core(), name: logger.Name(), req: req}
}

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

// runLog is where the lines of a run go: to the Collector's log, with fields that say whose they are, and to whoever
// asked for them with the run.
type runLog struct {
	id      int64
	fields  []zap.Field
	take    func(Line) // nil: nobody asked
	secrets *logs.Scrubber
}

func newRunLog(req Request) runLog { return runLog{req.id, req.logFields(), req.Log, req.secrets} }

// plugin is the name of the plugin that the run is of, "" where it is not known.
func (r runLog) plugin() string {
	for _, f := range r.fields {
		if f.Key == "plugin" {
			return f.String
		}
	}
	return ""
}

// heard says whether whoever asked for the lines of runs gets those of a level that the Collector's log does not take.
func heard(level zapcore.Level) bool { return level >= zapcore.InfoLevel }

// write writes a line.
func (r runLog) write(core zapcore.Core, e zapcore.Entry, fields []zap.Field) {
	logged := core.Enabled(e.Level)
	taken := r.take != nil && (logged || heard(e.Level))
	if !logged && !taken {
		return
	}
	e.Message = r.secrets.Clean(e.Message)
	for i := range fields {
		if fields[i].Type == zapcore.StringType {
			fields[i].String = r.secrets.Clean(fields[i].String)
		}
	}
	if taken {
		r.take(Line{At: e.Time, Level: e.Level, Message: e.Message, RunID: r.id, Fields: fields})
	}
	if checked := core.Check(e, nil); checked != nil {
		checked.Write(append(slices.Clip(r.fields), fields...)...)
	}
}

// line is write for a logger, of now where at is zero. It goes around what the logger would add: the place in our code, and
// for errors the stack there, say nothing about the plugin.
func (r runLog) line(logger *zap.Logger, at time.Time, level zapcore.Level, message string, fields ...zap.Field) {
	if at.IsZero() {
		at = time.Now()
	}
	r.write(logger.Core(), zapcore.Entry{Level: level, Time: at, LoggerName: logger.Name(), Message: message}, fields)
}

// logFields are the fields of all log lines of a run.
func (req Request) logFields() []zap.Field {
	if req.Plugin.Type == TypeDiscovery {
		return []zap.Field{zap.String("plugin", req.Plugin.Name()), zap.Int64("run_id", req.id)}
	}
	return []zap.Field{
		zap.String("plugin", req.Plugin.Name()),
		zap.String("resource_id", req.Resource.ID),
		zap.Int64("run_id", req.id),
	}
}

// slogHandler writes slog records to a zap core. A run that logs nothing pays for nothing but this struct.
type slogHandler struct {
	core   zapcore.Core
	name   string
	req    Request
	prefix string // of the keys, from WithGroup
	attrs  []zap.Field
}

// Enabled implements slog.Handler.
func (h *slogHandler) Enabled(_ context.Context, level slog.Level) bool {
	return h.core.Enabled(zapLevel(level)) || h.req.Log != nil && heard(zapLevel(level))
}

// Handle implements slog.Handler.
func (h *slogHandler) Handle(_ context.Context, record slog.Record) error {
	entry := zapcore.Entry{Level: zapLevel(record.Level), Time: record.Time, LoggerName: h.name, Message: record.Message}
	if entry.Time.IsZero() {
		entry.Time = time.Now()
	}
	fields := slices.Clone(h.attrs)
	record.Attrs(func(a slog.Attr) bool {
		fields = appendAttr(fields, h.prefix, a)
		return true
	})
	newRunLog(h.req).write(h.core, entry, fields)
	return nil
}

// WithAttrs implements slog.Handler.
func (h *slogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := *h
	out.attrs = append([]zap.Field(nil), h.attrs...)
	for _, a := range attrs {
		out.attrs = appendAttr(out.attrs, h.prefix, a)
	}
	return &out
}

// WithGroup implements slog.Handler.
func (h *slogHandler) WithGroup(name string) slog.Handler {
	out := *h
	if name != "" {
		out.prefix += name + "."
	}
	return &out
}

func appendAttr(fields []zap.Field, prefix string, a slog.Attr) []zap.Field {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, member := range value.Group() {
			fields = appendAttr(fields, prefix, member)
		}
		return fields
	}
	if a.Key == "" {
		return fields
	}
	key := prefix + a.Key
	switch value.Kind() {
	case slog.KindString:
		return append(fields, zap.String(key, value.String()))
	case slog.KindInt64:
		return append(fields, zap.Int64(key, value.Int64()))
	case slog.KindUint64:
		return append(fields, zap.Uint64(key, value.Uint64()))
	case slog.KindFloat64:
		return append(fields, zap.Float64(key, value.Float64()))
	case slog.KindBool:
		return append(fields, zap.Bool(key, value.Bool()))
	case slog.KindDuration:
		return append(fields, zap.Duration(key, value.Duration()))
	case slog.KindTime:
		return append(fields, zap.Time(key, value.Time()))
	}
	if err, ok := value.Any().(error); ok {
		return append(fields, zap.String(key, err.Error()))
	}
	return append(fields, zap.String(key, fmt.Sprintf("%+v", value.Any())))
}

func zapLevel(l slog.Level) zapcore.Level {
	switch {
	case l < slog.LevelInfo:
		return zapcore.DebugLevel
	case l < slog.LevelWarn:
		return zapcore.InfoLevel
	case l < slog.LevelError:
		return zapcore.WarnLevel
	}
	return zapcore.ErrorLevel
}
