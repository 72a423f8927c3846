package conformance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type (
	goPlugin = pluginsdk.PollingPluginFunc
	set      = pluginsdk.MetricsGroupSet
	asked    = pluginsdk.PluginContext
)

// good is a plugin without fault.
func good(_ context.Context, pc *asked) (*set, error) {
	g, err := pc.NewMetricsGroup("disk")
	if err == nil {
		err = errors.Join(g.AddDimension("mount", "/"), g.AddCounter("reads", 12))
	}
	return pluginsdk.NewMetricsGroupSet(g), err
}

// labelled is a plugin whose metrics Prometheus would misread.
func labelled(_ context.Context, pc *asked) (*set, error) {
	g, err := pc.NewMetricsGroup("disk")
	if err == nil {
		err = errors.Join(g.AddDimension("job", "x"), g.AddDimension("h\u00f6he", "1"), g.AddDimension("h_he", "2"),
			g.AddMetric(pluginsdk.Metric{Name: "reads", Type: pluginsdk.Counter, Value: pluginsdk.Int(-3)}),
			g.AddCounter("reads_total", 1), g.AddGauge("reads_rate_per_second", 1))
	}
	return pluginsdk.NewMetricsGroupSet(g), err
}

// play checks one Go plugin and returns its lines by name.
func play(t *testing.T, p goPlugin, change func(*Settings), conf ...string) (map[string]Check, bool) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "p.panoptes-plugin")
	text := "[Core]\nName = p\nModule = go:p\n[Documentation]\nVersion = 0.1\n[main]\nexecute_frequency = 60\n" +
		"resource_filter = resource_class = \"network\"\n[transforms]\ndisk = rate:disk:reads\n"
	for i := 0; i+1 < len(conf); i += 2 {
		text = strings.ReplaceAll(text, conf[i], conf[i+1])
	}
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	res := madeUp()
	res.Class = "network"
	s := Settings{
		Open: func() (*plugin.Plugin, []string, error) { return plugin.Open(file, plugin.OpenOptions{}) },
		NewRunner: func(func(*program.Settings)) (*run.Runner, error) {
			return runtimes.New(runtimes.Settings{GoPlugins: map[string]pluginsdk.PollingPlugin{"p": p}})
		},
		Resources: []*pluginsdk.Resource{madeUp(), res},
		Runs:      100,
		Budget:    time.Minute,
		Memory:    func() (int64, error) { return 1 << 20, nil },
	}
	if change != nil {
		change(&s)
	}
	checks := map[string]Check{}
	fine, err := Play(t.Context(), s, func(c Check) { checks[c.Name] = c })
	require.NoError(t, err)
	return checks, fine
}

func TestGoodPlugin(t *testing.T) {
	t.Parallel()
	checks, fine := play(t, good, func(s *Settings) { s.Explain = true })
	assert.True(t, fine)
	assert.Len(t, checks, len(steps))
	for _, c := range checks {
		if c.Name != "slow_input" && c.Name != "clock_steps" { // of a program
			assert.Equal(t, Pass, c.Verdict, c)
		}
	}
	assert.Equal(t, "1 of 2 resources match\n\"made-up\" does not match: resource_class = \"network\"; resource_class is \"system\"",
		checks["resources"].Detail)
	assert.Contains(t, checks["many_runs"].Detail, "100 runs")
}

