package runtimes

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

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
