//go:build unix

package runtimes

import (
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
)

// restarts counts what a Settings.Restarted is told.
type restarts struct {
	mu     sync.Mutex
	counts map[string]int
}

func (r *restarts) note(kind plugin.Kind, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[string]int{}
	}
	r.counts[string(kind)+" "+reason]++
}

func (r *restarts) seen() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts)
}

// TestRestartsAreCounted: each process that something went wrong with counts once, by what it was, and an end that is meant
// does not.
func TestRestartsAreCounted(t *testing.T) {
	t.Parallel()
	var got restarts
	r, err := New(Settings{Python: pythonWorkers(1), Host: Host{Restarted: got.note}})
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close(t.Context())) }()
	soon := plugin.OpenOptions{Deadline: 200 * time.Millisecond}
	for _, c := range []struct {
		plugin  *plugin.Plugin
		outcome run.Outcome
	}{
		{openPython(t, "raises", class("        raise RuntimeError('boom')"), plugin.OpenOptions{}), run.OutcomeRaised},
		{openPython(t, "killed", class("        os.kill(os.getpid(), 9)"), plugin.OpenOptions{}), run.OutcomeCrashed},
		{openPython(t, "exits", class("        os._exit(0)"), plugin.OpenOptions{}), run.OutcomeCrashed},
		{openPython(t, "sleeps", class("        time.sleep(1000)"), soon), run.OutcomeTimeout},
		{openProcess(t, "good"), run.OutcomeOK},
		{openProcess(t, "crashes for one"), run.OutcomeCrashed},
		{openFixture(t, "heeds cancel", soon, ""), run.OutcomeTimeout},
		{openFixture(t, "ignores TERM", soon, ""), run.OutcomeTimeout},
	} {
		require.Equal(t, c.outcome, runOnce(r, c.plugin, "bad").Outcome, c.plugin.Name())
	}
	want := map[string]int{"python crashed": 2, "python timeout": 1, "process crashed": 1, "process timeout": 1}
	assert.Eventually(t, func() bool { return maps.Equal(want, got.seen()) }, 20*time.Second, 5*time.Millisecond, "%v", got.seen())
	require.NoError(t, r.Close(t.Context()))
	assert.Equal(t, want, got.seen())
}
