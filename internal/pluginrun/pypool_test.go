package pluginrun

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
)

// failing is a launcher whose starts fail from the given one on.
type failing struct {
	launcher
	from   int
	starts atomic.Int32
	failed chan struct{}
}

func (f *failing) start(ctx context.Context, stderr func(string, bool)) (started, error) {
	if int(f.starts.Add(1)) >= f.from {
		select {
		case f.failed <- struct{}{}:
		default:
		}
		return started{}, errors.New("no python here")
	}
	return f.launcher.start(ctx, stderr)
}

func newTestPool(t *testing.T, limit, failFrom int) (*pool, *failing) {
	t.Helper()
	settings, err := Settings{}.withDefaults()
	require.NoError(t, err)
	runtime := newPythonRuntime(DefaultInterpreter, "")
	l := &failing{launcher: newLauncher(runtime), from: failFrom, failed: make(chan struct{}, 10)}
	p := newPool(limit, workerLimits{runs: 1000, memory: 1 << 30}, l, settings)
	t.Cleanup(func() {
		p.close()
		runtime.remove()
	})
	return p, l
}

// startJob begins a job, and returns where its result comes.
func startJob(t *testing.T, p *pool, plugin *Plugin, id int64) <-chan jobResult {
	t.Helper()
	params, err := runParams(Request{Plugin: plugin, Resource: testResource("r1")}, id)
	require.NoError(t, err)
	result := make(chan jobResult, 1)
	go func() { result <- p.do(context.Background(), newJob(plugin, "run", params, runLog{id: id})) }()
	return result
}

// TestBackoff: workers that fail to start are not started again until the back-off is over, however often they are
// asked for; and then one at a time.
func TestBackoff(t *testing.T) {
	t.Parallel()
	clock := &manualClock{t: time.Unix(1_700_000_000, 0)}
	p, l := newTestPool(t, 4, 1)
	p.now = clock.now
	good := openPython(t, "good", class(goodBody), OpenOptions{})
	var last time.Duration
	for i := range 12 {
		before := l.starts.Load()
		for range 50 {
			result := <-startJob(t, p, good, 1)
			var unavailable *unavailableError
			require.ErrorAs(t, result.err, &unavailable)
			require.Equal(t, OutcomeUnavailable, result.outcome)
			assert.ErrorContains(t, result.err, "no python here")
			last = unavailable.retry
		}
		assert.Equal(t, before+1, l.starts.Load(), "round %d", i)
		assert.Positive(t, last)
		assert.LessOrEqual(t, last, maxBackoff)
		clock.advance(last)
	}
	assert.GreaterOrEqual(t, last, maxBackoff/2)
	p.close()
	result := <-startJob(t, p, good, 1)
	require.ErrorIs(t, result.err, errShutdown)
}

func TestBackoffGrowsAndIsBounded(t *testing.T) {
	t.Parallel()
	for failures := 1; failures < 100; failures++ {
		full := min(minBackoff<<min(failures-1, 10), maxBackoff)
		for range 20 {
			d := backoff(failures)
			assert.GreaterOrEqual(t, d, full/2)
			assert.Less(t, d, full)
		}
	}
}

// TestLivingWorkersServeWhileStartsFail: where a further worker cannot be started, those who wait get the living one;
// when the last one goes and none may be started, they are told.
func TestLivingWorkersServeWhileStartsFail(t *testing.T) {
	t.Parallel()
	store := newSignalKV()
	p, l := newTestPool(t, 2, 2)
	p.settings.KV = store
	waits := openPython(t, "waits", class("        context.kv.set('began', 'yes')\n        while not context.kv.get('go'): time.sleep(0.01)\n"+goodBody), OpenOptions{})
	good := openPython(t, "good", class(goodBody), OpenOptions{})
	first := startJob(t, p, waits, 1)
	<-store.written
	second := startJob(t, p, good, 2)
	<-l.failed
	require.NoError(t, store.KeyValueStore.Set(context.Background(), "go", "yes", 0))
	require.NoError(t, (<-first).err)
	require.NoError(t, (<-second).err)

	kill := openPython(t, "kills", class("        os.kill(os.getpid(), 9)"), OpenOptions{})
	require.Equal(t, OutcomeCrashed, (<-startJob(t, p, kill, 3)).outcome)
	result := <-startJob(t, p, good, 4)
	require.Equal(t, OutcomeUnavailable, result.outcome)
	require.ErrorContains(t, result.err, "no python here")
}

