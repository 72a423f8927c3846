package panoptesreceiver

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func newTestTasks() *tasks {
	s := schedule.New(schedule.Settings[target]{
		MaxConcurrent: 1, Classes: []schedule.Class{{Places: 1}, {Places: 1}},
		Run: func(context.Context, schedule.Run[target]) schedule.Result { return schedule.Result{} }, Missed: func(target, int64) {},
	})
	return newTasks(s, newFailures(zap.NewNop()), LimitsConfig{PerResource: 2, PerEndpoint: 3}, zap.NewNop())
}

func testPlugin(t testing.TB, name, filterText string, kind plugin.Kind, interval time.Duration) *plugin.Plugin {
	t.Helper()
	f, err := filter.Parse(filterText)
	require.NoError(t, err)
	return &plugin.Plugin{
		File:   &pluginfile.File{Name: name, NormalizedName: pluginfile.NormalizeName(name)},
		Filter: f, Kind: kind, Interval: interval,
	}
}

func testResource(id, endpoint string) *pluginsdk.Resource {
	return &pluginsdk.Resource{Site: "s", Class: "network", Subclass: "switch", Type: "t", ID: id, Endpoint: endpoint}
}

// Tasks follow plugins and resources in whatever order these come.
func TestTasks(t *testing.T) {
	t.Parallel()
	ts := newTestTasks()
	a, b, c := testResource("a", "1"), testResource("b", "1"), testResource("c", "1")
	all := testPlugin(t, "all", `resource_class = "network"`, plugin.KindGo, time.Minute)
	one := testPlugin(t, "one", `resource_id = "b"`, plugin.KindPython, time.Minute)
	never := testPlugin(t, "never", `resource_class = "network"`, plugin.KindGo, 0)

	ts.setPlugins([]*plugin.Plugin{all, never})
	ts.setResources([]*pluginsdk.Resource{a, b})
	assert.Equal(t, 2, ts.scheduler.Len())
	ts.setPlugins([]*plugin.Plugin{all, one, never})
	assert.Equal(t, 3, ts.scheduler.Len())
	id := ts.plugins["all"].tasks[ts.slots[a.Identity()]]

	// A resource that changes keeps its task; one that goes leaves its slot to the next.
	moved := testResource("a", "2")
	ts.setResources([]*pluginsdk.Resource{moved, c})
	assert.Equal(t, 2, ts.scheduler.Len())
	assert.Equal(t, id, ts.plugins["all"].tasks[ts.slots[moved.Identity()]])
	assert.Len(t, ts.resources, 2)
	assert.Equal(t, 1, ts.endpoints["1"].resources)
	assert.Equal(t, 1, ts.endpoints["2"].resources)

	// So does a plugin; a filter or an interval that changes adds and removes tasks.
	ts.setPlugins([]*plugin.Plugin{testPlugin(t, "all", `resource_id = "a"`, plugin.KindPython, time.Hour), one, never})
	assert.Equal(t, 1, ts.scheduler.Len())
	assert.Equal(t, id, ts.plugins["all"].tasks[ts.slots[moved.Identity()]])
	assert.Equal(t, 1, ts.plugins["all"].held)
	ts.setPlugins([]*plugin.Plugin{testPlugin(t, "all", `resource_id = "a"`, plugin.KindPython, 0), one, never})
	assert.Zero(t, ts.scheduler.Len())
	ts.setResources([]*pluginsdk.Resource{a, b, c})
	assert.Equal(t, 1, ts.scheduler.Len())
	ts.setPlugins(nil)
	assert.Zero(t, ts.scheduler.Len())
	plugins, resources := ts.counts()
	assert.Zero(t, plugins)
	assert.Equal(t, 3, resources)
	assert.Equal(t, 3, ts.endpoints["1"].resources)
	ts.setResources(nil)
	assert.Empty(t, ts.endpoints)
}

// However lists of resources differ, there is one task for each plugin and each resource that it matches, about the
// resource as it was listed last, and a resource that stays keeps its task.
func TestTasksFollowEveryList(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		ts := newTestTasks()
		plugins := []*plugin.Plugin{
			testPlugin(t, "all", `resource_class = "network"`, plugin.KindGo, time.Minute),
			testPlugin(t, "some", `resource_endpoint = "1"`, plugin.KindPython, time.Minute),
		}
		ts.setPlugins(plugins)
		ids := map[pluginsdk.Identity]schedule.ID{}
		var list []*pluginsdk.Resource
		for range rapid.IntRange(1, 8).Draw(r, "lists") {
			list = nextList(r, list)
			ts.setResources(list)
			want := map[target]bool{}
			for _, res := range list {
				want[target{ts.plugins["all"], res}] = true
				if res.Endpoint == "1" {
					want[target{ts.plugins["some"], res}] = true
				}
			}
			now := map[pluginsdk.Identity]schedule.ID{}
			ts.scheduler.Glances(func(g schedule.Glance[target]) bool {
				if !want[g.Value] {
					r.Fatalf("there is a task of %s against %v", g.Value.plugin.name, g.Value.resource)
				}
				delete(want, g.Value)
				if g.Value.plugin.name == "all" {
					now[g.Value.resource.Identity()] = g.Task
				}
				return true
			})
			if len(want) > 0 {
				r.Fatalf("tasks are missing: %v", want)
			}
			for id, task := range now {
				if before, ok := ids[id]; ok && before != task {
					r.Fatalf("%v has another task", id)
				}
			}
			ids = now
			if _, n := ts.counts(); n != len(list) {
				r.Fatalf("%d resources of %d", n, len(list))
			}
		}
	})
}

