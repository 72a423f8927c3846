package pluginrun

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Back-off between attempts to start a worker after one has failed to start. A worker that dies in a run is replaced
// at once: that run paid for it, and the schedule paces it.
const (
	minBackoff = time.Second
	maxBackoff = time.Minute
)

// pool hands out workers, each to one user at a time. It starts them as they are wanted, up to max.
//
// A worker is either with a user, or idle, or on its way in (starting) or out (discarded, not reaped yet); live counts
// all four. Users wait in line. ensure, called after every change, is what keeps the line moving: it starts workers,
// or fails those who wait where there is no worker and none may be started yet.
type pool struct {
	max   int
	start func() (*worker, error)
	now   func() time.Time

	wg sync.WaitGroup // everything that has been counted as live

	mu       sync.Mutex
	closed   bool
	live     int
	starting int
	workers  map[*worker]struct{}
	idle     []*worker // the one used last is at the end: it is taken first
	waiting  []chan grant

	failures  int // to start, in a row
	lastErr   error
	notBefore time.Time
}

// grant is what a user in the line gets.
type grant struct {
	worker *worker
	err    error
}

// unavailableError is why there is no worker to be had.
type unavailableError struct {
	cause error
	retry time.Duration
}

func (e *unavailableError) Error() string {
	if e.retry <= 0 {
		return fmt.Sprintf("no Python worker can be started: %v", e.cause)
	}
	return fmt.Sprintf("no Python worker can be started (next attempt in %s): %v", e.retry.Round(time.Millisecond), e.cause)
}

func (e *unavailableError) Unwrap() error { return e.cause }

func newPool(limit int, start func() (*worker, error)) *pool {
	return &pool{max: limit, start: start, now: time.Now, workers: map[*worker]struct{}{}}
}

// acquire returns a worker, which goes back with release or is given up with worker.discard.
func (p *pool) acquire(ctx context.Context) (*worker, error) {
	turn := make(chan grant, 1)
	p.mu.Lock()
	p.waiting = append(p.waiting, turn)
	p.ensure()
	p.mu.Unlock()
	select {
	case g := <-turn:
		return g.worker, g.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	if i := slices.Index(p.waiting, turn); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
		p.mu.Unlock()
		return nil, ctx.Err()
	}
	p.mu.Unlock()
	if g := <-turn; g.worker != nil { // it was our turn all the same
		p.release(g.worker)
	}
	return nil, ctx.Err()
}

// release gives a worker back. One that has ended meanwhile is not handed out again.
func (p *pool) release(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.workers[w]; ok && !w.ended() {
		p.idle = append(p.idle, w)
	}
	p.ensure()
}

// remove takes a worker out that has been reaped.
func (p *pool) remove(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.workers, w)
	p.live--
	p.ensure()
	p.wg.Done()
}

// ensure serves those who wait. The lock is held.
func (p *pool) ensure() {
	if p.closed {
		p.failWaiting(errShutdown)
		return
	}
	p.idle = slices.DeleteFunc(p.idle, (*worker).ended)
	for len(p.waiting) > 0 && len(p.idle) > 0 {
		last := len(p.idle) - 1
		p.waiting[0] <- grant{worker: p.idle[last]}
		p.waiting, p.idle = p.waiting[1:], p.idle[:last]
	}
	wait := p.notBefore.Sub(p.now())
	for p.starting < len(p.waiting) && p.live < p.max && (p.failures == 0 || wait <= 0 && p.starting == 0) {
		p.starting++
		p.live++
		p.wg.Add(1)
		go p.startOne()
	}
	if p.live == 0 {
		p.failWaiting(&unavailableError{cause: p.lastErr, retry: wait})
	}
}

func (p *pool) failWaiting(err error) {
	for _, turn := range p.waiting {
		turn <- grant{err: err}
	}
	p.waiting = nil
}

// startOne starts a worker. While starts fail only one is under way at a time (see ensure).
func (p *pool) startOne() {
	w, err := p.start()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
	if err != nil {
		p.live--
		p.failures++
		p.lastErr = err
		p.notBefore = p.now().Add(backoff(p.failures))
		p.ensure()
		p.wg.Done()
		return
	}
	p.failures = 0
	p.workers[w] = struct{}{}
	if p.closed {
		w.discard()
	} else {
		p.idle = append(p.idle, w)
	}
	p.ensure()
	go w.watch(p.remove)
}

// backoff is the time to wait after so many failures in a row: doubled each time, and a random half of it, so that
// many collectors do not try in step.
func backoff(failures int) time.Duration {
	d := minBackoff << min(failures-1, 10)
	d = min(d, maxBackoff)
	return d/2 + rand.N(d/2)
}

// close refuses everybody from now on and returns the workers there are; wait for them to go with wg.
func (p *pool) close() []*worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.idle = nil
	p.ensure()
	workers := make([]*worker, 0, len(p.workers))
	for w := range p.workers {
		workers = append(workers, w)
	}
	return workers
}
