package workers

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
)

const (
	// quickRun is how long the jobs of a plugin may take for another job to wait behind them in a worker.
	quickRun = 20 * time.Millisecond
	// packedWait is how long a job may be expected to wait in a worker that works, where another one has nothing to do: to
	// wake that, with what its processor has forgotten, takes more of the machine than a short run.
	packedWait = 20 * time.Millisecond
	// longRun is when jobs that wait in a worker behind a job are taken back.
	longRun = 100 * time.Millisecond
	// maxPace limits the plugins whose pace is remembered: more than there are are names of plugins that are gone.
	maxPace = 10_000
)

// placeLocked finds the worker for a job, or nil to let it wait.
func (p *Pool) placeLocked(j *Job) *worker {
	if p.policy.Ordered {
		return p.orderedPlaceLocked(j)
	}
	// The one with the most jobs that has a place, so that the others can rest.
	var best *worker
	for _, w := range p.workers {
		if w.takesJobs() && len(w.jobs) < w.Places && (best == nil || len(w.jobs) > len(best.jobs)) {
			best = w
		}
	}
	return best
}

func (w *worker) takesJobs() bool { return !w.retiring && !w.condemned && !w.refused }

// orderedPlaceLocked finds a worker without a job, the one used last first. For a plugin whose jobs are quick it is one that
// is busy with such: before the others where the wait in it is short, so that few workers stay warm and the rest can end,
// and else as long as there is a worker for each processor.
func (p *Pool) orderedPlaceLocked(j *Job) *worker {
	quick := p.quickLocked(j)
	if !quick && p.crowdedLocked(j) {
		return nil
	}
	var best, idle *worker
	for _, w := range slices.Backward(p.workers) {
		switch n := len(w.jobs); {
		case !w.takesJobs():
		case n == 0:
			if idle == nil {
				idle = w
			}
		case !quick || n >= RunsPerWorker || !w.quick || p.now().Sub(w.jobs[0].begun) >= longRun:
		case p.expectedLocked(w) <= packedWait:
			return w
		case best == nil || n < len(best.jobs):
			best = w
		}
	}
	if idle != nil {
		return idle
	}
	if len(p.workers)+p.starting < p.cores {
		return nil
	}
	return best
}

// expectedLocked is how long the jobs of a worker will take. A run that takes much longer than its plugin's did is one to keep away
// from; a little longer is what any takes in a worker that has just been woken.
func (p *Pool) expectedLocked(w *worker) (sum time.Duration) {
	for _, j := range w.jobs {
		sum += p.pace[j.Plugin]
	}
	if first := w.jobs[0]; p.now().Sub(first.begun) > p.pace[first.Plugin]+packedWait/2 {
		sum += packedWait
	}
	return sum
}

// quickLocked says whether the runs of a plugin are known to be short.
func (p *Pool) quickLocked(j *Job) bool {
	took, known := p.pace[j.Plugin]
	return known && took <= quickRun && j.RunID != 0
}

// crowdedLocked says whether the plugin of a job, whose runs take long, has all workers except one already, and there are
// others: one that hangs against a thousand devices leaves room for them.
func (p *Pool) crowdedLocked(j *Job) bool {
	if len(p.pace) < 2 || p.most < 2 {
		return false
	}
	n := 0
	for _, w := range p.workers {
		if len(w.jobs) > 0 && w.jobs[0].Plugin == j.Plugin {
			n++
		}
	}
	return n >= p.most-1
}

// noteLocked remembers how long a run took.
func (p *Pool) noteLocked(j *Job) {
	if j.RunID == 0 || j.begun.IsZero() {
		return
	}
	if len(p.pace) > maxPace {
		clear(p.pace)
	}
	took := p.now().Sub(j.begun)
	pace, known := p.pace[j.Plugin]
	switch {
	case !known:
		pace = took
	case took > pace: // a run that the processor was taken from does not make a plugin a slow one
		pace += (took - pace) / 4
	default:
		pace -= (pace - took) / 8
	}
	p.pace[j.Plugin] = pace
}

// look takes back what waits behind a job that takes long. The worker's timer calls it.
func (p *Pool) look(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.gone || len(w.jobs) == 0 {
		return
	}
	if p.now().Sub(w.jobs[0].begun) >= longRun {
		for _, behind := range w.jobs[1:] {
			p.recallLocked(behind)
		}
	}
	w.lookLocked(p.now())
}

// handle answers what a plugin asks of the host: for the run that is on, or the one that the call names.
func (p *Pool) handle(ctx context.Context, w *worker, method string, params json.RawMessage) (any, error) {
	p.mu.Lock()
	j := p.callerLocked(w, params)
	p.mu.Unlock()
	if j == nil {
		return p.host.Calls.Call(ctx, hostapi.Caller{}, method, params)
	}
	run, cancel := context.WithCancel(j.ctx)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	return p.host.Calls.Call(run, j.Caller, method, params)
}

func (p *Pool) callerLocked(w *worker, params json.RawMessage) *Job {
	switch {
	case len(w.jobs) == 0:
		return nil
	case p.policy.Ordered || len(w.jobs) == 1:
		return w.jobs[0]
	}
	var named struct {
		RunID int64 `json:"run_id"`
	}
	_ = json.Unmarshal(params, &named) // the method tells what is wrong with them
	for _, j := range w.jobs {
		if j.RunID == named.RunID {
			return j
		}
	}
	return nil
}

// errConnClosed is what calls fail with when the process has ended the protocol.
var errConnClosed = rpc.ErrClosed

func isFault(err error) bool {
	var fault *rpc.Fault
	return errors.As(err, &fault)
}

// codeGivenBack is the error of a process that gives a job back.
const codeGivenBack = -32800

func isGivenBack(err error) bool {
	var refused *rpc.Error
	return errors.As(err, &refused) && refused.Code == codeGivenBack
}
