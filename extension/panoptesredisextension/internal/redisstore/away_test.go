//go:build unix

package redisstore

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/redistest"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// quick is a timeout for tests of Redises that are away.
func quick(s *Settings) { s.Timeout = 300 * time.Millisecond }

// took is how long f takes.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// TestAway: a Redis that is stopped is waited for as long as a call may take; then calls fail at once, until it is back, which
// is found without one.
func TestAway(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s, told := open(t, server.Addr, quick)
	store, ctx := s.Namespace("n"), t.Context()
	require.NoError(t, store.Set(ctx, "k", "v", 0))
	within(t, "it is well", func() bool { return len(told.changes()) == 1 })
	server.Stop(t)
	var err error
	assert.Less(t, took(func() { err = store.Set(ctx, "k", "v", 0) }), 15*time.Second)
	require.ErrorContains(t, err, `set key "k": redis `+server.Addr+": ")
	within(t, "it counts as away", func() bool { return len(told.changes()) == 2 })
	require.Error(t, told.changes()[1].Away)
	assert.Less(t, took(func() {
		for range 1000 {
			_, err = store.Get(ctx, "k")
		}
	}), 30*time.Second, "calls fail at once")
	require.ErrorContains(t, err, `get key "k": redis `+server.Addr+": away for ")
	require.ErrorContains(t, err, "connection refused")
	assert.GreaterOrEqual(t, told.reasons()[ReasonAway], 1000)
	server.Restart(t)
	within(t, "it is back", func() bool { return len(told.changes()) == 3 })
	require.NoError(t, told.changes()[2].Away)
	require.NoError(t, store.Set(ctx, "k", "v", 0))
}

// TestAwayFromTheBeginning: a store opens without Redis.
func TestAwayFromTheBeginning(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Stop(t)
	s, told := open(t, server.Addr, quick)
	within(t, "it counts as away", func() bool { return len(told.changes()) == 1 })
	_, err := s.Namespace("n").Get(t.Context(), "k")
	require.ErrorContains(t, err, "away for ")
	server.Restart(t)
	within(t, "it is back", func() bool { return len(told.changes()) == 2 })
	_, err = s.Namespace("n").Get(t.Context(), "k")
	require.ErrorIs(t, err, pluginsdk.ErrNotFound)
}

// TestRestart: calls wait out a Redis that is started anew within their time, and nobody is told.
func TestRestart(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s, told := open(t, server.Addr, func(s *Settings) { s.Timeout = 20 * time.Second })
	store, ctx := s.Namespace("n"), t.Context()
	require.NoError(t, store.Set(ctx, "k", "v", 0))
	within(t, "it is well", func() bool { return len(told.changes()) == 1 })
	server.Stop(t)
	var calls sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		calls.Go(func() { errs[i] = store.Set(ctx, strconv.Itoa(i), "v", 0) })
	}
	server.Restart(t)
	calls.Wait()
	require.NoError(t, errors.Join(errs...))
	assert.Empty(t, told.reasons())
	assert.Len(t, told.changes(), 1)
}

// TestHang: a Redis that takes connections and answers nothing holds calls up as long as one may take, and no longer; more
// calls than there are connections, too.
func TestHang(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s, told := open(t, server.Addr, quick)
	store, ctx := s.Namespace("n"), t.Context()
	require.NoError(t, store.Set(ctx, "k", "v", 0))
	within(t, "it is well", func() bool { return len(told.changes()) == 1 })
	resume := server.Suspend(t)
	assert.Less(t, took(func() {
		var calls sync.WaitGroup
		for range 100 {
			calls.Go(func() {
				_, err := store.Get(ctx, "k")
				assert.Error(t, err)
			})
		}
		calls.Wait()
	}), 15*time.Second)
	within(t, "it counts as away", func() bool { return len(told.changes()) == 2 })
	assert.Less(t, took(func() {
		for range 1000 {
			assert.Error(t, store.Delete(ctx, "k"))
		}
	}), 30*time.Second, "calls fail at once")
	resume()
	within(t, "it is back", func() bool { return len(told.changes()) == 3 })
	value, err := store.Get(ctx, "k")
	require.NoError(t, err)
	assert.Equal(t, "v", value)
	assert.Positive(t, told.reasons()[ReasonTimeout])
	assert.Zero(t, told.reasons()[ReasonCancelled])
}

// TestCancelled: who does not wait is not kept, and that is no fault of Redis.
func TestCancelled(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s, told := open(t, server.Addr, func(s *Settings) { s.Timeout = time.Minute })
	store := s.Namespace("n")
	require.NoError(t, store.Set(t.Context(), "k", "v", 0))
	defer server.Suspend(t)()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	assert.Less(t, took(func() {
		_, err := store.Get(ctx, "k")
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}), 10*time.Second)
	assert.Equal(t, map[Reason]int{ReasonCancelled: 1}, told.reasons())
}

