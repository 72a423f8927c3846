package pluginrun

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"
)

// lost takes a worker out whose connection ended. What was on ended with it; the reason comes when it is reaped.
func (p *pool) lost(w *worker) {
	jobs := p.takeOut(w)
	if len(jobs) > 0 {
		on := jobs[0]
		p.again(jobs[1:]...)
		w.fate = func(err error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			on.finish(jobResult{outcome: OutcomeCrashed, err: err})
		}
	}
	p.settings.restarted(KindPython, RestartCrashed)
	p.end(w, w.discard)
	p.ensure()
}

// discard ends a worker at once, for one of the RestartReasons or "". Its first job must have been finished; the others go
// back to the line.
func (p *pool) discard(w *worker, why string) {
	if w.gone {
		return
	}
	p.settings.restarted(KindPython, why)
	if jobs := p.takeOut(w); len(jobs) > 0 {
		p.again(jobs[1:]...)
		jobs[0].finish(jobResult{outcome: OutcomeProtocol, err: errors.New("worker does not read what it is sent")})
	}
	p.end(w, w.discard)
	p.ensure()
}

// retire gives a worker no more jobs; it leaves when it has none.
func (p *pool) retire(w *worker, why string) {
	w.retiring = true
	p.settings.recycled(why)
}

// leave ends a worker that has no jobs.
func (p *pool) leave(w *worker, how func()) {
	p.takeOut(w)
	p.end(w, how)
}

// takeOut takes a worker out of use, and returns the jobs it had.
func (p *pool) takeOut(w *worker) []*job {
	jobs := w.jobs
	w.gone, w.jobs = true, nil
	w.timer.Stop()
	p.workers = slices.DeleteFunc(p.workers, func(other *worker) bool { return other == w })
	return jobs
}

// end has a worker end beside all that goes on. It does not count as one any more: its successor need not wait.
func (p *pool) end(w *worker, how func()) {
	p.leaving[w] = struct{}{}
	go func() {
		how()
		w.wait()
		p.mu.Lock()
		delete(p.leaving, w)
		p.mu.Unlock()
		p.wg.Done()
	}()
}

// startOne starts a worker. While starts fail only one is under way at a time (see ensure).
func (p *pool) startOne() {
	w, err := startWorker(p.launcher, p.settings, p.limits)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
	if err != nil {
		p.failures++
		p.lastErr = err
		p.notBefore = p.now().Add(backoff(p.failures))
		p.ensure()
		p.wg.Done()
		return
	}
	p.failures = 0
	w.timer = time.AfterFunc(time.Hour, func() { p.expired(w) })
	w.idleSince = p.now()
	if p.closed {
		p.leave(w, w.discard)
		return
	}
	p.workers = append(p.workers, w)
	go p.watch(w)
	p.ensure()
	p.tendLater()
}

// watch sees the end of a worker that has no job to tell of it.
func (p *pool) watch(w *worker) {
	<-w.conn.Done()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !w.gone {
		p.lost(w)
	}
}

// tendLater ends workers that have nothing to do, and replaces those that know old packages, now and then, as long as
// there are any. The lock is held.
func (p *pool) tendLater() {
	if p.tend != nil || len(p.workers) == 0 {
		return
	}
	p.tend = time.AfterFunc(tendInterval, func() {
		stale := p.launcher.stale()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.tend = nil
		if p.closed {
			return
		}
		if stale {
			p.logger.Info("Packages of Python plugins were installed or removed: their workers are replaced")
			p.renew()
		}
		for _, w := range slices.Clone(p.workers) {
			if len(w.jobs) == 0 && p.now().Sub(w.idleSince) >= idleLimit {
				p.leave(w, w.quit)
			}
		}
		p.tendLater()
	})
}

// backoff is the time to wait after so many failures in a row: doubled each time, and a random half of it, so that
// many collectors do not try in step.
func backoff(failures int) time.Duration {
	d := minBackoff << min(failures-1, 10)
	d = min(d, maxBackoff)
	return d/2 + rand.N(d/2)
}

// distrust ends a worker that answered what it should not.
func (p *pool) distrust(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !w.gone {
		for _, j := range w.jobs[:min(len(w.jobs), 1)] {
			j.finish(jobResult{outcome: OutcomeProtocol, err: errors.New("worker mixed up its answers")})
		}
		p.discard(w, RestartProtocol)
	}
}

// grown notes how many bytes a worker holds, and replaces it where these are too many.
func (p *pool) grown(w *worker, bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.gone || w.retiring || bytes-w.memory <= p.limits.memory {
		return
	}
	p.retire(w, RecycleMemory)
	if len(w.jobs) == 0 {
		p.leave(w, w.quit)
	}
}

// renew replaces all workers: each ends when it has done what it has. The lock is held.
func (p *pool) renew() {
	p.launcher.renew()
	for _, w := range slices.Clone(p.workers) {
		p.retire(w, RecycleEnvironment)
		if len(w.jobs) == 0 {
			p.leave(w, w.quit)
		}
	}
}

// close refuses all jobs from now on, gives up those that are on, and returns when no process is left.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	if p.tend != nil {
		p.tend.Stop()
	}
	for _, w := range slices.Clone(p.workers) {
		if len(w.jobs) == 0 {
			p.leave(w, w.quit)
			continue
		}
		for _, j := range w.jobs {
			j.finish(jobResult{outcome: OutcomeCanceled, err: errShutdown})
		}
		p.leave(w, w.discard)
	}
	p.ensure()
	p.mu.Unlock()
	p.launcher.abort()
	p.wg.Wait()
	p.launcher.close()
}
