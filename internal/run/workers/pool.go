package workers

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"
)

// RunsPerWorker is the most jobs that a process of an ordered pool has: one that is on, the others ready to begin, so that
// neither side sleeps between two runs.
const RunsPerWorker = 16

const (
	// minBackoff and maxBackoff limit the time between attempts to start a process after one has failed.
	minBackoff = time.Second
	maxBackoff = time.Minute
	// tendInterval is the time between two looks at processes without jobs.
	tendInterval = 10 * time.Second
	// fullPause is the time before a process is offered a job again that did not read the last one.
	fullPause = 10 * time.Millisecond
	// maxReturns is how often processes may give a job back that were not asked to.
	maxReturns = 3
	// maxFailures is how many jobs in a row may go wrong in a process before it is replaced, if they are of several plugins.
	maxFailures = 10
	// cancelGrace is how long a process may take to answer a job that was given up, where it works on others, too.
	cancelGrace = 2 * time.Second
)

// Why a process is replaced though nothing went wrong: a closed list, as it is an attribute of metrics.
const (
	RecycleRuns        = "runs"
	RecycleMemory      = "memory"
	RecycleEnvironment = "environment"
	RecycleLeftover    = "leftover"
	RecycleFailing     = "failing"
)

// Policy says how a pool works.
type Policy struct {
	// Max is the most processes at once. One that takes several jobs at once is the only one.
	Max int
	// First is how many processes are started as they are wanted. Beyond, the pool grows while those there are wait for something
	// else than a processor, as Busy says: how long a process has run or waited for one, false for what is not known. 0 is Max,
	// and needs no Busy.
	First int
	Busy  func(pid int) (time.Duration, bool)
	// Ordered says that a process works on one job at a time, and gives back those that it has not begun when asked to
	// cancel them. Such processes are shared by plugins: one that crashes is replaced at once, since the schedule paces the
	// plugin that it crashes with.
	Ordered bool
	// Idle is how long a process may have nothing to do.
	Idle time.Duration
	// Patience is how long jobs wait for a process that may not be started again yet; beyond it they fail at once.
	Patience time.Duration
	// MaxRuns is after how many jobs a process is replaced; 0 is never.
	MaxRuns int
	// MaxGrowth is by how many bytes a process may grow; 0 is any.
	MaxGrowth int64
	// Leftover says why a process must not get another job after this answer, "" if it may. It is called without the lock.
	Leftover func(answer json.RawMessage) string
	// Failed says whether a job went wrong by its answer. A process in which one did is not the first to be asked again, and
	// is replaced where many did, of several plugins. nil takes all for good.
	Failed func(answer json.RawMessage) bool
}

// Pool is the pool. All methods are safe for concurrent use.
type Pool struct {
	policy   Policy
	launcher Launcher
	host     Host
	now      func() time.Time
	cores    int

	base   context.Context // ends with Close
	cancel context.CancelFunc

	mu        sync.Mutex
	closed    bool
	retired   bool
	starting  int
	live      int       // processes, from before their start until nothing is left of them
	whenGone  []func()  // are called when live is 0
	most      int       // processes that there may be now, from First to Max
	measuring bool      // whether to grow
	places    int       // jobs that a process takes at once; 0 until one told
	workers   []*worker // the one used last at the end
	waiting   []*Job
	pace      map[string]time.Duration // how long jobs of a plugin take, recent ones counting most
	failures  int                      // in a row
	lastErr   error
	notBefore time.Time
	retry     *time.Timer // set while jobs wait for notBefore
	tend      *time.Timer // set while there are workers
}

// New returns a pool without processes: they are started as they are wanted, and end when they have nothing to do.
func New(policy Policy, launcher Launcher, host Host) *Pool {
	if policy.First == 0 || policy.First > policy.Max {
		policy.First = policy.Max
	}
	p := &Pool{
		most:   policy.First,
		policy: policy, launcher: launcher, host: host, now: time.Now,
		cores: min(policy.Max, runtime.GOMAXPROCS(0)), pace: map[string]time.Duration{},
	}
	p.base, p.cancel = context.WithCancel(context.Background())
	return p
}

// Do has a process do a job, and returns its answer, at the latest when ctx, or the context that Begin returned, ends.
func (p *Pool) Do(ctx context.Context, j *Job) Answer {
	j.done, j.ordered = make(chan Answer, 1), p.policy.Ordered
	p.mu.Lock()
	p.waiting = append(p.waiting, j)
	p.update()
	p.mu.Unlock()
	select {
	case a := <-j.done:
		return a
	case <-ctx.Done():
		p.giveUp(j)
		return <-j.done
	}
}