// TestCloseWhileItHangs: nobody waits for a Redis that does not answer.
func TestCloseWhileItHangs(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s, _ := open(t, server.Addr, func(s *Settings) { s.Timeout = time.Minute })
	store := s.Namespace("n")
	require.NoError(t, store.Set(t.Context(), "k", "v", 0))
	defer server.Suspend(t)()
	ended := make(chan error)
	go func() {
		_, err := store.Get(t.Context(), "k")
		ended <- err
	}()
	go func() {
		_, err := s.EnrichmentNamespaces(t.Context(), "dev1")
		ended <- err
	}()
	within(t, "both are under way", func() bool { return s.client.PoolStats().TotalConns-s.client.PoolStats().IdleConns == 2 })
	assert.Less(t, took(func() {
		require.NoError(t, s.Close())
		require.Error(t, <-ended)
		require.Error(t, <-ended)
	}), 10*time.Second)
	_, err := s.EnrichmentNamespaces(t.Context(), "dev1")
	require.ErrorContains(t, err, "closed")
	require.Error(t, store.Set(t.Context(), "k", "v", 0))
}

// TestRefused: what Redis refuses whatever it is, is a matter of health until it takes something.
func TestRefused(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client, ctx := server.Client(t), t.Context()
	s, told := open(t, server.Addr, quick)
	store := s.Namespace("n")
	require.NoError(t, store.Set(ctx, "k", "v", 0))
	within(t, "it is well", func() bool { return len(told.changes()) == 1 })

	require.NoError(t, client.ConfigSet(ctx, "maxmemory", "1").Err())
	for range 3 {
		require.ErrorContains(t, store.Set(ctx, "k", "v", 0), "OOM command not allowed")
	}
	value, err := store.Get(ctx, "k")
	require.NoError(t, err, "it can be read")
	assert.Equal(t, "v", value)
	require.Len(t, told.changes(), 2)
	require.ErrorContains(t, told.changes()[1].Refused, "OOM")
	require.NoError(t, client.ConfigSet(ctx, "maxmemory", "0").Err())
	require.NoError(t, store.Set(ctx, "k", "v", 0))
	require.Len(t, told.changes(), 3)
	require.NoError(t, told.changes()[2].Refused)

	_, port, _ := net.SplitHostPort(server.Addr)
	require.NoError(t, client.ReplicaOf(ctx, "127.0.0.1", port).Err()) // of itself: never in step
	require.ErrorContains(t, store.Set(ctx, "k", "v", 0), "READONLY")
	require.ErrorContains(t, told.changes()[3].Refused, "READONLY")
	require.NoError(t, client.ReplicaOf(ctx, "no", "one").Err())
	require.NoError(t, store.Set(ctx, "k", "v", 0))
	assert.Equal(t, map[Reason]int{ReasonFull: 3, ReasonRefused: 1}, told.reasons())
	assert.Len(t, told.changes(), 5)
}

// TestBrokenAnswer: where the connection breaks after a call was sent, it is sent again if that changes nothing, and only then.
func TestBrokenAnswer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client, ctx := server.Client(t), t.Context()
	proxy := newProxy(t, server.Addr)
	s, told := open(t, proxy.addr, nil)
	store := s.Namespace("n")
	require.NoError(t, store.Set(ctx, "k", "v", 0))

	proxy.breakAfter("PEXPIRE") // in the text of the script
	_, err := store.GetSet(ctx, "k", "w", time.Hour)
	require.ErrorContains(t, err, `replace key "k"`)
	assert.Equal(t, "w", client.Get(ctx, "n:k").Val(), "Redis has carried it out")
	assert.Equal(t, 1, told.reasons()[ReasonAway])

	proxy.breakAfter("incr me")
	require.NoError(t, store.SetAdd(ctx, "s", "incr me"))
	assert.Equal(t, map[Reason]int{ReasonAway: 1}, told.reasons())
}

// proxy passes bytes on, and breaks a connection once its client has sent a text, after the server has got it.
type proxy struct {
	addr string

	mu   sync.Mutex
	text string
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{addr: listener.Addr().String()}
	var passing sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		passing.Wait()
	})
	passing.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				client.Close()
				continue
			}
			passing.Go(func() { p.pass(client, server) })
		}
	})
	return p
}

// breakAfter breaks the next connection on which the text is sent.
func (p *proxy) breakAfter(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = text
}

// last says whether a message is the one to break the connection after.
func (p *proxy) last(message string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.text == "" || !strings.Contains(message, p.text) {
		return false
	}
	p.text = ""
	return true
}

func (p *proxy) pass(client, server net.Conn) {
	defer client.Close()
	defer server.Close()
	var back sync.WaitGroup
	defer back.Wait()
	answers, buf := make(chan string), make([]byte, 64<<10)
	back.Go(func() {
		defer close(answers)
		defer client.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			answers <- string(buf[:n])
		}
	})
	for {
		n, err := client.Read(buf)
		if err != nil {
			server.Close()
			for range answers { // let the other direction end
			}
			return
		}
		last := p.last(string(buf[:n]))
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
		answer, ok := <-answers
		if !ok {
			return
		}
		if last {
			client.Close()
			server.Close()
			for range answers {
			}
			return
		}
		if _, err := client.Write([]byte(answer)); err != nil {
			return
		}
	}
}
