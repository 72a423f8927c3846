//go:build unix

package runtimes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// taken is what a run hands to whoever asked for its lines.
type taken struct {
	mu    sync.Mutex
	lines []runlog.Line
}

func (t *taken) take(l runlog.Line) {
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
        return None`), plugin.OpenOptions{})
	runners := goRunners(t, func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		pc.Logger.Warn("careful", "a", 1)
		return nil, pluginsdk.ErrNoResults
	}, Settings{Python: pythonWorkers(1), Host: Host{Logger: logger}})
	for name, c := range map[string]struct {
		plugin *plugin.Plugin
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
		result := runners.Run(t.Context(), run.Request{Plugin: c.plugin, Resource: testResource("id"), Log: got.take})
		var line runlog.Line
		require.Eventually(t, func() bool { // stderr may come after the result, and its lines among those of the protocol
			got.mu.Lock()
			defer got.mu.Unlock()
			i := slices.IndexFunc(got.lines, func(l runlog.Line) bool { return l.Message == c.want })
			if i >= 0 {
				line = got.lines[i]
			}
			return i >= 0
		}, patience, time.Millisecond, name)
		assert.Equal(t, c.level, line.Level, name)
		assert.WithinDuration(t, time.Now(), line.At, time.Minute, name)
		assert.Equal(t, result.RunID, line.RunID, name)
		if c.field != "" {
			require.Len(t, line.Fields, 1, name)
			assert.Equal(t, c.field, line.Fields[0].Key, name)
		}
	}
}

// Whoever asks for lines gets them from info on, however few the Collector logs.
func TestLinesAreHandedOverWhereTheLogIsTurnedDown(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.FatalLevel)
	python := openPython(t, "talks", class(`        context.logger.debug('low')
        context.logger.info('high')
        return None`), plugin.OpenOptions{})
	runners := goRunners(t, func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		pc.Logger.Debug("low")
		pc.Logger.Info("high")
		return nil, pluginsdk.ErrNoResults
	}, Settings{Python: pythonWorkers(1), Host: Host{Logger: zap.New(core), Heard: true}})
	for _, p := range []*plugin.Plugin{python, goPlugin("x", time.Minute)} {
		var got taken
		require.NoError(t, runners.Run(t.Context(), run.Request{Plugin: p, Resource: testResource("id"), Log: got.take}).Err)
		got.mu.Lock()
		if assert.NotEmpty(t, got.lines, p.Name()) {
			assert.Equal(t, "high", got.lines[0].Message)
		}
		got.mu.Unlock()
	}
	assert.Zero(t, logs.Len())
}

// TestNobodySeesSecrets: what a plugin got from the secrets is neither in its lines nor in the errors of its runs.
func TestNobodySeesSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "community"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "community", "default"), []byte("swordfish\n"), 0o600))
	logger, logs := logged(t)
	runners := goRunners(t, func(ctx context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		community, err := pc.Secrets.Get(ctx, "community", "dc1")
		if err != nil {
			return nil, err
		}
		pc.Logger.Error("cannot log in with "+community, "community", community)
		return nil, errors.New("refused: " + community)
	}, Settings{Python: pythonWorkers(1), Host: Host{Logger: logger, Secrets: kv.NewSecrets(dir)}})
	python := openPython(t, "tells", class(`        community = context.secrets.get_by_site('community', 'dc1')
        context.logger.error('cannot log in with %s', community)
        raise ValueError(community)`), plugin.OpenOptions{})
	for _, p := range []*plugin.Plugin{goPlugin("x", time.Minute), python} {
		var got taken
		result := runners.Run(t.Context(), run.Request{Plugin: p, Resource: testResource("id"), Log: got.take})
		assert.Equal(t, run.OutcomeRaised, result.Outcome)
		require.ErrorContains(t, result.Err, "(secret)")
		assert.NotContains(t, result.Err.Error(), "swordfish")
		if raised := (*run.PluginError)(nil); errors.As(result.Err, &raised) {
			assert.Equal(t, "(secret)", raised.Message)
			assert.Contains(t, raised.Traceback, "ValueError: (secret)")
		}
		got.mu.Lock()
		if assert.NotEmpty(t, got.lines) {
			assert.Equal(t, "cannot log in with (secret)", got.lines[0].Message)
		}
		assert.NotContains(t, fmt.Sprint(got.lines), "swordfish")
		got.mu.Unlock()
	}
	require.Equal(t, 2, logs.FilterMessage("cannot log in with (secret)").Len())
	for _, entry := range logs.All() {
		assert.NotContains(t, fmt.Sprint(entry.Context), "swordfish")
		if community, ok := entry.ContextMap()["community"]; ok {
			assert.Equal(t, "(secret)", community)
		}
	}
}
