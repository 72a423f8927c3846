package term

import (
	"io"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

const separator = "  "

// Logger returns a logger that writes lines for people to w, from the given level on: level, message and fields,
// without the time.
func Logger(w io.Writer, level zapcore.Level) *zap.Logger {
	config := zapcore.EncoderConfig{
		LevelKey:         "level",
		MessageKey:       "message",
		EncodeLevel:      zapcore.LowercaseLevelEncoder, // escapedLines paints it
		EncodeDuration:   zapcore.StringDurationEncoder,
		ConsoleSeparator: separator,
	}
	out := zapcore.Lock(zapcore.AddSync(escapedLines{w, StyleOf(w)}))
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(config), out, level))
}

// escapedLines writes entries of a log with control characters escaped, whoever the text is from.
type escapedLines struct {
	out   io.Writer
	style Style
}

var levelPaints = map[string]Paint{
	zapcore.DebugLevel.String(): Dim, zapcore.InfoLevel.String(): Blue, zapcore.WarnLevel.String(): Yellow, zapcore.ErrorLevel.String(): Red,
}

// Write takes one entry.
func (e escapedLines) Write(entry []byte) (int, error) {
	text := logs.Printable(string(entry))
	if level, rest, ok := strings.Cut(text, separator); ok {
		text = e.style.Paint(levelPaints[level], level) + separator + rest
	}
	if _, err := io.WriteString(e.out, text); err != nil {
		return 0, err
	}
	return len(entry), nil
}
