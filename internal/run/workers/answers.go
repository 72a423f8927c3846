package workers

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"
)

// giveUp takes a job back whose context ended.
func (p *Pool) giveUp(j *Job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giveUpLocked(j)
	p.update()
}

func (p *Pool) giveUpLocked(j *Job) {
	w := j.worker
	onTime := j.ctx == nil || !errors.Is(context.Cause(j.ctx), context.DeadlineExceeded)
	switch settled := j.settled; {
	case w == nil && settled: // it is over
	case w == nil:
		p.waiting = slices.DeleteFunc(p.waiting, func(other *Job) bool { return other == j })
		j.endLocked(Answer{Err: ErrGivenUp})
	case j.begun.IsZero():
		j.settleLocked(Answer{Err: ErrGivenUp})
		p.recallLocked(j)
	case p.policy.Ordered: // nothing but the end of the process ends it for sure
		j.settleLocked(Answer{Err: ErrGivenUp})
		why := ""
		if !onTime {
			p.noteLocked(j)
			why = RestartTimeout
		}
		p.loseLocked(w, why, nil)
	case !settled:
		j.settleLocked(Answer{Err: ErrGivenUp})
		p.recallLocked(j)
		time.AfterFunc(cancelGrace, func() { p.condemn(w, j) })
	}
}

// recallLocked asks a process to give a job back, or to end it. If the queue is full the job waits its turn.
func (p *Pool) recallLocked(j *Job) {
	if j.recalled || j.RunID == 0 {
		return
	}
	j.recalled = true
	params, _ := json.Marshal(map[string]int64{"run_id": j.RunID}) // cannot fail
	_ = j.worker.conn.Tell("cancel", params)
}

// condemn ends a process that did not answer a job that was given up, as soon as no other job is left in it.
func (p *Pool) condemn(w *worker, j *Job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.gone || !slices.Contains(w.jobs, j) {
		return
	}
	j.stuck, w.condemned = true, true
	p.tidyLocked(w)
	p.update()
}

// tidyLocked takes a worker out that is to go and has nothing more to do.
func (p *Pool) tidyLocked(w *worker) {
	switch {
	case w.gone || !w.condemned && !w.retiring:
	case w.condemned && !slices.ContainsFunc(w.jobs, func(j *Job) bool { return !j.stuck }):
		p.loseLocked(w, RestartTimeout, nil)
	case len(w.jobs) == 0:
		p.dismissLocked(w)
	}
}

// answered takes the answer to a job. It is called from the reading goroutine of the worker's connection.
func (p *Pool) answered(w *worker, j *Job, raw json.RawMessage, err error) {
	if errors.Is(err, errConnClosed) {
		return // watch sees to the worker
	}
	leftover, failed := "", err != nil
	if err == nil && p.policy.Leftover != nil {
		leftover = p.policy.Leftover(raw)
	}
	if err == nil && p.policy.Failed != nil {
		failed = p.policy.Failed(raw)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.Index(w.jobs, j)
	if w.gone || at < 0 {
		return // it has been taken away from the worker
	}
	if err != nil && p.policy.Ordered && isFault(err) { // whose answer it was cannot be told for sure
		w.jobs[0].settleLocked(Answer{Err: err})
		p.loseLocked(w, RestartProtocol, err)
		p.update()
		return
	}
	w.jobs = slices.Delete(w.jobs, at, at+1)
	if isGivenBack(err) && p.policy.Ordered && (j.recalled || j.returns < maxReturns) {
		if !j.recalled { // it is of no more use, as something was left in it
			j.returns++
			p.retireLocked(w, RecycleLeftover)
		}
		p.toLineLocked(j)
	} else {
		w.done++
		if err == nil {
			w.faults.Store(0)
			if !p.policy.Ordered {
				p.failures = 0
			}
		}
		p.noteLocked(j)
		w.lines.End(j.RunID)
		p.countFailuresLocked(w, j, failed)
		j.endLocked(Answer{Raw: raw, Err: err})
	}
	if leftover != "" {
		p.retireLocked(w, RecycleLeftover)
		p.host.Logger.Info("A process of plugins is replaced: a run left something behind",
			append(j.Lines.Fields, zap.String("left", leftover))...)
	}
	p.afterAnswerLocked(w, at == 0)
	p.update()
}

// afterAnswerLocked lets a worker go on with what it has, and sees whether it may. first says that its oldest job is over.
func (p *Pool) afterAnswerLocked(w *worker, first bool) {
	if len(w.jobs) == 0 {
		w.idleSince = p.now()
		w.timer.Stop()
	} else if p.policy.Ordered && first {
		p.beginLocked(w, w.jobs[0])
		w.lookLocked(p.now())
	}
	if p.policy.MaxRuns > 0 && w.done >= p.policy.MaxRuns {
		p.retireLocked(w, RecycleRuns)
	}
	p.tidyLocked(w)
	if i := slices.Index(p.workers, w); i >= 0 {
		p.workers = slices.Delete(p.workers, i, i+1)
		if w.failures == 0 {
			p.workers = append(p.workers, w)
		} else {
			p.workers = slices.Insert(p.workers, 0, w)
		}
	}
}

// countFailuresLocked retires a worker in which everything goes wrong, whatever the plugin.
func (p *Pool) countFailuresLocked(w *worker, j *Job, failed bool) {
	if !failed || j.RunID == 0 {
		w.failures, w.failedOthers, w.failedPlugin = 0, false, ""
		return
	}
	w.failures++
	w.failedOthers = w.failedOthers || w.failedPlugin != "" && w.failedPlugin != j.Plugin
	w.failedPlugin = j.Plugin
	if p.policy.Ordered && w.failures >= maxFailures && w.failedOthers {
		p.retireLocked(w, RecycleFailing)
	}
}

// toLineLocked puts jobs back at the head of the line, in their order, except those that nobody waits for.
func (p *Pool) toLineLocked(jobs ...*Job) {
	var back []*Job
	for _, j := range jobs {
		j.unbeginLocked()
		if j.settled {
			j.endLocked(Answer{})
		} else {
			back = append(back, j)
		}
	}
	p.waiting = append(back, p.waiting...)
}

// retireLocked gives a worker no more jobs; tidyLocked takes it out when it has none.
func (p *Pool) retireLocked(w *worker, why string) {
	if !w.retiring && !w.gone {
		w.retiring = true
		p.host.Recycled(why)
	}
}
