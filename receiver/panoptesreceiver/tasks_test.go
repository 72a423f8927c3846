package panoptesreceiver

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/pluginrun"
	"github.com/panoptes-otel/panoptes-otel/internal/resourcefilter"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func newTestTasks() *tasks {
	s := schedule.New(schedule.Settings[target]{
		MaxConcurrent: 1, Classes: []int{1, 1},
		Run: func(context.Context, schedule.Run[target]) schedule.Verdict { return 0 }, Missed: func(target, int64) {},
	})
	return newTasks(s, newFailures(zap.NewNop()), LimitsConfig{PerResource: 2, PerEndpoint: 3}, zap.NewNop())
}

func testPlugin(t testing.TB, name, filter string, kind pluginrun.Kind, interval time.Duration) *pluginrun.Plugin {
	t.Helper()
	f, err := resourcefilter.Parse(filter)
	require.NoError(t, err)
	return &pluginrun.Plugin{
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
	all := testPlugin(t, "all", `resource_class = "network"`, pluginrun.KindGo, time.Minute)
	one := testPlugin(t, "one", `resource_id = "b"`, pluginrun.KindPython, time.Minute)
	never := testPlugin(t, "never", `resource_class = "network"`, pluginrun.KindGo, 0)

	ts.setPlugins([]*pluginrun.Plugin{all, never})
	ts.setResources([]*pluginsdk.Resource{a, b})
	assert.Equal(t, 2, ts.scheduler.Len())
	ts.setPlugins([]*pluginrun.Plugin{all, one, never})
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
	ts.setPlugins([]*pluginrun.Plugin{testPlugin(t, "all", `resource_id = "a"`, pluginrun.KindPython, time.Hour), one, never})
	assert.Equal(t, 1, ts.scheduler.Len())
	assert.Equal(t, id, ts.plugins["all"].tasks[ts.slots[moved.Identity()]])
	assert.Equal(t, 1, ts.plugins["all"].held)
	ts.setPlugins([]*pluginrun.Plugin{testPlugin(t, "all", `resource_id = "a"`, pluginrun.KindPython, 0), one, never})
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

// What is known of failures goes with the task.
func TestFailuresAreForgotten(t *testing.T) {
	t.Parallel()
	ts := newTestTasks()
	a, b := testResource("a", "1"), testResource("b", "1")
	ts.setResources([]*pluginsdk.Resource{a, b})
	ts.setPlugins([]*pluginrun.Plugin{testPlugin(t, "all", `resource_class = "network"`, pluginrun.KindGo, time.Minute)})
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
	for _, o := range pluginrun.Outcomes {
		assert.Contains(t, attrs.outcome, o)
		assert.NotEmpty(t, nextStep(o, pluginrun.KindPython))
	}
}

func TestDropLogIsBounded(t *testing.T) {
	t.Parallel()
	var l dropLog
	assert.True(t, l.first(pluginrun.Drop{Group: "a", Reason: "invalid"}))
	assert.False(t, l.first(pluginrun.Drop{Group: "a", Reason: "invalid"}))
	for i := range 1000 {
		l.first(pluginrun.Drop{Group: fmt.Sprint(i)})
	}
	assert.Len(t, l.kinds, maxDropKinds)
}

func BenchmarkReload(b *testing.B) {
	var resources, changed []*pluginsdk.Resource
	for i := range 100_000 {
		resources = append(resources, testResource(fmt.Sprint(i), "1"))
		changed = append(changed, testResource(fmt.Sprint(i), "2"))
	}
	var plugins []*pluginrun.Plugin
	for i := range 10 {
		plugins = append(plugins, testPlugin(b, fmt.Sprint("plugin ", i), `resource_class = "network" AND resource_subclass IN ("switch", "router")`,
			pluginrun.KindGo, time.Minute))
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
