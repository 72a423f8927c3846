package pluginsdk

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// serverLog is a slog.Handler that sends lines to the host.
type serverLog struct {
	server *server
	run    int64
	with   string // attributes, as they are printed
	prefix string // of the keys, from WithGroup
}

// Enabled implements slog.Handler.
func (l *serverLog) Enabled(_ context.Context, level slog.Level) bool {
	return level >= l.server.level.Level()
}

// Handle implements slog.Handler: attributes are appended to the message, as in "no answer port=161".
func (l *serverLog) Handle(_ context.Context, record slog.Record) error {
	var b strings.Builder
	b.WriteString(record.Message)
	b.WriteString(l.with)
	record.Attrs(func(a slog.Attr) bool {
		appendAttr(&b, l.prefix, a)
		return true
	})
	l.server.writeJSON(map[string]any{"jsonrpc": "2.0", "method": "log", "params": map[string]any{
		"run_id": l.run, "level": levelName(record.Level), "message": b.String(),
	}})
	return nil
}

func levelName(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "debug"
	case l < slog.LevelWarn:
		return "info"
	case l < slog.LevelError:
		return "warning"
	}
	return "error"
}

// WithAttrs implements slog.Handler.
func (l *serverLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	b.WriteString(l.with)
	for _, a := range attrs {
		appendAttr(&b, l.prefix, a)
	}
	out := *l
	out.with = b.String()
	return &out
}

// WithGroup implements slog.Handler.
func (l *serverLog) WithGroup(name string) slog.Handler {
	out := *l
	if name != "" {
		out.prefix += name + "."
	}
	return &out
}

func appendAttr(b *strings.Builder, prefix string, a slog.Attr) {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, member := range value.Group() {
			appendAttr(b, prefix, member)
		}
		return
	}
	if a.Key != "" {
		fmt.Fprintf(b, " %s%s=%v", prefix, a.Key, value.Any())
	}
}
