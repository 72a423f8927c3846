package panoptesreceiver

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/state"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// reborn hands the state of one process to the next, by way of the storage's records.
func reborn(t require.TestingT, before *lastRuns, stored map[string]map[string]state.Record) *lastRuns {
	for name, source := range before.sources() {
		if stored[name] == nil {
			stored[name] = map[string]state.Record{}
		}
		changed, gone := source.Changes()
		for _, r := range changed {
			stored[name][r.Key] = r
		}
		for _, key := range gone {
			delete(stored[name], key)
		}
	}
	after := newLastRuns()
	for name, source := range after.sources() {
		var records []state.Record
		for _, r := range stored[name] {
			records = append(records, r)
		}
		require.NoError(t, source.Restore(records))
	}
	return after
}

func TestForgottenTasks(t *testing.T) {
	t.Parallel()
	stored := map[string]map[string]state.Record{}
	runs := newLastRuns()
	require.NoError(t, firstRuns{runs}.Restore(nil))
	runs.began(nameOf([]byte("a")), time.Now())
	runs.began(nameOf([]byte("b")), time.Now())
	runs = reborn(t, runs, stored)
	assert.Len(t, runs.known, 2)
	assert.False(t, runs.last(nameOf([]byte("a")), time.Minute).IsZero())
	runs.forget(nameOf([]byte("a")))
	runs = reborn(t, runs, stored)
	assert.Len(t, runs.known, 1)
	assert.True(t, runs.last(nameOf([]byte("a")), time.Minute).IsZero())
	runs.now = func() time.Time { return time.Now().Add(2 * keepUnclaimed) }
	runs = reborn(t, runs, stored)
	assert.Empty(t, runs.known, "what does not come back is forgotten")

	none := newLastRuns()
	none.began(nameOf([]byte("a")), time.Now())
	none.forget(nameOf([]byte("a")))
	assert.Empty(t, none.begun)
	assert.Empty(t, none.gone, "without a storage nothing is gathered")
	require.Error(t, firstRuns{none}.Restore([]state.Record{{Key: "x y", Value: []byte("1")}}))
	require.Error(t, resultTimes{none}.Restore([]state.Record{{Key: "a", Value: []byte("1")}}))
	require.Error(t, life{none}.Restore([]state.Record{{Key: "a", Value: []byte("1")}}))
}

// A process that was killed may have run what was due just after its last sign of life; what was due later is not lost.
func TestKilledProcess(t *testing.T) {
	t.Parallel()
	name, interval := nameOf([]byte("task")), time.Minute
	now := time.Unix(1_700_000_000, 0)
	runs := newLastRuns()
	runs.now = func() time.Time { return now }
	require.NoError(t, firstRuns{runs}.Restore(nil))
	slot := schedule.LastSlot(name.hash, interval, now.Add(-time.Hour), now)
	last := func(alive time.Time, clean bool) time.Time {
		runs.known[name], runs.alive, runs.clean = slot.Add(-30*interval).UnixMilli(), alive, clean
		return runs.last(name, interval)
	}
	assert.Equal(t, slot, last(slot.Add(-time.Second), false), "it may have run")
	assert.Equal(t, slot.Add(-interval), last(slot.Add(-time.Second), true), "it did not, as the end was written")
	assert.Equal(t, slot.Add(-interval), last(slot.Add(-3*time.Second), false))
	assert.Equal(t, slot, last(slot, true))
}

// A resource that gets another endpoint gives its tasks other names: a task that ran goes on from its last slot, one that
// has not run begins anew.
func TestRenamedTasks(t *testing.T) {
	t.Parallel()
	ts := newTestTasks()
	require.NoError(t, firstRuns{ts.runs}.Restore(nil))
	p := testPlugin(t, "all", `resource_class = "network"`, plugin.KindGo, time.Hour)
	before, after := testResource("a", "1"), testResource("a", "2")
	name := func(r *pluginsdk.Resource) taskName { return nameOf(pluginfile.AppendTaskName(nil, p.File, r)) }
	last := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	ts.runs.known[name(before)], ts.runs.alive = last.UnixMilli(), last
	ts.setPlugins([]*plugin.Plugin{p})
	ts.setResources([]*pluginsdk.Resource{before})
	ts.setResources([]*pluginsdk.Resource{after})
	assert.Equal(t, map[taskName]int64{name(after): last.UnixMilli()}, ts.runs.begun)
	assert.Equal(t, map[taskName]struct{}{name(before): {}}, ts.runs.gone)

	young := testResource("b", "1")
	ts.setResources([]*pluginsdk.Resource{after, young})
	ts.setResources([]*pluginsdk.Resource{after, testResource("b", "2")})
	assert.Len(t, ts.runs.begun, 1)
	assert.Contains(t, ts.runs.gone, name(young))
}

