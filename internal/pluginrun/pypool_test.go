package pluginrun

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/child"
)

// TestBackoff: workers that fail to start are not started again until the back-off is over, however often they are
// asked for; and then one at a time.
func TestBackoff(t *testing.T) {
	t.Parallel()
	clock := &manualClock{t: time.Unix(1_700_000_000, 0)}
	starts := 0
	p := newPool(4, func() (*worker, error) {
		starts++
		return nil, errors.New("no python here")
	})
	p.now = clock.now
	var last time.Duration
	for i := range 12 {
		before := starts
		for range 50 {
			_, err := p.acquire(context.Background())
			var unavailable *unavailableError
			require.ErrorAs(t, err, &unavailable)
			assert.ErrorContains(t, err, "no python here")
			last = unavailable.retry
		}
		assert.Equal(t, before+1, starts, "round %d", i)
		assert.Positive(t, last)
		assert.LessOrEqual(t, last, maxBackoff)
		clock.advance(last)
	}
	assert.GreaterOrEqual(t, last, maxBackoff/2)
	p.close()
	p.wg.Wait()
	_, err := p.acquire(context.Background())
	require.ErrorIs(t, err, errShutdown)
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

// TestLivingWorkersServeWhileStartsFail: where a further worker cannot be started, those who wait get the living one.
func TestLivingWorkersServeWhileStartsFail(t *testing.T) {
	t.Parallel()
	runtime := newPythonRuntime(PythonSettings{Interpreter: DefaultInterpreter})
	t.Cleanup(runtime.remove)
	settings, err := Settings{}.withDefaults()
	require.NoError(t, err)
	starts, failed := 0, make(chan struct{}, 10)
	p := newPool(2, func() (*worker, error) {
		if starts++; starts > 1 {
			failed <- struct{}{}
			return nil, errors.New("no more")
		}
		var command child.Config
		command, err := runtime.command(context.Background())
		if err != nil {
			return nil, err
		}
		return startWorker(context.Background(), command, settings)
	})
	w, err := p.acquire(context.Background())
	require.NoError(t, err)
	second := make(chan error, 1)
	go func() {
		w, err := p.acquire(context.Background())
		if err == nil {
			p.release(w)
		}
		second <- err
	}()
	<-failed
	p.release(w)
	require.NoError(t, <-second)

	// When the last one goes and none may be started, those who wait are told.
	w, err = p.acquire(context.Background())
	require.NoError(t, err)
	third := make(chan error, 1)
	go func() {
		_, err := p.acquire(context.Background())
		third <- err
	}()
	w.discard()
	p.release(w)
	require.ErrorContains(t, <-third, "no more")
	p.close()
	p.wg.Wait()
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
