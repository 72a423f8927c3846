package seldom

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Logger returns a logger without the stack that the Collector's adds to each error: what our errors tell of lies outside
// of our code, and a line that is told is one line.
func Logger(l *zap.Logger) *zap.Logger {
	return l.WithOptions(zap.AddStacktrace(zap.LevelEnablerFunc(func(zapcore.Level) bool { return false })))
}
