package workers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run"
)

// start starts a process and sees it through.
func (p *Pool) start() {
	w, err := p.launch()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
	if err != nil {
		p.failedLocked(err)
		p.diedLocked()
		if len(p.workers) == 0 {
			p.refuseLocked(&UnavailableError{cause: err, retry: p.retryAfterStartLocked()})
		}
		p.update()
		return
	}
	if p.policy.Ordered {
		p.failures = 0
	}
	p.places = w.Places
	w.timer = time.AfterFunc(time.Hour, func() { p.look(w) })
	w.idleSince = p.now()
	p.workers = append(p.workers, w)
	if p.closed {
		p.dismissLocked(w)
		return
	}
	go p.watch(w)
	p.tendLocked()
	p.update()
}

// retryAfterStartLocked is when those who are told of a failure may try again; 0 where it is not worth saying.
func (p *Pool) retryAfterStartLocked() time.Duration {
	if !p.policy.Ordered {
		return 0
	}
	return p.notBefore.Sub(p.now())
}

// watch sees that a process ended by itself.
func (p *Pool) watch(w *worker) {
	<-w.conn.Done()
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.gone {
		return
	}
	idle := len(w.jobs) == 0
	p.loseLocked(w, RestartCrashed, nil)
	if !p.policy.Ordered {
		p.failedLocked(errors.New("the last process ended"))
		if idle {
			p.host.Logger.Warn("Process of plugin ended while it had nothing to do; it is started again when a run wants it", w.lines.Fields()...)
		}
	}
	p.update()
}

// flooded ends a process that writes nothing but lines that are no messages.
func (p *Pool) flooded(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.workers, w) {
		w.conn.Close() // it is not ready yet, or is being ended
		return
	}
	err := &FloodError{Lines: maxFaults}
	p.host.Logger.Warn("Ending a process of plugins: it writes too many lines that are no messages", w.lines.Fields()...)
	p.loseLocked(w, RestartProtocol, err)
	if !p.policy.Ordered {
		p.failedLocked(err)
	}
	p.update()
}

// takeOutLocked takes a worker out of use, and returns the jobs that it had.
func (p *Pool) takeOutLocked(w *worker) []*Job {
	jobs := w.jobs
	w.gone, w.jobs = true, nil
	w.timer.Stop()
	p.workers = slices.DeleteFunc(p.workers, func(other *worker) bool { return other == w })
	return jobs
}

// loseLocked ends a process at once, for one of the Restart reasons or "". The jobs that it had not begun go back to the
// line. Those that it had, and that are not settled, fail with err, or where that is nil by how the process ends.
func (p *Pool) loseLocked(w *worker, why string, err error) {
	if w.gone {
		return
	}
	if why != "" {
		p.host.Restarted(why)
	}
	jobs := p.takeOutLocked(w)
	begun := jobs
	if p.policy.Ordered {
		begun = jobs[:min(len(jobs), 1)]
		p.toLineLocked(jobs[len(begun):]...)
	}
	for _, j := range begun {
		if err != nil {
			j.settleLocked(Answer{Err: err})
		}
		j.unwatch() // the end of the process is limited in time, and says more than a deadline
	}
	byItself := why == RestartCrashed
	go p.end(w, func() error {
		early := byItself && w.awaitExit()
		w.stop()
		return w.crash(early)
	}, begun)
}

// dismissLocked ends a process that has no jobs.
func (p *Pool) dismissLocked(w *worker) {
	p.takeOutLocked(w)
	go p.end(w, func() error {
		w.quit()
		return nil
	}, nil)
}

// end ends a process that was taken out, besides all that goes on, and settles what was lost with it.
func (p *Pool) end(w *worker, how func() error, lost []*Job) {
	err := how()
	p.mu.Lock()
	for _, j := range lost {
		j.endLocked(Answer{Err: err})
	}
	p.mu.Unlock()
	w.release()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.diedLocked()
	p.update()
}

// diedLocked tells that nothing is left of a process.
func (p *Pool) diedLocked() {
	if p.live--; p.live == 0 {
		p.tellGoneLocked()
	}
}

func (p *Pool) tellGoneLocked() {
	for _, tell := range p.whenGone {
		go tell()
	}
	p.whenGone = nil
}

// tendLocked ends processes that have nothing to do, and replaces those that know old packages, now and then, as long as
// there are any.
func (p *Pool) tendLocked() {
	if p.tend == nil && len(p.workers) > 0 {
		p.tend = time.AfterFunc(tendInterval, p.tendNow)
	}
}

func (p *Pool) tendNow() {
	stale := p.launcher.Stale()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tend = nil
	if p.closed {
		return
	}
	if stale {
		p.host.Logger.Info("Packages of Python plugins were installed or removed: their workers are replaced")
		p.launcher.Renew()
	}
	for _, w := range slices.Clone(p.workers) {
		if stale {
			p.retireLocked(w, RecycleEnvironment)
		}
		if len(w.jobs) == 0 && p.now().Sub(w.idleSince) >= p.policy.Idle {
			w.retiring = true
		}
		p.tidyLocked(w)
	}
	p.shrinkLocked()
	p.tendLocked()
	p.update()
}

// Distrust ends the process that gave an answer which is none of the job's.
func (p *Pool) Distrust(a Answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a.worker == nil || a.worker.gone {
		return
	}
	p.loseLocked(a.worker, RestartProtocol, errors.New("worker mixed up its answers"))
	p.update()
}

// Grown tells how many bytes the process of an answer holds: it is replaced where these are too many.
func (p *Pool) Grown(a Answer, bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w := a.worker; w != nil && p.policy.MaxGrowth > 0 && bytes-w.Resident > p.policy.MaxGrowth {
		p.retireLocked(w, RecycleMemory)
		p.tidyLocked(w)
		p.update()
	}
}

// Concurrency is how many jobs the processes can do at once. own says that one process does all of them, as it told so itself.
func (p *Pool) Concurrency() (most int, own bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.places > 1 {
		return p.places, true
	}
	return p.policy.Max, false
}

// Retire ends the processes as soon as no job needs them. A job that comes late all the same is done. gone is called when
// no process is left.
func (p *Pool) Retire(gone func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = true
	p.update()
	p.whenGone = append(p.whenGone, gone)
	if p.live == 0 {
		p.tellGoneLocked()
	}
}

// Ready returns when a process has a place, or says why there is none.
func (p *Pool) Ready(ctx context.Context) error {
	err := p.Do(ctx, &Job{Ended: func() {}}).Err
	switch {
	case errors.Is(err, ErrGivenUp):
		return ctx.Err()
	case errors.Is(err, ErrClosed):
		return run.ErrShutdown
	}
	return err
}

// Close refuses all jobs from now on, gives up those that are on, and returns when no process is left or ctx is done.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		for _, timer := range []*time.Timer{p.tend, p.retry} {
			if timer != nil {
				timer.Stop()
			}
		}
		for _, w := range slices.Clone(p.workers) {
			if len(w.jobs) == 0 {
				p.dismissLocked(w)
			} else {
				p.loseLocked(w, "", ErrClosed)
			}
		}
		p.update()
	}
	gone := make(chan struct{})
	p.whenGone = append(p.whenGone, func() { close(gone) })
	if p.live == 0 {
		p.tellGoneLocked()
	}
	p.mu.Unlock()
	p.cancel()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("processes of plugins have not ended: %w", ctx.Err())
	}
}
