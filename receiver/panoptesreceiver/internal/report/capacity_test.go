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
