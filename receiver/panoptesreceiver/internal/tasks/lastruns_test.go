package tasks

import (
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
	require.Error(t, lifeSigns{none}.Restore([]state.Record{{Key: "a", Value: []byte("1")}}))
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
	ts.SetPlugins([]*plugin.Plugin{p})
	ts.SetResources([]*pluginsdk.Resource{before})
	ts.SetResources([]*pluginsdk.Resource{after})
	assert.Equal(t, map[taskName]int64{name(after): last.UnixMilli()}, ts.runs.begun)
	assert.Equal(t, map[taskName]struct{}{name(before): {}}, ts.runs.gone)

	young := testResource("b", "1")
	ts.SetResources([]*pluginsdk.Resource{after, young})
	ts.SetResources([]*pluginsdk.Resource{after, testResource("b", "2")})
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
