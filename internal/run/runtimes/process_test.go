//go:build unix

package runtimes

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program"
)

// openProcess is a process plugin of the fixture's.
func openProcess(t *testing.T, mode string) *plugin.Plugin {
	t.Helper()
	return openFixture(t, mode, plugin.OpenOptions{}, "")
}

func pidOf(t *testing.T, result run.Result) string {
	t.Helper()
	require.NoError(t, result.Err)
	require.NotEmpty(t, result.Groups)
	return dimensions(result.Groups[0])["pid"]
}

func TestProcess(t *testing.T) {
	t.Parallel()
	r := newRunners(t, Settings{})
	p := openProcess(t, "good")
	require.NoError(t, checked(r, p))
	first := runOnce(r, p, "a")
	pid := pidOf(t, first)
	require.Len(t, first.Groups, 2)
	assert.Equal(t, 60, first.Groups[0].Interval)
	assert.Equal(t, "a", first.Groups[1].Resource.ID)
	for range 20 {
		assert.Equal(t, pid, pidOf(t, runOnce(r, p, "b")), "the process lives on")
	}
	assert.False(t, r.Busy(p, testResource("a")))
}

func TestProcessOutcomes(t *testing.T) {
	t.Parallel()
	r := newRunners(t, Settings{})
	for _, c := range []struct {
		mode    string
		outcome run.Outcome
		groups  int
		drops   []string
		err     string
	}{
		{"none", run.OutcomeNone, 0, nil, ""},
		{"raises", run.OutcomeRaised, 0, nil, "Oops: it broke"},
		{"refuses", run.OutcomeRaised, 0, nil, "the plugin answered run with an error: not today (code -1)"},
		{"bad groups", run.OutcomeOK, 1, []string{run.DropInvalid, run.DropInvalid, run.DropDuplicate}, ""},
		{"exits at once", run.OutcomeUnavailable, 0, nil, "it ended before it was ready: exit status 3; it said: no good"},
		{"old protocol", run.OutcomeRejected, 0, nil, "it speaks version 0 of the plugin protocol, version 1 is needed"},
		{"exits in a run", run.OutcomeCrashed, 0, nil, "the process of the plugin ended in the middle of the run: exit status 7; it said: goodbye"},
		{"invalid UTF-8", run.OutcomeProtocol, 0, nil, "line is no UTF-8"},
		{"text between", run.OutcomeProtocol, 0, nil, `line is no JSON`},
		{"answers 100 MB", run.OutcomeTooLarge, 0, nil, "line of 104857"},
		{"answers twice", run.OutcomeOK, 1, nil, ""},
		{"closes stdin", run.OutcomeOK, 1, nil, ""},
		{"closes stdout", run.OutcomeCrashed, 0, nil, "it closed the stream of the plugin protocol"},
		{"floods stdout", run.OutcomeProtocol, 0, nil, "line is no JSON"},
	} {
		t.Run(c.mode, func(t *testing.T) {
			t.Parallel()
			result := runOnce(r, openProcess(t, c.mode), "id")
			assert.Equal(t, c.outcome, result.Outcome, "%v", result.Err)
			assert.Len(t, result.Groups, c.groups)
			var drops []string
			for _, d := range result.Dropped {
				drops = append(drops, d.Reason)
			}
			assert.Equal(t, c.drops, drops)
			if c.err != "" {
				assert.ErrorContains(t, result.Err, c.err)
				assert.ErrorContains(t, result.Err, fmt.Sprintf("plugin %q: resource %q: ", c.mode, "id"))
			}
		})
	}
}

func TestProcessLogs(t *testing.T) {
	t.Parallel()
	logger, logs := logged(t)
	r := newRunners(t, Settings{Host: Host{Logger: logger}})
	require.NoError(t, runOnce(r, openProcess(t, "logs"), "id").Err)
	entry := logs.FilterMessage("about id").All()
	require.Len(t, entry, 1)
	assert.Equal(t, zap.WarnLevel, entry[0].Level)
	assert.Equal(t, "id", entry[0].ContextMap()["resource_id"])
	assert.Eventually(t, func() bool {
		return logs.FilterMessage("to stderr").FilterField(zap.String("plugin", "logs")).Len() == 1
	},
		20*time.Second, 5*time.Millisecond)
}

func TestProcessAsksHost(t *testing.T) {
	t.Parallel()
	store := kv.NewStore(kv.Options{}).Namespace(kv.PluginsNamespace)
	require.NoError(t, store.Set(context.Background(), "there", "its value", 0))
	r := newRunners(t, Settings{Host: Host{KV: store}})
	result := runOnce(r, openProcess(t, "kv"), "id")
	require.NoError(t, result.Err)
	assert.Equal(t, `{"value":"its value"}`, dimensions(result.Groups[0])["answer"])
}

