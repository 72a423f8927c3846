package plugincmd

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// A run that went well has a line only where there is one resource; what a plugin logs is always shown.
func TestWithoutFailures(t *testing.T) {
	t.Parallel()
	for several, want := range map[bool][]string{
		false: {"Plugin returned a result set with 1 members", "hello"},
		true:  {"hello"},
	} {
		core, logs := observer.New(zapcore.DebugLevel)
		var hide atomic.Bool
		hide.Store(several)
		logger := zap.New(core, zap.WrapCore(withoutFailures(&hide))).With(zap.String("plugin", "x"))
		logger.Debug("Plugin returned a result set with 1 members")
		logger.Debug("Plugin did not return any results")
		logger.Debug("hello")
		var told []string
		for _, e := range logs.All() {
			told = append(told, e.Message)
		}
		assert.Equal(t, want, told)
	}
}
