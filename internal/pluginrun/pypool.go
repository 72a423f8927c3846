package pluginrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
)

// Back-off between attempts to start a worker after one has failed to start. A worker that dies in a run is replaced
// at once: that run paid for it, and the schedule paces it.
const (
	minBackoff = time.Second
	maxBackoff = time.Minute
)

// RunsPerWorker is the most runs that a Python worker has at once: one that is on, the others ready to begin, so that
// neither side sleeps between two runs.
const RunsPerWorker = 4

const (
	// quickRun is how long the runs of a plugin may take for another job to wait behind them in a worker.
	quickRun = 20 * time.Millisecond
	// longRun is when jobs that wait in a worker behind a run are taken back.
	longRun = 100 * time.Millisecond
	// idleLimit is how long a worker may have nothing to do.
	idleLimit = time.Minute
	// tendInterval is the time between two looks at workers without jobs and at installed packages.
	tendInterval = 10 * time.Second
)

// codeCancelled is the error of a worker that gives a job back.
const codeCancelled = -32800

// pool runs jobs in workers. It starts these as they are wanted, up to max, and ends those that have nothing to do.
//
// A job waits in line until a worker has room for it. Workers work on one job at a time, in the order in which they got
// them, and answer each as soon as it is done: so the first of a worker's jobs is the one that is on, and it began when
// the one before it was answered. When a worker ends that job alone is lost; the others go back to the line.
//
// ensure, called after every change, is what keeps the line moving: it hands out jobs, starts workers, or fails the
// jobs where there is no worker and none may be started yet.
type pool struct {
	max      int
	limits   workerLimits
	launcher launcher
	settings Settings
	logger   *zap.Logger
	now      func() time.Time
	cores    int

	wg sync.WaitGroup // every worker, until nothing of it is left

	mu        sync.Mutex
	closed    bool
	starting  int
	workers   []*worker // that may get jobs, the one used last at the end
	leaving   map[*worker]struct{}
	waiting   []*job
	pace      map[string]time.Duration // how long runs of a plugin take, recent ones counting most
	failures  int                      // to start, in a row
	lastErr   error
	notBefore time.Time
	tend      *time.Timer // runs while there is a worker
}

