package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Health is how Redis is.
type Health struct {
	// Version is Redis' version, "" where it has not been asked or does not tell.
	Version string
	// Away is why Redis cannot be used; nil while it can.
	Away error
	// Since is when that began.
	Since time.Time
	// Refused is why Redis took none of what was written last; nil while it does.
	Refused error
}

// Pauses of the watch.
const (
	lookEvery     = 10 * time.Second // while all is well
	lookSoon      = 50 * time.Millisecond
	lookAwayEvery = time.Second
)

// watch knows whether Redis can be used. Calls fail at once while it cannot.
type watch struct {
	client    *redis.Client // of its own: a pool that others fill does not make Redis look away
	addr      string
	timeout   time.Duration
	changed   func(was, is Health)
	suspicion chan struct{}

	mu    sync.Mutex // held while changed is called, so that changes are told in their order
	is    Health
	known bool // whether anything has been found out yet
}

func newWatch(o *redis.Options, timeout time.Duration, changed func(was, is Health)) *watch {
	own := *o
	return &watch{client: redis.NewClient(&own), addr: o.Addr, timeout: timeout, changed: changed, suspicion: make(chan struct{}, 1)}
}

// away is why Redis cannot be used, or nil.
func (w *watch) away() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.is.Away == nil {
		return nil
	}
	return fmt.Errorf("away for %s: %w", time.Since(w.is.Since).Round(time.Second), w.is.Away)
}

// suspect has the watch look at once.
func (w *watch) suspect() {
	select {
	case w.suspicion <- struct{}{}:
	default:
	}
}

// wrote notes what became of a write. Only what Redis refuses whatever its key is a matter of health.
func (w *watch) wrote(v verdict, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case v.global && w.is.Refused == nil:
		w.become(func(h *Health) { h.Refused = err })
	case v.reason == "" && w.is.Refused != nil:
		w.become(func(h *Health) { h.Refused = nil })
	}
}

// become changes the health and tells of it. The lock is held.
func (w *watch) become(change func(*Health)) {
	was := w.is
	change(&w.is)
	w.changed(was, w.is)
}

// run looks after Redis until ctx ends.
func (w *watch) run(ctx context.Context) {
	for ctx.Err() == nil {
		pause := lookEvery
		if !w.look(ctx) {
			pause = lookAwayEvery
		}
		suspicion := w.suspicion
		if pause == lookAwayEvery {
			suspicion = nil
		}
		select {
		case <-ctx.Done():
		case <-suspicion:
		case <-time.After(pause):
		}
	}
}

// look asks Redis whether it can be used. It is away when it has not answered for as long as a call may take, and at once
// when it answers that it cannot be used.
func (w *watch) look(ctx context.Context) (well bool) {
	begin := time.Now()
	var last error // what Redis, or the network, rather than the clock, said last
	for pause := lookSoon; ; pause = min(2*pause, lookAwayEvery) {
		version, err := w.ask(ctx)
		v := judge(err)
		if v.reason != ReasonTimeout || last == nil {
			last = err
		}
		w.mu.Lock()
		was := w.is
		w.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			return true
		case err == nil:
			w.found(Health{Version: version, Refused: was.Refused})
			return true
		case was.Away != nil:
			return false // as before
		case v.again == never && v.reason != ReasonTimeout, time.Since(begin) >= w.timeout:
			w.found(Health{Away: last, Since: begin, Refused: was.Refused})
			return false
		}
		select {
		case <-ctx.Done():
			return true
		case <-time.After(pause):
		}
	}
}

// found notes what look found out.
func (w *watch) found(is Health) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if same := (w.is.Away == nil) == (is.Away == nil); same && w.known {
		return
	}
	w.known = true
	w.become(func(h *Health) { *h = is })
}

// errKind is wrapped by errors of a Redis of a kind that this package does not serve.
var errKind = refusal("not one Redis by itself")

// refusal is an error as Redis answers it.
type refusal string

// Error implements error.
func (r refusal) Error() string { return string(r) }

// RedisError marks what Redis answers, for go-redis.
func (refusal) RedisError() {}

// ask asks for an answer and, where it is not known yet, what kind of Redis there is.
func (w *watch) ask(ctx context.Context) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	if err := w.client.Ping(ctx).Err(); err != nil && !strings.HasPrefix(err.Error(), "NOPERM") {
		return "", err
	}
	info, err := w.client.Info(ctx, "server").Result()
	if _, ok := errors.AsType[redis.Error](err); ok {
		return "", nil // who may not ask cannot be told
	}
	if err != nil {
		return "", err
	}
	fields := map[string]string{}
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		fields[name] = value
	}
	switch mode := fields["redis_mode"]; mode {
	case "cluster":
		return "", fmt.Errorf("it is part of a cluster, which is not supported: %w", errKind)
	case "sentinel":
		return "", fmt.Errorf("it is a Sentinel, which is not supported, name the Redis that it watches: %w", errKind)
	}
	return fields["redis_version"], nil
}

// dialer connects within the time that the context leaves.
func dialer(config *tls.Config) func(ctx context.Context, network, addr string) (net.Conn, error) {
	plain := &net.Dialer{KeepAlive: 5 * time.Minute}
	if config == nil {
		return plain.DialContext
	}
	return (&tls.Dialer{NetDialer: plain, Config: config}).DialContext
}
