package logs

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// WithoutStacks returns a logger without the stack that the Collector's adds to each error: what our errors tell of lies outside
// of our code, and a line that is told is one line.
func WithoutStacks(l *zap.Logger) *zap.Logger {
	return l.WithOptions(zap.AddStacktrace(zap.LevelEnablerFunc(func(zapcore.Level) bool { return false })))
}
