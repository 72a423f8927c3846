package panoptesreceiver

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/state"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/tasks"
)

// A plugin with cached results is skipped and counted; tasks are known again after a restart.
func TestTasksSurviveARestart(t *testing.T) {
	t.Parallel()
	d := &disk{data: map[string][]byte{}}
	runs := make(chan string, 1000)
	var stored map[string]string
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
		}
		b.stop()
		before := stored
		stored = storedTasks(t, d)
		assert.Len(t, stored, 2, "of both tasks it is stored when they ran first")
		if life == 1 {
			assert.Equal(t, before, stored, "both came back, and had run before")
		}
	}
}

// storedTasks are the records of tasks that a storage holds.
func storedTasks(t *testing.T, d *disk) map[string]string {
	t.Helper()
	stored := section{}
	_, damage, err := state.Open(t.Context(), d, map[string]state.Source{"tasks": stored})
	require.NoError(t, err)
	require.Empty(t, damage)
	return stored
}

// section is a section of a storage.
type section map[string]string

func (s section) Restore(records []state.Record) error {
	for _, r := range records {
		s[r.Key] = string(r.Value)
	}
	return nil
}

func (s section) Changes() (changed []state.Record, gone []string) { return nil, nil }

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
	scheduler.Glances(func(task schedule.Glance[tasks.Target]) bool {
		assert.Greater(t, task.Due, ran.Add(29*time.Minute), "half an interval or more after the first run")
		return true
	})
}