// Each fault is seen by the check that is meant to see it.
func TestFaults(t *testing.T) {
	t.Parallel()
	var runs atomic.Int64
	for name, tt := range map[string]struct {
		plugin  goPlugin
		change  func(*Settings)
		conf    []string
		check   string
		verdict Verdict
		detail  string
	}{
		"no such file":    {good, nil, []string{"Module = go:p", "Module = absent"}, "plugin_file", Fail, "absent"},
		"never scheduled": {good, nil, []string{"execute_frequency = 60", ""}, "plugin_file", Warn, "never scheduled"},
		"misspelt option": {good, nil, []string{"execute_frequency", "execute_frequncy"}, "plugin_file", Warn, "did you mean execute_frequency?"},
		"misspelt filter": {good, nil, []string{"resource_filter", "resource_fitler"}, "plugin_file", Fail, "did you mean resource_filter?"},
		"bad transform":   {good, nil, []string{"rate:disk:reads", "rate:disk"}, "plugin_file", Warn, "disk"},
		"nothing matches": {good, nil, []string{`"network"`, `"none"`}, "resources", Fail, `resource_class is "system"`},
		"not compiled in": {good, nil, []string{"go:p", "go:q"}, "load", Skip, "plugintest"},
		"raises": {
			func(context.Context, *asked) (*set, error) { return nil, errors.New("boom") }, nil, nil, "run", Fail, "boom",
		},
		"raises without resources": {
			func(context.Context, *asked) (*set, error) { return nil, errors.New("boom") },
			func(s *Settings) { s.Resources = nil }, nil, "run", Warn, "made up",
		},
		"bad group": {
			func(_ context.Context, pc *asked) (*set, error) {
				g, err := pc.NewMetricsGroup("disk")
				return pluginsdk.NewMetricsGroupSet(&pluginsdk.MetricsGroup{Resource: pc.Resource}, g), err
			}, nil, nil, "run", Fail, "dropped (invalid)",
		},
		"gauge under transforms":      {good, nil, []string{"rate:disk:reads", "rate:disk:writes"}, "metrics", Warn, `name "writes"`},
		"other type under transforms": {good, nil, []string{"rate:disk:reads", "rate:disc:reads"}, "metrics", Warn, `"disc", of which`},
		"labels of Prometheus' own":   {labelled, nil, nil, "prometheus", Warn, "exported_job"},
		"labels that collide":         {labelled, nil, nil, "prometheus", Warn, "dimensions \"h\u00f6he\" and \"h_he\""},
		"counter below zero":          {labelled, nil, nil, "prometheus", Warn, `counter "reads" of group type "disk" is -3`},
		"names that collide":          {labelled, nil, nil, "prometheus", Warn, "both disk_reads_total in Prometheus"},
		"a rate that collides":        {labelled, nil, nil, "prometheus", Warn, "the rate of counter \"reads\""},
		"panics at odd text": {
			func(ctx context.Context, pc *asked) (*set, error) {
				if strings.Contains(pc.Resource.ID, "\x00") {
					panic("cannot cope")
				}
				return good(ctx, pc)
			}, nil, nil, "odd_unicode", Fail, "panic: cannot cope",
		},
		"refuses what is huge": {
			func(ctx context.Context, pc *asked) (*set, error) {
				if len(pc.Resource.Metadata) > 100 {
					return nil, errors.New("too much")
				}
				return good(ctx, pc)
			}, nil, nil, "huge_resource", Warn, "too much",
		},
		"not twice at once": {
			func(ctx context.Context, pc *asked) (*set, error) {
				if n := runs.Add(1); n > 1 && strings.HasSuffix(pc.Resource.ID, "-7") {
					panic("not reentrant")
				}
				return good(ctx, pc)
			}, nil, nil, "many_at_once", Fail, "not reentrant",
		},
		"grows": {
			good, func(s *Settings) {
				var held int64
				s.Memory = func() (int64, error) { held += 20 << 20; return held, nil }
			}, nil, "many_runs", Fail, "kept from run to run",
		},
		"slow": {good, func(s *Settings) { s.Budget = 0 }, nil, "many_runs", Pass, "2 runs"},
		"memory unknown": {
			good, func(s *Settings) { s.Memory = func() (int64, error) { return 0, errors.New("no /proc") } }, nil, "many_runs", Skip, "no /proc",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checks, fine := play(t, tt.plugin, tt.change, tt.conf...)
			c := checks[tt.check]
			assert.Equal(t, tt.verdict, c.Verdict, fmt.Sprint(checks))
			assert.Contains(t, c.Detail, tt.detail)
			assert.Equal(t, tt.verdict != Fail, fine)
		})
	}
}

// The run takes so long that half of it, when it is given up, is before its end on a busy machine too.
func TestCancel(t *testing.T) {
	t.Parallel()
	started := make(chan struct{}, 1)
	checks, fine := play(t, func(ctx context.Context, pc *asked) (*set, error) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
		select {
		case started <- struct{}{}:
		default:
		}
		return good(ctx, pc)
	}, func(s *Settings) { s.Runs = 3 })
	assert.True(t, fine)
	assert.Contains(t, checks["cancel"].Detail, "given up in the middle")
}

// A plugin that does not end when it is told to is found out, and the play ends all the same.
func TestHeedless(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var runs atomic.Int64
	checks, fine := play(t, func(ctx context.Context, pc *asked) (*set, error) {
		// The runs before are those of run, metrics, prometheus, the two odd resources, 8 at once, and the one that is timed.
		if runs.Add(1) == 15 {
			<-release
		}
		return good(ctx, pc)
	}, func(s *Settings) {
		s.Runs, s.patience = 3, 50*time.Millisecond
		s.Memory = func() (int64, error) { return 0, nil }
	})
	close(release)
	assert.False(t, fine)
	assert.Equal(t, Fail, checks["cancel"].Verdict, checks)
	assert.Contains(t, checks["cancel"].Detail, "does not heed")
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	file := filepath.Join(t.TempDir(), "p.panoptes-plugin")
	require.NoError(t, os.WriteFile(file, []byte("[Core]\nName = p\nModule = go:p\n[main]\nexecute_frequency = 60\n"+
		"resource_filter = resource_class = \"system\"\n"), 0o600))
	_, err := Play(ctx, Settings{
		Open: func() (*plugin.Plugin, []string, error) { return plugin.Open(file, plugin.OpenOptions{}) },
		NewRunner: func(func(*program.Settings)) (*run.Runner, error) {
			return runtimes.New(runtimes.Settings{GoPlugins: map[string]pluginsdk.PollingPlugin{
				"p": goPlugin(func(context.Context, *asked) (*set, error) { cancel(); return nil, pluginsdk.ErrNoResults }),
			}})
		},
		Runs: 1, Memory: func() (int64, error) { return 0, nil },
	}, func(Check) {})
	require.ErrorIs(t, err, context.Canceled)
}