// update hands out the jobs that wait, starts processes for the others, and refuses those for which there is none. It is
// called once after each change, with the lock, and by nothing that it calls.
func (p *Pool) update() {
	if p.closed {
		p.refuseLocked(ErrClosed)
		return
	}
	p.handOutLocked()
	wait := p.notBefore.Sub(p.now())
	for p.starting < len(p.waiting) && p.mayStartLocked(wait) {
		p.starting++
		p.live++
		go p.start()
	}
	p.growLocked()
	if len(p.waiting) > 0 && len(p.workers) == 0 && p.starting == 0 && wait > 0 {
		if wait > p.policy.Patience {
			p.refuseLocked(&UnavailableError{cause: p.lastErr, retry: wait})
		} else if p.retry == nil {
			p.retry = time.AfterFunc(wait, p.again)
		}
	}
	if p.retired && len(p.waiting) == 0 && p.starting == 0 {
		for _, w := range slices.Clone(p.workers) {
			w.retiring = true
			p.tidyLocked(w)
		}
	}
}

func (p *Pool) handOutLocked() {
	line := p.waiting
	p.waiting = nil
	for _, j := range line {
		if w := p.placeLocked(j); w == nil || !p.giveLocked(w, j) {
			p.waiting = append(p.waiting, j)
		}
	}
	for _, w := range slices.Clone(p.workers) {
		switch {
		case !w.refused || w.conn.Ended(): // watch sees to the latter
		case len(w.jobs) == 0: // it has nothing to do, and does not read
			p.loseLocked(w, RestartProtocol, nil)
		case p.retry == nil:
			p.retry = time.AfterFunc(fullPause, p.again)
		}
		w.refused = false
	}
}

// mayStartLocked says whether another process may be started; wait is how long not after failures.
func (p *Pool) mayStartLocked(wait time.Duration) bool {
	most := p.most
	if !p.policy.Ordered && p.places != 1 { // unknown, until the first one tells, or many
		most = 1
	}
	// One that is being ended does not count at first, but there are never more than twice as many.
	return len(p.workers)+p.starting < most && p.live < 2*most && (p.failures == 0 || wait <= 0 && p.starting == 0)
}

func (p *Pool) refuseLocked(err error) {
	for _, j := range p.waiting {
		j.endLocked(Answer{Err: err})
	}
	p.waiting = nil
}

// again is for jobs that wait for the next attempt to start a process.
func (p *Pool) again() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retry = nil
	p.update()
}

// giveLocked hands a job to a worker, and says whether it is off the line.
func (p *Pool) giveLocked(w *worker, j *Job) bool {
	j.worker = w
	if j.Method == "" { // it wants to know of the place alone
		j.endLocked(Answer{})
		return true
	}
	begins := !p.policy.Ordered || len(w.jobs) == 0
	if begins {
		p.beginLocked(w, j)
	}
	var over time.Time
	if j.ctx != nil {
		over, _ = j.ctx.Deadline()
	}
	params, err := j.Params(over)
	if err != nil {
		j.endLocked(Answer{Err: err})
		return true
	}
	err = w.conn.Start(j.Method, params, func(raw json.RawMessage, err error) { p.answered(w, j, raw, err) })
	if err != nil { // it does not read, or has just ended
		w.refused = true
		j.unbeginLocked()
		return false
	}
	w.jobs = append(w.jobs, j)
	w.quick = p.quickLocked(j)
	if p.policy.Ordered && !begins {
		w.lookLocked(p.now())
	}
	return true
}

func (p *Pool) beginLocked(w *worker, j *Job) {
	j.beginLocked(p.now(), func() { p.giveUp(j) })
	w.lines.Begin(j.Lines)
}

// backoff is the time to wait after so many failures in a row: doubled each time, and a random half of it, so that
// many collectors do not try in step.
func backoff(failures int) time.Duration {
	d := min(minBackoff<<min(failures-1, 10), maxBackoff)
	return d/2 + rand.N(d/2)
}

// failedLocked notes that a process could not be started, or, where the processes are one plugin's, that one ended. There
// the first failure after a success has no consequence.
func (p *Pool) failedLocked(err error) {
	p.failures++
	p.lastErr = err
	n := p.failures
	if !p.policy.Ordered {
		n--
	}
	if n > 0 {
		p.notBefore = p.now().Add(backoff(n))
	}
}
