package report

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// Places that are short for half a minute are logged once a minute, with the setting that is short; where most tasks wait for
// them, the status is an error.
func TestCapacity(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.WarnLevel)
	logger := zap.New(core)
	c := capacity{}
	now := time.Unix(1_600_000_000, 0)
	look := func(tasks int, exec status.Places) error {
		now = now.Add(capacityEvery)
		return c.look([]status.Places{{Class: "go"}, exec}, tasks, now, logger)
	}
	full := status.Places{Class: "exec", Places: 32, Used: 32, Wanted: 90, Short: true, Setting: "processes::max_exec"}
	for range capacityLooks - 1 {
		require.NoError(t, look(100, full))
		require.Zero(t, logs.Len())
	}
	require.EqualError(t, look(100, full), "58 of 100 tasks are late, as all places for runs of exec plugins are taken: "+
		"raise processes::max_exec, or see which plugin's runs take long (panoptes top), or let plugins run less often")
	require.NoError(t, look(1000, full), "few of the tasks are late")
	require.Equal(t, 1, logs.Len())
	require.Equal(t, map[string]any{
		"class": "exec", "places": int64(32), "wanted": int64(90),
		"next": "raise processes::max_exec, or see which plugin's runs take long (panoptes top), or let plugins run less often",
	}, logs.All()[0].ContextMap())
	for range 5 {
		require.NoError(t, look(1000, full))
	}
	require.Equal(t, 2, logs.Len(), "once a minute")
	require.NoError(t, look(100, status.Places{Class: "exec", Places: 32, Used: 32, Wanted: 32}))
	require.NoError(t, look(100, full), "it begins anew")
	require.Equal(t, 2, logs.Len())
}

// A plugin that has no more places, though its class has, is told by its name. Runs that wait for both are counted once.
func TestCapacityOfOnePlugin(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.WarnLevel)
	c := capacity{}
	now := time.Unix(1_600_000_000, 0)
	own := status.Places{Class: "process", Plugin: "Slow", Places: 2, Used: 2, Wanted: 18, Short: true, Setting: "processes::per_plugin"}
	look := func(all ...status.Places) (err error) {
		for range capacityLooks {
			now = now.Add(capacityEvery)
			err = c.look(all, 20, now, zap.New(core))
		}
		return err
	}
	const next = "raise processes::per_plugin, or see why the plugin's runs take long, or let it run less often"
	require.EqualError(t, look(status.Places{Class: "process", Places: 256, Used: 2, Wanted: 18}, own),
		`16 of 20 tasks are late, as all places for runs of plugin "Slow" are taken: `+next)
	require.Equal(t, 1, logs.Len())
	require.Equal(t, map[string]any{"class": "process", "plugin": "Slow", "places": int64(2), "wanted": int64(18), "next": next}, logs.All()[0].ContextMap())
	require.ErrorContains(t, look(status.Places{Class: "process", Places: 256, Used: 256, Wanted: 272, Short: true, Setting: "max_concurrent_runs"}, own), "16 of 20")
	require.NoError(t, look(status.Places{Class: "process", Places: 256}))
	require.Empty(t, c, "what is not short any more is forgotten")
}