// nextList is a list that follows another: some resources go, change, come or move.
func nextList(r *rapid.T, list []*pluginsdk.Resource) (next []*pluginsdk.Resource) {
	there := map[string]bool{}
	for _, res := range list {
		switch rapid.IntRange(0, 5).Draw(r, "fate") {
		case 0:
			continue
		case 1:
			res = testResource(res.ID, rapid.SampledFrom([]string{"1", "2"}).Draw(r, "endpoint"))
		}
		there[res.ID] = true
		next = append(next, res)
	}
	for range rapid.IntRange(0, 4).Draw(r, "new") {
		if id := rapid.StringMatching("[a-h]").Draw(r, "id"); !there[id] {
			there[id] = true
			at := rapid.IntRange(0, len(next)).Draw(r, "at")
			next = slices.Insert(next, at, testResource(id, "1"))
		}
	}
	if rapid.Bool().Draw(r, "moved") {
		slices.Reverse(next)
	}
	return next
}

// What is known of failures goes with the task.
func TestFailuresAreForgotten(t *testing.T) {
	t.Parallel()
	ts := newTestTasks()
	a, b := testResource("a", "1"), testResource("b", "1")
	ts.setResources([]*pluginsdk.Resource{a, b})
	ts.setPlugins([]*plugin.Plugin{testPlugin(t, "all", `resource_class = "network"`, plugin.KindGo, time.Minute)})
	l := ts.plugins["all"]
	assert.True(t, ts.failures.failed(failureKey{l, a.Identity()}, 1))
	assert.False(t, ts.failures.failed(failureKey{l, a.Identity()}, 1))
	assert.True(t, ts.failures.failed(failureKey{l, a.Identity()}, 2))
	assert.True(t, ts.failures.failed(failureKey{l, b.Identity()}, 2))
	ts.setResources([]*pluginsdk.Resource{b})
	assert.Len(t, ts.failures.tasks, 1)
	ts.setPlugins(nil)
	assert.Empty(t, ts.failures.tasks)
}

func TestEveryOutcomeHasANextStep(t *testing.T) {
	t.Parallel()
	attrs := newPluginAttrs("p")
	for _, o := range run.Outcomes {
		assert.Contains(t, attrs.outcome, o)
		assert.NotEmpty(t, nextStep(run.Result{Outcome: o}, plugin.KindPython))
	}
	// What was waited for in vain is the resource's to answer for, and what had to give way had no place.
	waited := run.Result{Outcome: run.OutcomeRaised, Err: &run.PluginError{Type: "ConnectTimeout"}}
	assert.Contains(t, nextStep(waited, plugin.KindPython), "look at the resource")
	hung := run.Result{Outcome: run.OutcomeTimeout, Err: fmt.Errorf("no answer: %w", schedule.ErrGaveWay)}
	assert.Contains(t, nextStep(hung, plugin.KindExec), "the places for runs")
}

// A run that gave up its place counts as one that timed out, unless it had no worker yet.
func TestRunsThatGiveWay(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	result := run.Result{Outcome: run.OutcomeCanceled, Err: context.Canceled, Duration: 12 * time.Second}
	gaveWay(ctx, &result)
	assert.Equal(t, run.OutcomeCanceled, result.Outcome)
	cancel(schedule.ErrGaveWay)
	waiting, ended := run.Result{Outcome: run.OutcomeCanceled}, run.Result{Outcome: run.OutcomeOK, Duration: time.Minute}
	gaveWay(ctx, &waiting)
	gaveWay(ctx, &ended)
	assert.Equal(t, schedule.VerdictNone, verdict(waiting))
	assert.Equal(t, schedule.VerdictAlive, verdict(ended))
	gaveWay(ctx, &result)
	assert.Equal(t, schedule.VerdictDead, verdict(result))
	assert.EqualError(t, result.Err,
		"no answer after 12s, which is much longer than the plugin's runs take: the run gave up its place to others that waited")
}

func TestDropLogIsBounded(t *testing.T) {
	t.Parallel()
	var l dropLog
	assert.True(t, l.first(run.Drop{Group: "a", Reason: "invalid"}))
	assert.False(t, l.first(run.Drop{Group: "a", Reason: "invalid"}))
	for i := range 1000 {
		l.first(run.Drop{Group: fmt.Sprint(i)})
	}
	assert.Len(t, l.kinds, maxDropKinds)
}

func BenchmarkReload(b *testing.B) {
	var resources, changed []*pluginsdk.Resource
	for i := range 100_000 {
		resources = append(resources, testResource(fmt.Sprint(i), "1"))
		changed = append(changed, testResource(fmt.Sprint(i), "2"))
	}
	var plugins []*plugin.Plugin
	for i := range 10 {
		plugins = append(plugins, testPlugin(b, fmt.Sprint("plugin ", i), `resource_class = "network" AND resource_subclass IN ("switch", "router")`,
			plugin.KindGo, time.Minute))
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			ts := newTestTasks()
			ts.setPlugins(plugins)
			ts.setResources(resources)
		}
	})
	b.Run("all changed", func(b *testing.B) {
		ts := newTestTasks()
		ts.setPlugins(plugins)
		ts.setResources(resources)
		for b.Loop() {
			ts.setResources(changed)
			ts.setResources(resources)
		}
	})
}
