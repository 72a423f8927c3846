package pluginrun

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// taken is what a run hands to whoever asked for its lines.
type taken struct {
	mu    sync.Mutex
	lines []Line
}

func (t *taken) take(l Line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, l)
}

// Each kind of plugin hands its lines over.
func TestLinesOfARunAreHandedOver(t *testing.T) {
	t.Parallel()
	logger, _ := logged(t)
	python := openPython(t, "talks", class(`        context.logger.warning('careful')
        print('printed')
        return None`), OpenOptions{})
	runners := goRunners(t, func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		pc.Logger.Warn("careful", "a", 1)
		return nil, pluginsdk.ErrNoResults
	}, Settings{Python: workers(1), Logger: logger})
	for name, c := range map[string]struct {
		plugin *Plugin
		want   string
		level  zapcore.Level
		field  string
	}{
		"python":  {python, "careful", zapcore.WarnLevel, "logger"},
		"process": {openProcess(t, "logs"), "about id", zapcore.WarnLevel, ""},
		"exec":    {openExec(t, "exec-good"), "done", zapcore.InfoLevel, "stream"},
		"go":      {goPlugin("x", time.Minute), "careful", zapcore.WarnLevel, "a"},
	} {
		var got taken
		runners.Run(t.Context(), Request{Plugin: c.plugin, Resource: testResource("id"), Log: got.take})
		require.Eventually(t, func() bool { // stderr may come after the result
			got.mu.Lock()
			defer got.mu.Unlock()
			return len(got.lines) > 0
		}, 10*time.Second, time.Millisecond, name)
		got.mu.Lock()
		line := got.lines[0]
		got.mu.Unlock()
		assert.Equal(t, c.want, line.Message, name)
		assert.Equal(t, c.level, line.Level, name)
		assert.WithinDuration(t, time.Now(), line.At, time.Minute, name)
		assert.EqualValues(t, 1, line.RunID, name)
		if c.field != "" {
			require.Len(t, line.Fields, 1, name)
			assert.Equal(t, c.field, line.Fields[0].Key, name)
		}
	}
}
