package plugintest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/group/golden"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// recorder is a test that is expected to fail.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Helper() {}

func (r *recorder) Cleanup(func()) {}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// failures runs f as a test of its own and returns what it failed with.
func failures(t *testing.T, f func(testing.TB)) string {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	return strings.Join(r.failures, "\n")
}

type plugin = pluginsdk.PollingPluginFunc

func count(ctx context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
	pc.Logger.Info("counting", "timeout", pc.Config.Get("main", "timeout"))
	old, err := pc.KV.GetSet(ctx, "count", "seen", time.Hour)
	if err != nil && !errors.Is(err, pluginsdk.ErrNotFound) {
		return nil, err
	}
	secret, err := pc.Secrets.Get(ctx, "password", pc.Resource.Site)
	if err != nil {
		secret = "none"
	}
	set := pluginsdk.NewMetricsGroupSet()
	for _, dimension := range []string{"b<", "a"} {
		g, err := pc.NewMetricsGroup("count")
		if err == nil {
			err = errors.Join(g.AddCounter("z", 5), g.AddGauge("a", 5), g.AddDimension("d", dimension), g.AddDimension("c", secret+old))
		}
		if err != nil {
			return nil, err
		}
		set.Add(g)
	}
	return set, nil
}

func TestRunAndGolden(t *testing.T) {
	t.Parallel()
	c := NewContext(t, WithConfig(pluginsdk.Config{"main": {"timeout": "5"}}), WithInterval(30*time.Second),
		WithSecrets(map[string]map[string]string{"password": {"default": "hush"}}))
	Golden(t, RunIn(t, c, plugin(count)), "testdata/count.golden.json")
	groups := RunIn(t, c, plugin(count))
	if d, _ := groups[0].Dimension("c"); d != "hushseen" || groups[0].Interval != 30 {
		t.Errorf("second run has dimension %q, interval %d", d, groups[0].Interval)
	}
	if want := []string{"level=INFO msg=counting timeout=5", "level=INFO msg=counting timeout=5"}; !slices.Equal(c.Logs(), want) {
		t.Errorf("Logs = %q", c.Logs())
	}
	if !slices.Equal(c.Sites, []string{"test"}) {
		t.Errorf("Sites = %q", c.Sites)
	}
	text, err := golden.Of(groups)
	if err != nil {
		t.Fatal(err)
	}
	got := failures(t, func(t testing.TB) { compare(t, text, "testdata/count.golden.json") })
	if !strings.Contains(got, "differ from testdata/count.golden.json") || !strings.Contains(got, "hushseen") {
		t.Errorf("other groups than in the file: %q", got)
	}
	got = failures(t, func(t testing.TB) { compare(t, text, "testdata/none.json") })
	if !strings.Contains(got, "does not exist: run go test with -update") {
		t.Errorf("missing file: %q", got)
	}
}

func TestWriteGolden(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "x.json")
	if err := writeGolden(path, []byte("[]\n")); err != nil {
		t.Fatal(err)
	}
	compare(t, []byte("[]\n"), path)
	if text, err := os.ReadFile(path); err != nil || string(text) != "[]\n" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestRunFailsTheTest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		run  func(pc *pluginsdk.PluginContext, g *pluginsdk.MetricsGroup) (*pluginsdk.MetricsGroupSet, error)
		want string
	}{
		{"good", func(_ *pluginsdk.PluginContext, g *pluginsdk.MetricsGroup) (*pluginsdk.MetricsGroupSet, error) {
			g.Resource = nil
			return pluginsdk.NewMetricsGroupSet(g), nil
		}, ""},
		{"no results", func(*pluginsdk.PluginContext, *pluginsdk.MetricsGroup) (*pluginsdk.MetricsGroupSet, error) {
			return nil, pluginsdk.ErrNoResults
		}, ""},
		{"error", func(*pluginsdk.PluginContext, *pluginsdk.MetricsGroup) (*pluginsdk.MetricsGroupSet, error) {
			return nil, errors.New("no route")
		}, "plugin returned an error: no route"},
		{"NaN", func(_ *pluginsdk.PluginContext, g *pluginsdk.MetricsGroup) (*pluginsdk.MetricsGroupSet, error) {
			return pluginsdk.NewMetricsGroupSet(g), g.AddGauge("bad", math.NaN())
		}, `groups[0] would be dropped: group "t": metric "bad" is NaN`},
		{"interval", func(_ *pluginsdk.PluginContext, g *pluginsdk.MetricsGroup) (*pluginsdk.MetricsGroupSet, error) {
			g.Interval = 0
			return pluginsdk.NewMetricsGroupSet(g), nil
		}, "metrics_group_interval"},
		{"resource", func(pc *pluginsdk.PluginContext, _ *pluginsdk.MetricsGroup) (*pluginsdk.MetricsGroupSet, error) {
			pc.Resource.Endpoint = "elsewhere"
			return nil, nil
		}, "plugin changed the resource"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := failures(t, func(t testing.TB) {
				Run(t, plugin(func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
					g, err := pc.NewMetricsGroup("t")
					if err != nil {
						return nil, err
					}
					return c.run(pc, g)
				}))
			})
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("failures: %q, want %q", got, c.want)
			}
		})
	}
	got := failures(t, func(t testing.TB) { Resource(t, func(r *pluginsdk.Resource) { r.Site = "" }) })
	if !strings.Contains(got, "resource_site") {
		t.Errorf("bad resource: %q", got)
	}
}

// described is a plugin with a contract.
type described struct {
	pluginsdk.PollingPluginFunc

	contract pluginsdk.Contract
}

func (d described) Describe() pluginsdk.Contract { return d.contract }

func TestRunChecksTheContract(t *testing.T) {
	t.Parallel()
	run := func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		groups := pc.NewGroups()
		groups.Group("door").Gauge("open", 1)
		return groups.Result()
	}
	for want, c := range map[string]pluginsdk.Contract{
		"": {Groups: []pluginsdk.GroupContract{{Type: "door", Metrics: []pluginsdk.MetricContract{{Name: "open", Type: "gauge"}}}}},
		`groups[0]: group "door": gauge "open" is not in the plugin's contract`: {Groups: []pluginsdk.GroupContract{{Type: "door"}}},
		"plugin describes itself wrongly":                                       {Groups: []pluginsdk.GroupContract{{}}},
	} {
		got := failures(t, func(t testing.TB) { Run(t, described{run, c}) })
		if !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
