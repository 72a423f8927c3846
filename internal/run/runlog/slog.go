package runlog

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Handler writes the records of a Go plugin's logger to a zap core. A run that logs nothing pays for nothing but this
// struct.
type Handler struct {
	logger *zap.Logger
	budget *Budget
	run    func() Run // called for each line
	take   bool       // somebody asked for the lines of the run
	prefix string     // of the keys, from WithGroup
	attrs  []zap.Field
}

// NewHandler returns what is behind the logger of one run. take says that somebody asked for its lines.
func NewHandler(logger *zap.Logger, budget *Budget, run func() Run, take bool) Handler {
	return Handler{logger: logger, budget: budget, run: run, take: take}
}

// Enabled implements slog.Handler.
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool {
	return h.logger.Core().Enabled(zapLevel(level)) || h.take && heard(zapLevel(level))
}

// Handle implements slog.Handler.
func (h *Handler) Handle(_ context.Context, record slog.Record) error {
	entry := zapcore.Entry{Level: zapLevel(record.Level), Time: record.Time, LoggerName: h.logger.Name(), Message: record.Message}
	if entry.Time.IsZero() {
		entry.Time = time.Now()
	}
	fields := slices.Clone(h.attrs)
	record.Attrs(func(a slog.Attr) bool {
		fields = appendAttr(fields, h.prefix, a)
		return true
	})
	run := h.run()
	ok, left := h.budget.take(run.plugin(), len(record.Message))
	reportLeft(h.logger, run, left)
	if ok {
		run.write(h.logger.Core(), entry, fields)
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := *h
	out.attrs = append([]zap.Field(nil), h.attrs...)
	for _, a := range attrs {
		out.attrs = appendAttr(out.attrs, h.prefix, a)
	}
	return &out
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
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
