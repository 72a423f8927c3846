package term

import (
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Logger returns a logger that writes lines for people to w, from the given level on: level, message and fields,
// without the time.
func Logger(w io.Writer, level zapcore.Level) *zap.Logger {
	config := zapcore.EncoderConfig{
		LevelKey:         "level",
		MessageKey:       "message",
		EncodeLevel:      zapcore.LowercaseLevelEncoder,
		EncodeDuration:   zapcore.StringDurationEncoder,
		ConsoleSeparator: "  ",
	}
	if StyleOf(w).Color {
		config.EncodeLevel = zapcore.LowercaseColorLevelEncoder
	}
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(config), zapcore.Lock(zapcore.AddSync(w)), level))
}
