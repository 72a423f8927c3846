package runtimes

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

type goRun = func(ctx context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error)

// goPlugin is an opened Go plugin of this name.
func goPlugin(name string, deadline time.Duration) *plugin.Plugin {
	file := &pluginfile.File{Name: name, NormalizedName: name, Module: "go:" + name, Config: pluginsdk.Config{"main": {"count": "3"}}}
	return &plugin.Plugin{File: file, Kind: plugin.KindGo, Module: name, Interval: time.Minute, Deadline: deadline}
}

// goRunners run one Go plugin, named x.
func goRunners(t *testing.T, f goRun, s Settings) *run.Runner {
	t.Helper()
	s.GoPlugins = map[string]pluginsdk.PollingPlugin{"x": pluginsdk.PollingPluginFunc(f)}
	return newRunners(t, s)
}

func oneGroup(pc *pluginsdk.PluginContext, metrics ...pluginsdk.Metric) *pluginsdk.MetricsGroup {
	g, err := pc.NewMetricsGroup("test")
	for _, m := range metrics {
		err = errors.Join(err, g.AddMetric(m))
	}
	if err != nil {
		panic(err)
	}
	return g
}

func TestGoOutcomes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		run     goRun
		outcome run.Outcome
		err     string
	}{
		{"ok", func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
			return pluginsdk.NewMetricsGroupSet(oneGroup(pc)), nil
		}, run.OutcomeOK, ""},
		{"nil set", func(context.Context, *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
			return nil, nil
		}, run.OutcomeNone, ""},
		{"no results", func(context.Context, *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
			return nil, pluginsdk.ErrNoResults
		}, run.OutcomeNone, ""},
		{"error", func(context.Context, *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
			return pluginsdk.NewMetricsGroupSet(), errors.New("no route to host")
		}, run.OutcomeRaised, `plugin "x": resource "r1": no route to host`},
		{"panic", func(context.Context, *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
			panic("argh")
		}, run.OutcomePanicked, `plugin "x": resource "r1": panic: argh`},
		{"nil group", func(context.Context, *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
			return pluginsdk.NewMetricsGroupSet(nil), nil
		}, run.OutcomePanicked, "nil pointer"},
		{"goexit", func(context.Context, *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
			runtime.Goexit()
			return nil, nil
		}, run.OutcomePanicked, "ended its goroutine"},
		{"heeds the deadline", func(ctx context.Context, _ *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, run.OutcomeTimeout, "deadline of 50ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			res := runOnce(goRunners(t, c.run, Settings{}), goPlugin("x", 50*time.Millisecond), "r1")
			assert.Equal(t, c.outcome, res.Outcome, "%v", res.Err)
			if c.err == "" {
				assert.NoError(t, res.Err)
			} else {
				assert.ErrorContains(t, res.Err, c.err)
			}
		})
	}
}

func TestPanicHasItsStack(t *testing.T) {
	t.Parallel()
	runners := goRunners(t, func(context.Context, *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		panic("argh")
	}, Settings{})
	var e *run.PluginError
	require.ErrorAs(t, runOnce(runners, goPlugin("x", time.Minute), "r1").Err, &e)
	assert.Contains(t, e.Traceback, "TestPanicHasItsStack")
}

// TestOverstayingGoPlugin: the run ends at its deadline; the pair stays busy until the plugin returns.
func TestOverstayingGoPlugin(t *testing.T) {
	t.Parallel()
	leave, left := make(chan struct{}), make(chan struct{})
	runners := goRunners(t, func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		if pc.Resource.ID == "slow" {
			<-leave
			defer close(left)
		}
		return pluginsdk.NewMetricsGroupSet(oneGroup(pc)), nil
	}, Settings{})
	p := goPlugin("x", 20*time.Millisecond)
	assert.Equal(t, run.OutcomeTimeout, runOnce(runners, p, "slow").Outcome)
	assert.True(t, runners.Busy(p, testResource("slow")))
	assert.Equal(t, run.OutcomeBusy, runOnce(runners, p, "slow").Outcome)
	assert.False(t, runners.Busy(p, testResource("other")))
	assert.Equal(t, run.OutcomeOK, runOnce(runners, p, "other").Outcome)

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorContains(t, runners.Close(ctx), "1 runs of plugins have not ended (x)")
	close(leave)
	<-left
	require.NoError(t, runners.Close(context.Background()))
	assert.False(t, runners.Busy(p, testResource("slow")))
	assert.Equal(t, run.OutcomeCanceled, runOnce(runners, p, "slow").Outcome)
}

func TestGoCallerGivesUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	runners := goRunners(t, func(ctx context.Context, _ *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}, Settings{})
	res := runners.Run(ctx, run.Request{Plugin: goPlugin("x", time.Hour), Resource: testResource("r1")})
	assert.Equal(t, run.OutcomeCanceled, res.Outcome, "%v", res.Err)
}

