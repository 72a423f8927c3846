package panoptesreceiver

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

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

// TestFleetThatFails: ten thousand resources that fail in each of several rounds are some lines in the whole of the
// receiver's log.
func TestFleetThatFails(t *testing.T) {
	t.Parallel()
	const devices, rounds = 10_000, 3
	b := newBench(t)
	b.lines = make(chan string, 10*devices*rounds) // a flood must not hang the test
	all := make([]string, devices)
	for i := range all {
		all[i] = resourceJSON(fmt.Sprintf("device-%c%d", 'a'+i%26, i))
	}
	b.write("resources/one.json", "["+strings.Join(all, ",")+"]")
	b.plugins["fails"] = pluginsdk.PollingPluginFunc(func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		return nil, fmt.Errorf("connect to %s: no route to host", pc.Resource.ID)
	})
	b.write("plugins/fails.panoptes-plugin", conf("Fails", "go:fails"))
	b.start()
	require.Eventually(t, func() bool { return b.sum("panoptes_runs", "outcome=raised") >= devices*rounds }, patience, 50*time.Millisecond)
	require.NoError(t, b.receiver.Shutdown(t.Context()))
	told, others := 0, int64(0)
	for _, e := range b.logs.All() {
		if e.Level >= zap.InfoLevel {
			told++
		}
		n, _ := e.ContextMap()["others"].(int64)
		others += n
	}
	assert.Less(t, told, 30)
	assert.Positive(t, others, "the others are counted")
}