// results_cache_age keeps a plugin from running while its last results are young, also over a restart, unless it changed.
func TestResultsCacheAge(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	p := &plugin.Plugin{File: &pluginfile.File{ResultsCacheAge: 100}, Version: "1"}
	stored := map[string]map[string]state.Record{}
	runs := newLastRuns()
	runs.now = func() time.Time { return now }
	name := nameOf([]byte("a"))
	assert.False(t, runs.cached(p, name))
	runs.had(p, name, now)
	now = now.Add(98 * time.Second)
	assert.True(t, runs.cached(p, name))
	after := reborn(t, runs, stored)
	after.now = runs.now
	assert.True(t, after.cached(p, name))
	assert.False(t, after.cached(&plugin.Plugin{File: p.File, Version: "2"}, name), "another version runs")
	now = now.Add(time.Second)
	assert.False(t, after.cached(p, name), "one second early, as in Panoptes")
	now = now.Add(-time.Hour)
	assert.False(t, after.cached(p, name), "the clock was set back")
	plain := &plugin.Plugin{File: &pluginfile.File{}}
	after.had(plain, nameOf([]byte("b")), now)
	assert.Len(t, after.results, 1)
	after.forget(name)
	assert.Empty(t, reborn(t, after, stored).results)
}

// A plugin with cached results is skipped and counted; tasks are known again after a restart.
func TestTasksSurviveARestart(t *testing.T) {
	t.Parallel()
	d := &disk{data: map[string][]byte{}}
	runs := make(chan string, 1000)
	for life := range 2 {
		b := newBench(t)
		b.store(d)
		b.plugins["noted"] = pluginsdk.PollingPluginFunc(func(ctx context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
			runs <- fmt.Sprint(life)
			return gauge(one).Run(ctx, pc)
		})
		b.write("plugins/often.panoptes-plugin", conf("often", "go:noted"))
		b.write("plugins/cached.panoptes-plugin", conf("cached", "go:noted")+"results_cache_age = 3600\n")
		b.start()
		if life == 0 {
			b.until("a run of cached", func(p point) bool { return p.scope == "panoptes/cached" })
		}
		for b.sum("panoptes_skipped_runs", "plugin=cached", "reason=cached") < 2 {
			b.until("another run of often", func(p point) bool { return p.scope == "panoptes/often" })
		}
		if life == 1 {
			assert.Zero(t, b.sum("panoptes_runs", "plugin=cached"), "its results are those of the first life")
			known := b.receiver.(*instance).receiver.tasks.runs
			known.mu.Lock()
			assert.Empty(t, known.known, "all tasks came back")
			assert.Empty(t, known.begun, "and ran before")
			known.mu.Unlock()
		}
		b.stop()
		assert.Len(t, storedTasks(t, d), 2, "of both tasks it is stored when they ran first")
	}
}

// storedTasks are the records of tasks that a storage holds.
func storedTasks(t *testing.T, d *disk) map[string]int64 {
	t.Helper()
	runs := newLastRuns()
	_, damage, err := state.Open(t.Context(), d, map[string]state.Source{sectionTasks: firstRuns{runs}})
	require.NoError(t, err)
	require.Empty(t, damage)
	stored := map[string]int64{}
	for name, slot := range runs.known {
		stored[name.String()] = slot
	}
	return stored
}

// A task that ran before a restart keeps its place: its next run is in the interval that follows, not soon as that of a
// task which has never run.
func TestTasksKeepTheirPlaceOverARestart(t *testing.T) {
	t.Parallel()
	res := &pluginsdk.Resource{
		Site: "local", Class: "system", Subclass: "host", Type: "generic", ID: "localhost", Endpoint: "127.0.0.1", Plugin: "p",
	}
	name := ""
	for i := 0; name == "" || schedule.Hash([]byte(pluginfile.TaskName(&pluginfile.File{NormalizedName: name}, res)))%60 != 2; i++ {
		name = fmt.Sprintf("hourly%d", i) // one whose first run comes two seconds after the start
	}
	d := &disk{data: map[string][]byte{}}
	start := func() *bench {
		b := newBench(t)
		b.store(d)
		b.plugins["one"] = gauge(one)
		b.write("plugins/hourly.panoptes-plugin", strings.Replace(conf(name, "go:one"), "execute_frequency = 1\n", "execute_frequency = 3600\n", 1))
		b.start()
		return b
	}
	b := start()
	b.until("the first run", func(point) bool { return true })
	ran := time.Now()
	b.stop()

	next := start()
	scheduler := next.receiver.(*instance).receiver.scheduler
	require.Eventually(t, func() bool { return scheduler.Len() == 1 }, patience, time.Millisecond)
	scheduler.Glances(func(task schedule.Glance[target]) bool {
		assert.Greater(t, task.Due, ran.Add(29*time.Minute), "half an interval or more after the first run")
		return true
	})
}
