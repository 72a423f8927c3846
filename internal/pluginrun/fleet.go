package pluginrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	// shortWait is how long runs wait for a process that may not be started again yet; beyond it they fail at once.
	shortWait = time.Second
	// minIdle is how long processes without work live on at least.
	minIdle = time.Minute
)

// errFleetClosed is what acquire returns where the fleet closed a moment ago.
var errFleetClosed = errors.New("the processes of the plugin are being ended")

// fleet is the processes of one version of a plugin: one for all runs where the plugin says that it can do several at
// once, otherwise a few with one run each. They are started as they are wanted, and end when there was nothing to do for
// long.
//
// A process that dies is replaced when a run wants it: at once the first time, then after a time that doubles with each
// failure up to a minute, a random half of it. An answer to a run sets that back. It is never given up, and never
// started in a tight loop.
type fleet struct {
	runner      *processRunner
	plugin      *Plugin
	description json.RawMessage
	config      json.RawMessage
	now         func() time.Time
	start       func(context.Context, *fleet) (*instance, error)

	wg sync.WaitGroup // of processes, from before their start until they are reaped

	mu       sync.Mutex
	closed   bool
	retired  bool
	known    bool // whether limit was told by a process
	limit    int  // runs at once of a process
	starting int
	live     int         // processes that are not reaped, among them those that end
	procs    []*instance // that can take runs
	waiting  []chan fleetGrant
	runs     int // under way

	failures  int // in a row
	lastErr   error
	notBefore time.Time
	retry     *time.Timer
	idle      *time.Timer
}

type fleetGrant struct {
	process *instance
	err     error
}

func newFleet(r *processRunner, p *Plugin) *fleet {
	config, err := json.Marshal(p.File.Config)
	if err != nil {
		panic(err) // maps of strings
	}
	return &fleet{runner: r, plugin: p, description: describeProgram(p), config: config, now: time.Now, start: startProcess}
}

// acquire returns a process with a place, which is given back with release.
func (f *fleet) acquire(ctx context.Context) (*instance, error) {
	turn := make(chan fleetGrant, 1)
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil, errFleetClosed
	}
	f.waiting = append(f.waiting, turn)
	f.ensure()
	f.mu.Unlock()
	var err error
	select {
	case g := <-turn:
		return g.process, g.err
	case <-ctx.Done():
		err = ctx.Err()
	case <-f.runner.base.Done():
		err = errShutdown
	}
	f.mu.Lock()
	if i := slices.Index(f.waiting, turn); i >= 0 {
		f.waiting = slices.Delete(f.waiting, i, i+1)
		f.ensure()
		f.mu.Unlock()
		return nil, err
	}
	f.mu.Unlock()
	if g := <-turn; g.process != nil { // it was our turn all the same
		f.release(g.process)
	}
	return nil, err
}

// release gives a place back.
func (f *fleet) release(p *instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.running--
	f.runs--
	f.endStuck(p)
	f.ensure()
}

// endStuck ends a doomed process once it has no run left but those that were given up. The lock is held.
func (f *fleet) endStuck(p *instance) {
	if p.doomed && p.running == p.stuck {
		p.discard()
	}
}

// succeeded notes a good answer.
func (f *fleet) succeeded(p *instance) {
	p.faults.Store(0)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures = 0
}

// doom takes a process out that did not answer a run: it gets no more runs, and is ended when the others that it has
// are over.
func (f *fleet) doom(p *instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.stuck++
	p.doomed = true
	f.procs = slices.DeleteFunc(f.procs, func(q *instance) bool { return p == q })
	f.endStuck(p)
	f.ensure()
}

// unstick takes back that a run is stuck: it was answered, or its process has ended. release follows.
func (f *fleet) unstick(p *instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.stuck--
}

// most is how many processes there may be at once.
func (f *fleet) most() int {
	switch {
	case !f.known: // the first one tells
		return 1
	case f.limit > 1:
		return 1
	}
	return f.runner.settings.Processes.PerPlugin
}

// concurrency is how many runs the processes can do at once.
func (f *fleet) concurrency() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known && f.limit > 1 {
		return f.limit
	}
	return f.runner.settings.Processes.PerPlugin
}