func TestGoContext(t *testing.T) {
	t.Parallel()
	logger, logs := logged(t)
	runners := goRunners(t, func(ctx context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		assert.Equal(t, "3", pc.Config.Get("main", "count"))
		assert.Equal(t, time.Minute, pc.Interval)
		assert.Equal(t, []string{"dc1"}, pc.Sites)
		assert.NoError(t, pc.KV.Set(ctx, "k", "v", 0))
		_, err := pc.Secrets.Get(ctx, "a", "b")
		assert.ErrorIs(t, err, pluginsdk.ErrNotFound)
		pc.Logger.With("a", 1).WithGroup("g").Warn("careful", "b", "x", slog.Group("h", "c", true), "err", errors.New("e"))
		return pluginsdk.NewMetricsGroupSet(), nil
	}, Settings{Host: Host{Logger: logger, Context: wire.Context{Sites: []string{"dc1"}}}})
	res := runOnce(runners, goPlugin("x", time.Minute), "r1")
	require.Equal(t, run.OutcomeOK, res.Outcome, "%v", res.Err)
	assert.Empty(t, res.Groups)
	require.Equal(t, 1, logs.Len())
	assert.Equal(t, map[string]any{
		"plugin": "x", "resource_id": "r1", "run_id": int64(1), "a": int64(1), "g.b": "x", "g.h.c": true, "g.err": "e",
	}, logs.All()[0].ContextMap())
}

func TestGoGroupsAreChecked(t *testing.T) {
	t.Parallel()
	gauge := func(name string, v float64) pluginsdk.Metric {
		return pluginsdk.Metric{Name: name, Value: pluginsdk.Float(v), Timestamp: pluginsdk.Now()}
	}
	runners := goRunners(t, func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		partly := oneGroup(pc, gauge("good", 1), gauge("bad", math.NaN()))
		if err := partly.AddDimension("d", "v"); err != nil {
			return nil, err
		}
		lost := oneGroup(pc, gauge("bad", math.Inf(1)))
		bare := oneGroup(pc, gauge("bare", 1))
		bare.Resource, bare.Timestamp = nil, pluginsdk.Timestamp{}
		badInterval := oneGroup(pc, gauge("i", 1))
		badInterval.Interval = 0
		badType := oneGroup(pc, gauge("t", 1))
		badType.Type = ""
		badResource := oneGroup(pc, gauge("r", 1))
		badResource.Resource = &pluginsdk.Resource{ID: "x"}
		return pluginsdk.NewMetricsGroupSet(partly, lost, bare, badInterval, badType, badResource, oneGroup(pc)), nil
	}, Settings{Limits: run.Limits{Groups: 3}})
	res := runOnce(runners, goPlugin("x", time.Minute), "r1")
	require.Equal(t, run.OutcomeOK, res.Outcome, "%v", res.Err)
	require.Len(t, res.Groups, 3)
	assert.Len(t, res.Groups[0].Metrics(), 1)
	assert.Len(t, res.Groups[0].Dimensions(), 1)
	assert.Equal(t, "r1", res.Groups[1].Resource.ID)
	assert.False(t, res.Groups[1].Timestamp.IsZero())
	want := []struct{ reason, metric, err string }{
		{run.DropNotFinite, "bad", `group "test": metric_value of "bad" is NaN`},
		{run.DropNotFinite, "bad", `is Infinity`},
		{run.DropInvalid, "", `group 3: interval of group "test"`},
		{run.DropInvalid, "", `group 4: group_type must be`},
		{run.DropInvalid, "", `group 5: group "test": resource: resource_site`},
	}
	require.Len(t, res.Dropped, len(want))
	for i, w := range want {
		d := res.Dropped[i]
		assert.Equal(t, w.reason, d.Reason)
		assert.Equal(t, w.metric, d.Metric)
		assert.ErrorContains(t, d.Err, `plugin "x": resource "r1": `)
		assert.ErrorContains(t, d.Err, w.err)
	}
}

func TestMissingGoPlugin(t *testing.T) {
	t.Parallel()
	runners := goRunners(t, nil, Settings{})
	p := goPlugin("y", time.Minute)
	_, checkErr := runners.Load(context.Background(), p)
	for _, err := range []error{runOnce(runners, p, "r1").Err, checkErr} {
		assert.ErrorContains(t, err, `no Go plugin "y"`)
		assert.ErrorContains(t, err, "there are: x")
		assert.ErrorContains(t, err, "service.extensions")
	}
}

func BenchmarkGoRun(b *testing.B) {
	set := pluginsdk.NewMetricsGroupSet()
	r, err := New(Settings{GoPlugins: map[string]pluginsdk.PollingPlugin{
		"x": pluginsdk.PollingPluginFunc(func(context.Context, *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
			return set, nil
		}),
	}})
	require.NoError(b, err)
	req := run.Request{Plugin: goPlugin("x", time.Minute), Resource: testResource("r1")}
	b.ReportAllocs()
	for b.Loop() {
		r.Run(context.Background(), req)
	}
	require.NoError(b, r.Close(context.Background()))
}
