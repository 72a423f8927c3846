package panoptesreceiver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// flood is a plugin against many resources, as failures sees it.
type flood struct {
	*failures
	logs    *observer.ObservedLogs
	targets []target
	version *version
}

func newFlood(n int) *flood {
	core, logs := observer.New(zap.DebugLevel)
	f := &flood{failures: newFailures(zap.New(core)), logs: logs}
	l := &loaded{name: "Poll"}
	for i := range n {
		f.targets = append(f.targets, target{l, &pluginsdk.Resource{Site: "dc1", ID: fmt.Sprintf("device-%c%d", 'a'+i%26, i)}})
	}
	f.version = &version{plugin: &plugin.Plugin{Kind: plugin.KindPython, Version: "1", Interval: time.Minute}}
	return f
}

// round notes a run against each resource.
func (f *flood) round(o run.Outcome, err error) {
	for _, t := range f.targets {
		result := run.Result{Outcome: o}
		if err != nil {
			result.Err = fmt.Errorf("plugin %q: resource %q: %w", t.plugin.name, t.resource.ID, err)
		}
		f.note(t, f.version, result)
	}
}

// TestFloodOfFailures: ten thousand devices that fail, again and again and in turn, are some lines.
func TestFloodOfFailures(t *testing.T) {
	t.Parallel()
	const devices = 10_000
	synctest.Test(t, func(t *testing.T) {
		f := newFlood(devices)
		for round := range 10 {
			f.round(run.OutcomeRaised, &run.PluginError{Type: "SNMPTimeout", Message: fmt.Sprint("no answer in round ", round)})
			<-time.After(time.Minute)
		}
		synctest.Wait()
		lines := f.logs.TakeAll()
		require.Len(t, lines, 2, "failing on says nothing")
		first := lines[0].ContextMap()
		assert.Equal(t, "Poll", first["plugin"])
		assert.Equal(t, "device-a0", first["resource"])
		assert.Equal(t, "raised", first["outcome"])
		assert.Contains(t, first["error"], "no answer in round")
		assert.Contains(t, first["next"], "look at the resource")
		assert.NotContains(t, first, "others")
		second := lines[1].ContextMap()
		assert.EqualValues(t, devices-2, second["others"])
		assert.EqualValues(t, devices, second["failing_resources"])
		assert.Equal(t, time.Minute, lines[1].Time.Sub(lines[0].Time))

		f.round(run.OutcomeOK, nil)
		<-time.After(time.Minute)
		synctest.Wait()
		lines = f.logs.TakeAll()
		require.Len(t, lines, 2, "that they are well again is told once, and not for each")
		assert.Equal(t, "Plugin runs again", lines[1].Message)
		assert.EqualValues(t, devices-2, lines[1].ContextMap()["others"])
		assert.EqualValues(t, 0, lines[1].ContextMap()["failing_resources"])

		for range 10 { // flapping, and in two ways
			f.round(run.OutcomeTimeout, errors.New("too late"))
			f.round(run.OutcomeCrashed, errors.New("gone"))
			f.round(run.OutcomeOK, nil)
			<-time.After(time.Minute)
		}
		f.stop()
		assert.LessOrEqual(t, f.logs.Len(), 10*3*2, "each cause has a line a minute, and one for the first")
	})
}

// TestNewVersionIsHeardAtOnce: whoever fixes a plugin sees whether it helped.
func TestNewVersionIsHeardAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFlood(2)
		defer f.stop()
		f.round(run.OutcomeRaised, errors.New("one"))
		assert.Equal(t, 1, f.logs.Len())
		f.version = &version{plugin: &plugin.Plugin{Version: "2"}}
		f.round(run.OutcomeRaised, errors.New("another"))
		assert.Equal(t, 2, f.logs.Len())
	})
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