// workerLimits say when a worker is replaced.
type workerLimits struct {
	runs   int   // after so many runs
	memory int64 // when it grew by so many bytes
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

func newPool(limit int, limits workerLimits, l launcher, s Settings) *pool {
	return &pool{
		max: limit, limits: limits, launcher: l, settings: s, logger: s.Logger, now: time.Now,
		cores: min(limit, runtime.GOMAXPROCS(0)), leaving: map[*worker]struct{}{}, pace: map[string]time.Duration{},
	}
}

// do runs a job and returns when it has ended, at the latest at the deadline of its plugin, which begins with it, or
// when ctx is done.
func (p *pool) do(ctx context.Context, j *job) jobResult {
	p.mu.Lock()
	p.waiting = append(p.waiting, j)
	p.ensure()
	p.mu.Unlock()
	select {
	case r := <-j.done:
		return r
	case <-ctx.Done():
	}
	p.mu.Lock()
	p.abandon(j, ctx.Err())
	p.mu.Unlock()
	return <-j.done
}

// abandon gives a job up. One that is on costs its worker, since nothing else ends it for sure.
func (p *pool) abandon(j *job, cause error) {
	if j.given {
		return
	}
	j.finish(jobResult{outcome: OutcomeCanceled, err: cause})
	switch w := j.worker; {
	case w != nil && len(w.jobs) == 0: // it has ended meanwhile
	case w == nil:
		p.waiting = slices.DeleteFunc(p.waiting, func(other *job) bool { return other == j })
	case w.jobs[0] == j:
		p.discard(w, "") // nothing is wrong with it
	default:
		p.recall(j)
	}
}

// ensure hands out the jobs that wait, and starts workers for the others. The lock is held.
func (p *pool) ensure() {
	if p.closed {
		p.failWaiting(jobResult{outcome: OutcomeCanceled, err: errShutdown})
		return
	}
	if len(p.waiting) == 0 {
		return
	}
	kept := p.waiting[:0]
	for _, j := range p.waiting {
		if w := p.place(j); w == nil || !p.give(w, j) {
			kept = append(kept, j)
		}
	}
	clear(p.waiting[len(kept):])
	p.waiting = kept
	wait := p.notBefore.Sub(p.now())
	for p.starting < len(p.waiting) && p.room() && (p.failures == 0 || wait <= 0 && p.starting == 0) {
		p.starting++
		p.wg.Add(1)
		go p.startOne()
	}
	if len(p.workers) == 0 && p.starting == 0 {
		p.failWaiting(jobResult{outcome: OutcomeUnavailable, err: &unavailableError{cause: p.lastErr, retry: wait}})
	}
}

func (p *pool) failWaiting(r jobResult) {
	for _, j := range p.waiting {
		j.finish(r)
	}
	p.waiting = nil
}

// room says whether a worker more may be started.
func (p *pool) room() bool { return len(p.workers)+p.starting < p.max }

// place finds the worker for a job: one without a job, or, for a plugin whose runs are quick, one that is busy with
// such, as long as there is a worker for each processor. nil lets it wait.
func (p *pool) place(j *job) *worker {
	quick := p.quick(j)
	if !quick && p.crowded(j) {
		return nil
	}
	var best *worker
	for i := len(p.workers) - 1; i >= 0; i-- {
		w := p.workers[i]
		switch n := len(w.jobs); {
		case w.retiring:
		case n == 0:
			return w
		case quick && n < RunsPerWorker && w.quick && p.now().Sub(w.jobs[0].begun) < longRun && (best == nil || n < len(best.jobs)):
			best = w
		}
	}
	if len(p.workers)+p.starting < p.cores {
		return nil
	}
	return best
}

// quick says whether the runs of a plugin are known to be short.
func (p *pool) quick(j *job) bool {
	took, known := p.pace[j.plugin.Name()]
	return known && took <= quickRun && j.runID != 0
}

// crowded says whether the plugin of a job, whose runs take long, has all workers but one already, and there are others:
// one that hangs against a thousand devices leaves room for them.
func (p *pool) crowded(j *job) bool {
	if len(p.pace) < 2 || p.max < 2 {
		return false
	}
	n := 0
	for _, w := range p.workers {
		if len(w.jobs) > 0 && w.jobs[0].plugin.Name() == j.plugin.Name() {
			n++
		}
	}
	return n >= p.max-1
}

// give hands a job to a worker, and says whether it took it.
func (p *pool) give(w *worker, j *job) bool {
	err := w.conn.Start(j.method, j.params, func(raw json.RawMessage, err error) { p.answered(w, j, raw, err) })
	if err != nil {
		if errors.Is(err, rpc.ErrFull) {
			p.discard(w, RestartProtocol)
		}
		return false
	}
	j.worker, j.recalled = w, false
	w.jobs = append(w.jobs, j)
	w.quick = p.quick(j)
	if len(w.jobs) == 1 {
		p.begin(w)
	} else {
		w.look(p.now())
	}
	return true
}

// begin notes that a worker begins the first of its jobs.
func (p *pool) begin(w *worker) {
	j := w.jobs[0]
	j.begun = p.now()
	w.logs.begin(j.log)
	w.look(j.begun)
}

// expired looks at a worker when its timer went off: the run may be at its deadline, or hold up others.
func (p *pool) expired(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(w.jobs) == 0 || w.gone {
		return
	}
	now, j := p.now(), w.jobs[0]
	if now.Sub(j.begun) >= j.plugin.Deadline {
		j.finish(jobResult{outcome: OutcomeTimeout, err: deadlineError(j.plugin, nil)})
		p.note(j, j.plugin.Deadline)
		p.discard(w, RestartTimeout)
		return
	}
	if now.Sub(j.begun) >= longRun {
		for _, behind := range w.jobs[1:] {
			p.recall(behind)
		}
	}
	w.look(now)
}

// recall asks the worker of a job that has not begun to give it back.
func (p *pool) recall(j *job) {
	if j.recalled || j.runID == 0 {
		return
	}
	j.recalled = true
	params, _ := json.Marshal(map[string]int64{"run_id": j.runID}) // cannot fail
	// What a worker does not take now it is not asked again: then the job waits, as long as that one takes.
	_ = j.worker.conn.Tell("cancel", params)
}

// answered takes the answer to a job. It is called from the reading goroutine of the worker's connection.
func (p *pool) answered(w *worker, j *job, raw json.RawMessage, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.gone {
		return // all jobs have been taken away from it
	}
	if errors.Is(err, rpc.ErrClosed) {
		p.lost(w)
		return
	}
	at := slices.Index(w.jobs, j)
	if at < 0 {
		return
	}
	var refused *rpc.Error
	if errors.As(err, &refused) && refused.Code == codeCancelled && j.recalled {
		w.jobs = slices.Delete(w.jobs, at, at+1)
		p.again(j)
		if at == 0 { // It was taken for begun, as the answer to the job before it came after the worker had given it back.
			p.next(w)
		} else {
			p.ensure()
		}
		return
	}
	result, inDoubt := jobResult{raw: raw}, false
	if err != nil {
		result, inDoubt = failure(err)
	}
	if inDoubt {
		w.jobs[0].finish(result)
		p.discard(w, RestartProtocol)
		return
	}
	w.jobs = slices.Delete(w.jobs, at, at+1)
	p.note(j, p.now().Sub(j.begun))
	j.finish(result)
	w.runs++
	p.next(w)
}

// next lets a worker begin what it has, and sees whether it may go on.
func (p *pool) next(w *worker) {
	if len(w.jobs) > 0 {
		p.begin(w)
	} else {
		w.idleSince = p.now()
		w.timer.Stop()
	}
	if !w.retiring && p.limits.runs > 0 && w.runs >= p.limits.runs {
		p.retire(w, RecycleRuns)
	}
	if w.retiring && len(w.jobs) == 0 {
		p.leave(w, w.quit)
	} else if i := slices.Index(p.workers, w); i >= 0 && i < len(p.workers)-1 {
		p.workers = append(slices.Delete(p.workers, i, i+1), w)
	}
	p.ensure()
}

// again puts jobs back at the head of the line, in their order, but those that nobody waits for.
func (p *pool) again(jobs ...*job) {
	jobs = slices.DeleteFunc(slices.Clone(jobs), func(j *job) bool { return j.given })
	for _, j := range jobs {
		j.worker, j.begun = nil, time.Time{}
	}
	p.waiting = append(jobs, p.waiting...)
}

// note remembers how long a run took.
func (p *pool) note(j *job, took time.Duration) {
	if j.runID == 0 {
		return
	}
	const plugins = 10_000 // more than there are: names of plugins that are gone
	if len(p.pace) > plugins {
		clear(p.pace)
	}
	name := j.plugin.Name()
	p.pace[name] = max(took, p.pace[name]*7/8)
}