// ensure serves those who wait: it hands out places, starts processes, or says why there is none. The lock is held.
func (f *fleet) ensure() {
	if f.closed {
		return
	}
	f.procs = slices.DeleteFunc(f.procs, (*instance).ended)
	for len(f.waiting) > 0 {
		p := f.free()
		if p == nil {
			break
		}
		p.running++
		f.runs++
		f.waiting[0] <- fleetGrant{process: p}
		f.waiting = f.waiting[1:]
	}
	wait := f.notBefore.Sub(f.now())
	// One that is being ended does not count at first, but there are never more than twice as many.
	for f.starting < len(f.waiting) && len(f.procs)+f.starting < f.most() && f.live < 2*f.most() && wait <= 0 &&
		(f.failures == 0 || f.starting == 0) {
		f.starting++
		f.live++
		f.wg.Add(1)
		go f.startOne()
	}
	if len(f.waiting) > 0 && len(f.procs) == 0 && f.starting == 0 && wait > 0 {
		if wait > shortWait {
			f.refuse(fmt.Errorf("no process of the plugin can be started (next attempt in %s): %w", wait.Round(time.Millisecond), f.lastErr))
		} else {
			f.later(&f.retry, wait, f.again)
		}
	}
	f.rest()
}

// free is a process with a place: the one with the most runs that has one, so that the others can rest.
func (f *fleet) free() (best *instance) {
	for _, p := range f.procs {
		if p.running < p.limit && (best == nil || p.running > best.running) {
			best = p
		}
	}
	return best
}

// refuse fails all that wait. The lock is held.
func (f *fleet) refuse(err error) {
	for _, turn := range f.waiting {
		turn <- fleetGrant{err: err}
	}
	f.waiting = nil
}

// later sets a timer of the fleet, once. The lock is held.
func (f *fleet) later(timer **time.Timer, d time.Duration, do func()) {
	if *timer != nil {
		(*timer).Stop()
	}
	*timer = time.AfterFunc(d, do)
}

// again is for those who wait for the next attempt.
func (f *fleet) again() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ensure()
}

// rest sees to it that processes without work do not stay for ever. The lock is held.
func (f *fleet) rest() {
	switch {
	case f.runs > 0 || len(f.waiting) > 0 || f.starting > 0:
		if f.idle != nil {
			f.idle.Stop()
			f.idle = nil
		}
	case f.retired:
		go f.close()
	case f.idle == nil:
		f.idle = time.AfterFunc(max(minIdle, 2*f.plugin.Interval+f.plugin.Deadline), f.closeIdle)
	}
}

func (f *fleet) closeIdle() {
	f.mu.Lock()
	work := f.runs > 0 || len(f.waiting) > 0 || f.starting > 0
	f.mu.Unlock()
	if !work {
		f.close()
	}
}

func (f *fleet) retire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.retired = true
	f.rest()
}

// close ends all processes. Runs under way, which there are at Shutdown alone, have been given up.
func (f *fleet) close() {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return
	}
	f.closed = true
	for _, timer := range []*time.Timer{f.retry, f.idle} {
		if timer != nil {
			timer.Stop()
		}
	}
	gone := make(chan struct{})
	f.runner.forget(f, gone)
	f.refuse(errFleetClosed)
	procs := slices.Clone(f.procs)
	f.mu.Unlock()
	var quits sync.WaitGroup
	for _, p := range procs {
		quits.Go(p.quit)
	}
	quits.Wait()
	f.wg.Wait()
	close(gone)
}

// startOne starts a process and sees it through.
func (f *fleet) startOne() {
	defer f.wg.Done()
	p, err := f.start(f.runner.base, f)
	f.mu.Lock()
	f.starting--
	if err != nil {
		f.live--
		f.failed(err)
		if len(f.procs) == 0 {
			f.refuse(err)
		}
		f.ensure()
		f.mu.Unlock()
		return
	}
	f.known, f.limit = true, p.limit
	if f.closed {
		p.discard()
	} else {
		f.procs = append(f.procs, p)
	}
	f.ensure()
	f.mu.Unlock()

	select {
	case <-p.life.Done():
	case <-p.conn.Done():
		p.await()
	}
	f.lost(p)
	p.watch()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live--
	f.ensure()
}

// lost takes a process out that has ended, or is about to.
func (f *fleet) lost(p *instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.procs = slices.DeleteFunc(f.procs, func(q *instance) bool { return p == q })
	if f.closed {
		return
	}
	f.runner.settings.restarted(KindProcess, p.endedBy())
	if p.running == 0 && p.life.Err() == nil {
		f.runner.settings.Logger.Warn("Process of plugin ended while it had nothing to do; it is started again when a run wants it",
			zap.String("plugin", f.plugin.Name()), zap.Error(p.crash()))
	}
	f.failed(errors.New("the last process ended"))
}

// endedBy is which of the RestartReasons a process ended for. The fleet's lock is held.
func (p *instance) endedBy() string {
	switch {
	case p.flooded.Load():
		return RestartProtocol
	case p.doomed:
		return RestartTimeout
	}
	return RestartCrashed
}

// failed notes that a process could not be started, or ended. The first failure after a success has no consequence.
// The lock is held.
func (f *fleet) failed(err error) {
	f.failures++
	f.lastErr = err
	if f.failures > 1 {
		f.notBefore = f.now().Add(backoff(f.failures - 1))
	}
}