func TestServices(t *testing.T) {
	t.Parallel()
	settings, err := Settings{}.withDefaults()
	require.NoError(t, err)
	s := newServices(settings)
	for _, c := range []struct{ method, params, err string }{
		{"kv.nope", `{}`, "method not found"},
		{"kv.get", `{}`, `"key" must be a string`},
		{"kv.get", `{"key":5}`, "parameters of kv.get"},
		{"kv.get", `[]`, "parameters of kv.get"},
		{"kv.get", ``, "parameters of kv.get"},
		{"kv.set", `{"key":"k"}`, `"value" must be a string`},
		{"kv.set", `{"key":"k","value":"v","expire":0}`, "expire must be greater than zero"},
		{"kv.set", `{"key":"k","value":"v","expire":-1}`, "expire must be greater than zero"},
		{"kv.set", `{"key":"k","value":"v","expire":1e300,"unknown":1}`, ""},
		{"kv.set", `{"key":"k","value":"v"}`, ""},
		{"kv.set_add", `{"name":"k","member":"m"}`, "wrong kind"},
		{"secrets.get", `{"name":"n"}`, `"site" must be a string`},
		{"secrets.get", `{"name":"n","site":"s","fallback":false}`, ""},
	} {
		_, err := s.handle(context.Background(), c.method, []byte(c.params))
		if c.err == "" {
			assert.NoError(t, err, "%s %s", c.method, c.params)
		} else {
			assert.ErrorContains(t, err, c.err, "%s %s", c.method, c.params)
		}
	}
}

// TestJobGivenBackAfterTheOneBeforeItEnded: the answer to a job comes, so that the next one is taken for begun, while the
// worker has given that one back already. It is no failure: the job waits for another turn.
func TestJobGivenBackAfterTheOneBeforeItEnded(t *testing.T) {
	t.Parallel()
	p, _ := newTestPool(t, 1, 1)
	good := openPython(t, "good", class(goodBody), OpenOptions{})
	silent, end := io.Pipe()
	w := &worker{
		logs: newWorkerLog(zap.NewNop()), conn: rpc.New(silent, io.Discard, rpc.Options{}), timer: time.NewTimer(time.Hour),
	}
	t.Cleanup(func() { // before the pool closes: there is no process to end
		p.mu.Lock()
		p.takeOut(w)
		p.mu.Unlock()
		require.NoError(t, end.Close())
		w.conn.Wait()
	})
	jobs := []*job{newJob(good, "run", json.RawMessage("{}"), runLog{id: 1}), newJob(good, "run", json.RawMessage("{}"), runLog{id: 2})}
	p.mu.Lock()
	p.workers = []*worker{w}
	for _, j := range jobs {
		require.True(t, p.give(w, j))
	}
	p.recall(jobs[1])
	p.mu.Unlock()
	p.answered(w, jobs[0], json.RawMessage("{}"), nil)
	require.NoError(t, (<-jobs[0].done).err)
	p.answered(w, jobs[1], nil, &rpc.Error{Code: codeCancelled, Message: "run 2 was cancelled before it began"})
	p.mu.Lock()
	assert.Empty(t, jobs[1].done, "it is not settled")
	assert.Equal(t, []*job{jobs[1]}, w.jobs, "the worker has it again")
	assert.False(t, jobs[1].recalled)
	p.mu.Unlock()
	// A worker that gives a job back that nobody asked for is wrong.
	p.answered(w, jobs[1], nil, &rpc.Error{Code: codeCancelled})
	require.Equal(t, OutcomeProtocol, (<-jobs[1].done).outcome)
}