// TestProcessConcurrency: a plugin that says so has all its runs in one process, at once; another has a few processes.
func TestProcessConcurrency(t *testing.T) {
	t.Parallel()
	logger, logs := logged(t)
	r := newRunners(t, Settings{Programs: program.Settings{PerPlugin: 3}, Host: Host{Logger: logger}})
	for mode, most := range map[string]int{"concurrent": 1, "good": 3} {
		p := openProcess(t, mode)
		var wg sync.WaitGroup
		results := make([]run.Result, 8)
		for i := range results {
			wg.Go(func() { results[i] = runOnce(r, p, fmt.Sprint(i)) })
		}
		wg.Wait()
		pids := map[string]bool{}
		for _, result := range results {
			pids[pidOf(t, result)] = true
		}
		assert.LessOrEqual(t, len(pids), most, mode)
	}
	for i := range 8 {
		lines := logs.FilterMessage(fmt.Sprintf("waits with %d", i)).FilterField(zap.String("logger", "door"))
		require.Equal(t, 1, lines.Len())
		assert.Equal(t, fmt.Sprint(i), lines.All()[0].ContextMap()["resource_id"], "each line is of its run")
	}
}

// TestProcessCrashHurtsOneRun: the plugin's other runs have a new process.
func TestProcessCrashHurtsOneRun(t *testing.T) {
	t.Parallel()
	r := newRunners(t, Settings{})
	p := openProcess(t, "crashes for one")
	for range 3 {
		require.NoError(t, runOnce(r, p, "fine").Err)
		result := runOnce(r, p, "bad")
		assert.Equal(t, run.OutcomeCrashed, result.Outcome)
		assert.ErrorContains(t, result.Err, "signal: killed; it said: segfault")
	}
	require.NoError(t, runOnce(r, p, "fine").Err)
}

// TestProcessTimeout: past its deadline a run is over; one that heeds the cancel costs no process, another does.
func TestProcessTimeout(t *testing.T) {
	t.Parallel()
	logger, logs := logged(t)
	r := newRunners(t, Settings{Host: Host{Logger: logger}})
	for mode, starts := range map[string]int{"heeds cancel": 1, "half a line and hangs": 2, "ignores TERM": 2} {
		p := openFixture(t, mode, plugin.OpenOptions{Deadline: 200 * time.Millisecond}, "")
		for range 2 {
			result := runOnce(r, p, "id")
			assert.Equal(t, run.OutcomeTimeout, result.Outcome, mode)
			assert.ErrorContains(t, result.Err, "run took longer than its deadline of 200ms")
			assert.Eventually(t, func() bool { return !r.Busy(p, testResource("id")) }, 20*time.Second, 5*time.Millisecond)
		}
		assert.Equal(t, starts, logs.FilterMessage("Started process of plugin").FilterField(zap.String("plugin", mode)).Len(), mode)
	}
}

// TestProcessTimeoutSparesOthers: where one of several runs in a process hangs, the others are answered.
func TestProcessTimeoutSparesOthers(t *testing.T) {
	t.Parallel()
	r := newRunners(t, Settings{})
	p := openFixture(t, "hangs for one", plugin.OpenOptions{Deadline: 2 * time.Second}, "")
	require.NoError(t, checked(r, p))
	bad := make(chan run.Result)
	go func() { bad <- runOnce(r, p, "bad") }()
	for {
		select {
		case result := <-bad:
			assert.Equal(t, run.OutcomeTimeout, result.Outcome)
			require.NoError(t, runOnce(r, p, "good").Err)
			return
		default:
			require.NoError(t, runOnce(r, p, "good").Err)
		}
	}
}

func TestProcessEndsWhenRetired(t *testing.T) {
	t.Parallel()
	r := newRunners(t, Settings{})
	loaded := openProcess(t, "good")
	p, err := r.Load(t.Context(), loaded)
	require.NoError(t, err)
	first := pidOf(t, runOnce(r, p, "a"))
	require.Equal(t, first, pidOf(t, runOnce(r, loaded, "a")), "the process that was started to load it")
	r.Retire(p)
	pid, err := strconv.Atoi(first)
	require.NoError(t, err)
	assert.Eventually(t, func() bool { return syscall.Kill(pid, 0) != nil }, 20*time.Second, 5*time.Millisecond)
	// A run that comes late all the same is served.
	assert.NotEqual(t, first, pidOf(t, runOnce(r, p, "a")))
}

func TestProcessDiesWithoutWork(t *testing.T) {
	t.Parallel()
	r := newRunners(t, Settings{})
	p := openProcess(t, "good")
	pid := pidOf(t, runOnce(r, p, "a"))
	killPid(t, pid)
	assert.Eventually(t, func() bool {
		result := runOnce(r, p, "a") // it may come before the death is seen
		return result.Err == nil && dimensions(result.Groups[0])["pid"] != pid
	}, 20*time.Second, 5*time.Millisecond)
}

func TestProcessShutdownInTheMiddle(t *testing.T) {
	t.Parallel()
	r, err := New(Settings{})
	require.NoError(t, err)
	done := make(chan run.Result, 2)
	for _, mode := range []string{"half a line and hangs", "ignores TERM"} {
		p := openProcess(t, mode)
		require.NoError(t, checked(r, p))
		go func() { done <- runOnce(r, p, "id") }()
	}
	time.AfterFunc(100*time.Millisecond, func() { assert.NoError(t, r.Close(context.Background())) })
	for range 2 {
		assert.Equal(t, run.OutcomeCanceled, (<-done).Outcome)
	}
	require.NoError(t, r.Close(context.Background()))
	p := openProcess(t, "good")
	assert.ErrorIs(t, checked(r, p), run.ErrShutdown)
	assert.Equal(t, run.OutcomeCanceled, runOnce(r, p, "id").Outcome)
}
