package discover

import (
	"context"
	"log/slog"
	"strings"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

// maxText bounds an error of a discoverer.
const maxText = 1000

// noUpdate is what a discoverer that asks again and again says where an attempt gave nothing at all. With all other errors it lists what it
// has found in spite of them.
const noUpdate = "Unable to refresh target groups"

// handler takes what a discoverer logs. Its errors are the source's; all else is for those who look for mistakes.
type handler struct {
	source *Source
	attrs  string
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelError || h.source.logger.Core().Enabled(zap.DebugLevel)
}

// Handle implements slog.Handler.
func (h *handler) Handle(_ context.Context, record slog.Record) error {
	var b strings.Builder
	b.WriteString(record.Message)
	b.WriteString(h.attrs)
	record.Attrs(func(a slog.Attr) bool {
		write(&b, a)
		return true
	})
	text := h.source.job.told(b.String())
	if record.Level >= slog.LevelError {
		h.source.fail(text, record.Message != noUpdate)
	} else {
		h.source.logger.Debug(text)
	}
	return nil
}

// told is what a discoverer or its client says, as it may be shown.
func (j *Job) told(text string) string {
	return logs.OneLine(logs.KeepStart(j.secrets.Clean(text), maxText))
}

func write(b *strings.Builder, a slog.Attr) {
	switch a.Key {
	case "err":
		b.WriteString(": " + a.Value.String())
	case "discovery", "config", "tags":
	default:
		b.WriteString(", " + a.Key + " " + a.Value.String())
	}
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	b.WriteString(h.attrs)
	for _, a := range attrs {
		write(&b, a)
	}
	return &handler{source: h.source, attrs: b.String()}
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(string) slog.Handler { return h }
