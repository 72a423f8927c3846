package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/report"
)

// anyRunner takes any number of runs.
type anyRunner struct{}

func (anyRunner) Concurrency(*plugin.Plugin) (most int, own bool) { return 0, false }

func (anyRunner) Retire(*plugin.Plugin) {}

func newTestTasks() *Tasks {
	return New(Settings{
		Scheduler: schedule.New(schedule.Settings[Target]{
			MaxConcurrent: 1, Classes: []schedule.Class{{Places: 1}, {Places: 1}},
			Run: func(context.Context, schedule.Run[Target]) schedule.Result { return schedule.Result{} }, Missed: func(Target, int64) {},
		}),
		Report: report.New(nil, zap.NewNop(), 0, 0), Runner: anyRunner{}, PerResource: 2, PerEndpoint: 3, Logger: zap.NewNop(),
	})
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

	ts.SetPlugins([]*plugin.Plugin{all, never})
	ts.SetResources([]*pluginsdk.Resource{a, b})
	assert.Equal(t, 2, ts.scheduler.Len())
	ts.SetPlugins([]*plugin.Plugin{all, one, never})
	assert.Equal(t, 3, ts.scheduler.Len())
	id := ts.plugins["all"].tasks[ts.slots[a.Identity()]]

	// A resource that changes keeps its task; one that goes leaves its slot to the next.
	moved := testResource("a", "2")
	ts.SetResources([]*pluginsdk.Resource{moved, c})
	assert.Equal(t, 2, ts.scheduler.Len())
	assert.Equal(t, id, ts.plugins["all"].tasks[ts.slots[moved.Identity()]])
	assert.Len(t, ts.resources, 2)
	assert.Equal(t, 1, ts.endpoints["1"].resources)
	assert.Equal(t, 1, ts.endpoints["2"].resources)

	// So does a plugin; a filter or an interval that changes adds and removes tasks.
	ts.SetPlugins([]*plugin.Plugin{testPlugin(t, "all", `resource_id = "a"`, plugin.KindPython, time.Hour), one, never})
	assert.Equal(t, 1, ts.scheduler.Len())
	assert.Equal(t, id, ts.plugins["all"].tasks[ts.slots[moved.Identity()]])
	assert.Equal(t, 1, ts.plugins["all"].held)
	ts.SetPlugins([]*plugin.Plugin{testPlugin(t, "all", `resource_id = "a"`, plugin.KindPython, 0), one, never})
	assert.Zero(t, ts.scheduler.Len())
	ts.SetResources([]*pluginsdk.Resource{a, b, c})
	assert.Equal(t, 1, ts.scheduler.Len())
	ts.SetPlugins(nil)
	assert.Zero(t, ts.scheduler.Len())
	plugins, resources := ts.Counts()
	assert.Zero(t, plugins)
	assert.Equal(t, 3, resources)
	assert.Equal(t, 3, ts.endpoints["1"].resources)
	ts.SetResources(nil)
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
		ts.SetPlugins(plugins)
		ids := map[pluginsdk.Identity]schedule.ID{}
		var list []*pluginsdk.Resource
		for range rapid.IntRange(1, 8).Draw(r, "lists") {
			list = nextList(r, list)
			ts.SetResources(list)
			want := map[Target]bool{}
			for _, res := range list {
				want[Target{ts.plugins["all"], res}] = true
				if res.Endpoint == "1" {
					want[Target{ts.plugins["some"], res}] = true
				}
			}
			now := map[pluginsdk.Identity]schedule.ID{}
			ts.scheduler.Glances(func(g schedule.Glance[Target]) bool {
				if !want[g.Value] {
					r.Fatalf("there is a task of %s against %v", g.Value.Plugin.Name(), g.Value.Resource)
				}
				delete(want, g.Value)
				if g.Value.Plugin.Name() == "all" {
					now[g.Value.Resource.Identity()] = g.Task
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
			if _, n := ts.Counts(); n != len(list) {
				r.Fatalf("%d resources of %d", n, len(list))
			}
		}
	})
}

// nextList is a list that follows another: some resources go, change, come or move.
func nextList(r *rapid.T, list []*pluginsdk.Resource) (next []*pluginsdk.Resource) {
	there := map[string]bool{}
	for _, res := range list {
		switch rapid.IntRange(0, 5).Draw(r, "change") {
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

// However shards come and go while lists change, there is one task for each owned resource.
func TestTasksFollowShards(t *testing.T) {
	t.Parallel()
	const shards = 16
	rapid.Check(t, func(r *rapid.T) {
		ts := newTestTasks()
		ts.Share(shards, false, func(string) {}, func() {})
		ts.SetPlugins([]*plugin.Plugin{testPlugin(t, "all", `resource_class = "network"`, plugin.KindGo, time.Minute)})
		owned := map[int]bool{}
		var list []*pluginsdk.Resource
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			some := rapid.SliceOfNDistinct(rapid.IntRange(0, shards-1), 1, 6, rapid.ID).Draw(r, "shards")
			switch rapid.IntRange(0, 2).Draw(r, "step") {
			case 0:
				list = nil
				for i := range rapid.IntRange(0, 20).Draw(r, "resources") {
					if rapid.Bool().Draw(r, "there") {
						list = append(list, testResource(fmt.Sprint(i), rapid.SampledFrom([]string{"1", "2"}).Draw(r, "endpoint")))
					}
				}
				ts.SetResources(list)
			case 1:
				for _, n := range some {
					owned[n] = true
					ts.Take(shard.Taken{Shard: n, Tenure: "t"}, Moved{})
				}
				ts.Own(some)
			case 2:
				for _, n := range some {
					delete(owned, n)
				}
				ts.Drop(some)
			}
			want := map[*pluginsdk.Resource]bool{}
			for _, res := range list {
				if owned[shard.Of(res.ID, shards)] {
					want[res] = true
				}
			}
			ts.scheduler.Glances(func(g schedule.Glance[Target]) bool {
				if !want[g.Value.Resource] {
					r.Fatalf("there is a task against %v", g.Value.Resource)
				}
				delete(want, g.Value.Resource)
				return true
			})
			if len(want) > 0 {
				r.Fatalf("there is no task against %v", want)
			}
		}
	})
}

// What is known of failures goes with the task: where it comes again, a failure is news.
func TestFailuresAreForgotten(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.ErrorLevel)
	telemetry, err := metadata.NewTelemetryBuilder(componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	ts := newTestTasks()
	ts.settings.Report = report.New(telemetry, zap.New(core), 0, 0)
	a := testResource("a", "1")
	all := testPlugin(t, "all", `resource_class = "network"`, plugin.KindGo, time.Minute)
	ts.SetPlugins([]*plugin.Plugin{all})
	fail := func() {
		ts.settings.Report.Ended(t.Context(), &report.Subject{Plugin: ts.plugins["all"].Report, Version: all, Resource: a},
			&run.Result{Outcome: run.OutcomeRaised, Err: errors.New("no answer")})
	}
	ts.SetResources([]*pluginsdk.Resource{a})
	fail()
	fail()
	ts.SetResources(nil)
	ts.SetResources([]*pluginsdk.Resource{a})
	fail()
	ts.SetPlugins(nil)
	ts.SetPlugins([]*plugin.Plugin{all})
	fail()
	ts.settings.Report.Stop()
	require.Equal(t, 2, logs.Len(), "the rest is in one line")
	assert.EqualValues(t, 1, logs.All()[1].ContextMap()["others"])
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
			ts.SetPlugins(plugins)
			ts.SetResources(resources)
		}
	})
	b.Run("all changed", func(b *testing.B) {
		ts := newTestTasks()
		ts.SetPlugins(plugins)
		ts.SetResources(resources)
		for b.Loop() {
			ts.SetResources(changed)
			ts.SetResources(resources)
		}
	})
}
