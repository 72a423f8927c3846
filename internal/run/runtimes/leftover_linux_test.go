package runtimes

import (
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/workers"
)

// floodingBody leaves threads behind that ask the host without end, and one that holds Python's lock for good.
const floodingBody = `        import re, threading
        context.kv.set('big', 'x' * 1000000)
        threading.stack_size(262144)
        def ask():
            while True:
                context.kv.get('big')
        def stuck():
            time.sleep(0.5)
            re.match(r'(a+)+$', 'a' * 60 + 'b')
        for target in [ask] * 120 + [stuck]:
            threading.Thread(target=target, daemon=True).start()
        return one_group(context)`

// TestFloodingThreads: a plugin that fills the queue of its worker with calls of the host, and holds Python's lock, costs
// itself alone.
func TestFloodingThreads(t *testing.T) {
	t.Parallel()
	runners := newRunners(t, Settings{Python: pythonWorkers(2)})
	good := openPython(t, "good", class(goodBody), plugin.OpenOptions{})
	floods := openPython(t, "floods", class(floodingBody), plugin.OpenOptions{Deadline: 3 * time.Second})
	makeQuick(runners, good)
	var all sync.WaitGroup
	stop := make(chan struct{})
	for i := range 8 {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				result := runOnce(runners, good, fmt.Sprint("r", i))
				if !assert.Equal(t, run.OutcomeOK, result.Outcome, "%v", result.Err) {
					return
				}
			}
		})
	}
	for range 4 {
		runOnce(runners, floods, "flooding")
	}
	close(stop)
	all.Wait()
}

// TestLeftThread: the worker in which a plugin left a thread runs no other plugin, and who left it is logged.
func TestLeftThread(t *testing.T) {
	t.Parallel()
	logger, written := logged(t)
	var mu sync.Mutex
	reasons := map[string]int{}
	runners := newRunners(t, Settings{Python: pythonWorkers(1), Host: Host{Logger: logger, Recycled: func(reason string) {
		mu.Lock()
		defer mu.Unlock()
		reasons[reason]++
	}}})
	pid := openPython(t, "pid", class(pidBody), plugin.OpenOptions{})
	leaves := openPython(t, "leaves", class(`        import threading
        def spin():
            while True: pass
        for i in range(3):
            threading.Thread(target=spin, daemon=True).start()
`+pidBody), plugin.OpenOptions{})
	for range 3 {
		left := value(t, runOnce(runners, leaves, "r1"))
		assert.NotEqual(t, left, value(t, runOnce(runners, pid, "r1")))
	}
	mu.Lock()
	assert.Equal(t, map[string]int{workers.RecycleLeftover: 3}, reasons)
	mu.Unlock()
	lines := written.FilterMessageSnippet("left something behind").All()
	if assert.NotEmpty(t, lines) {
		assert.Equal(t, "leaves", lines[0].ContextMap()["plugin"])
		assert.Contains(t, lines[0].ContextMap()["left"], "threads")
	}
}

// TestForkServerHangs: a fork server that does not answer is replaced, at the cost of what its workers run.
func TestForkServerHangs(t *testing.T) {
	t.Parallel()
	runners := newRunners(t, Settings{Python: pythonWorkers(1)})
	pid := openPython(t, "pid", class(pidBody), plugin.OpenOptions{})
	server := serverOf(t, runners, pid)
	require.NoError(t, syscall.Kill(server, syscall.SIGSTOP))
	kills := openPython(t, "kills", class("        os._exit(3)"), plugin.OpenOptions{Deadline: 2 * time.Second})
	assert.NotEqual(t, run.OutcomeOK, runOnce(runners, kills, "r1").Outcome)
	eventually(t, "runs again", func() bool { return runOnce(runners, pid, "r1").Outcome == run.OutcomeOK })
	assert.NotEqual(t, server, serverOf(t, runners, pid))
}

// TestIsolated: with workers of its own no plugin is run where another one was.
func TestIsolated(t *testing.T) {
	t.Parallel()
	settings := Settings{Python: pythonWorkers(1)}
	settings.Python.Isolated = true
	runners := newRunners(t, settings)
	seen := map[string]string{}
	for range 3 {
		for _, name := range []string{"a", "b", "c"} {
			p := openPython(t, name, class(pidBody), plugin.OpenOptions{})
			worker := value(t, runOnce(runners, p, "r1"))
			if other, ok := seen[worker]; ok {
				assert.Equal(t, name, other)
			}
			seen[worker] = name
		}
	}
	assert.Len(t, seen, 3)
}
