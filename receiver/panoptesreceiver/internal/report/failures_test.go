package report

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	logging "github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// flood is a plugin against many resources, as failures sees it.
type flood struct {
	*failures
	logs    *observer.ObservedLogs
	targets []*Subject
	version *plugin.Plugin
}

func newFlood(n int) *flood {
	core, logs := observer.New(zap.DebugLevel)
	f := &flood{failures: newFailures(zap.New(core), logging.NewDigest()), logs: logs}
	p := &Plugin{Name: "Poll"}
	for i := range n {
		f.targets = append(f.targets, &Subject{Plugin: p, Resource: &pluginsdk.Resource{Site: "dc1", ID: fmt.Sprintf("device-%c%d", 'a'+i%26, i)}})
	}
	f.version = &plugin.Plugin{Kind: plugin.KindPython, Version: "1", Interval: time.Minute}
	return f
}

// round notes a run against each resource.
func (f *flood) round(o run.Outcome, err error) {
	for _, s := range f.targets {
		s.Version = f.version
		result := run.Result{Outcome: o}
		if err != nil {
			result.Err = fmt.Errorf("plugin %q: resource %q: %w", s.Plugin.Name, s.Resource.ID, err)
		}
		f.note(s, &result)
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
		f.digest.Stop()
		assert.LessOrEqual(t, f.logs.Len(), 10*3*2, "each cause has a line a minute, and one for the first")
	})
}

// TestNewVersionIsHeardAtOnce: whoever fixes a plugin sees whether it helped.
func TestNewVersionIsHeardAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFlood(2)
		defer f.digest.Stop()
		f.round(run.OutcomeRaised, errors.New("one"))
		assert.Equal(t, 1, f.logs.Len())
		f.version = &plugin.Plugin{Version: "2"}
		f.round(run.OutcomeRaised, errors.New("another"))
		assert.Equal(t, 2, f.logs.Len())
	})
}

func TestFailuresAreForgotten(t *testing.T) {
	t.Parallel()
	r := New(nil, zap.NewNop(), 0, 0)
	a, b := failureKey{&Plugin{Name: "all"}, pluginsdk.Identity{ID: "a"}}, failureKey{}
	b.plugin, b.resource.ID = a.plugin, "b"
	assert.True(t, r.failures.failed(a, 1))
	assert.False(t, r.failures.failed(a, 1))
	assert.True(t, r.failures.failed(a, 2))
	assert.True(t, r.failures.failed(b, 2))
	r.Forget(a.plugin, a.resource)
	assert.Len(t, r.failures.tasks, 1)
	r.ForgetPlugin(b.plugin)
	assert.Empty(t, r.failures.tasks)
}

func TestEveryOutcomeHasANextStep(t *testing.T) {
	t.Parallel()
	attrs := newPluginAttrs("p")
	for _, o := range run.Outcomes {
		assert.Contains(t, attrs.outcome, o)
		assert.NotEmpty(t, nextStep(&run.Result{Outcome: o}, plugin.KindPython))
	}
	// What was waited for in vain is the resource's to answer for, and what had to give way had no place.
	waited := run.Result{Outcome: run.OutcomeRaised, Err: &run.PluginError{Type: "ConnectTimeout"}}
	assert.Contains(t, nextStep(&waited, plugin.KindPython), "look at the resource")
	hung := run.Result{Outcome: run.OutcomeTimeout, Err: fmt.Errorf("no answer: %w", schedule.ErrGaveWay)}
	assert.Contains(t, nextStep(&hung, plugin.KindExec), "the places for runs")
}

func TestDropsAreBounded(t *testing.T) {
	t.Parallel()
	var l Drops
	assert.True(t, l.first(run.Drop{Group: "a", Reason: "invalid"}))
	assert.False(t, l.first(run.Drop{Group: "a", Reason: "invalid"}))
	for i := range 1000 {
		l.first(run.Drop{Group: fmt.Sprint(i)})
	}
	assert.Len(t, l.kinds, maxDropKinds)
}
