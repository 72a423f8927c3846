package schedule

import (
	"context"
	"sync"
	"time"
)

const (
	// tick is the shortest sleep: tasks that are due within it start together, which halves the cost of waking up.
	tick = 5 * time.Millisecond
	// popChunk bounds how long the lock is held when many tasks are due at once.
	popChunk = 512
)

// Run is one run of a task.
type Run[T any] struct {
	// Value is what the task was given.
	Value T
	// Task is the task's ID.
	Task ID
	// Due is the slot.
	Due time.Time
	// Lateness is the time from the slot to the start.
	Lateness time.Duration
}

// Settings are what New takes.
type Settings[T any] struct {
	// MaxConcurrent is the most runs under way at once, at least 1.
	MaxConcurrent int
	// Classes are the most runs at once of each kind of plugin; a lane is opened in one of them, by its index.
	Classes []int
	// Run runs a task. It is called from up to MaxConcurrent goroutines; ctx ends when Stop does not wait any longer,
	// and Run must return then.
	Run func(ctx context.Context, r Run[T])
	// Missed is told how many slots a task missed when one of its runs ends.
	Missed func(value T, slots int64)
}

// Scheduler runs tasks when they are due. All methods are safe for concurrent use. Tasks can be added before Start.
type Scheduler[T any] struct {
	settings Settings[T]
	base     time.Time // of the clock
	runCtx   context.Context
	cancel   context.CancelFunc
	wake     chan struct{} // the dispatcher has to look again
	stopped  chan struct{} // closed by Stop
	wg       sync.WaitGroup

	mu      sync.Mutex
	work    *sync.Cond // something is ready, or closed
	table   *table[T]
	queue   *queue
	sleep   int64 // the dispatcher sleeps until then, in milliseconds since the epoch
	workers int
	idle    int // workers that wait for work
	coming  int // workers that were woken or started, and have not looked at the queue yet
	started bool
	closed  bool
}

// New returns a scheduler without tasks.
func New[T any](s Settings[T]) *Scheduler[T] {
	sched := &Scheduler[T]{
		settings: s,
		base:     time.Now(),
		wake:     make(chan struct{}, 1),
		stopped:  make(chan struct{}),
		table:    newTable[T](),
		queue:    newQueue(s.MaxConcurrent, s.Classes),
	}
	sched.work = sync.NewCond(&sched.mu)
	sched.runCtx, sched.cancel = context.WithCancel(context.Background())
	return sched
}

// now is the time of the wall clock at New, carried on by the monotonic clock: setting the wall clock neither stops
// the schedule nor makes it catch up. After that the phase is off until the next start.
func (s *Scheduler[T]) now() time.Time { return s.base.Add(time.Since(s.base)) }

// OpenLane opens a lane, which the tasks of one plugin share.
func (s *Scheduler[T]) OpenLane(class int) LaneID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.openLane(class)
}

// CloseLane closes a lane. Its tasks must have been removed, or moved to another lane, before.
func (s *Scheduler[T]) CloseLane(id LaneID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.closeLane(id)
	s.rouse() // without it, another lane may have all places of its class
}

// Add adds a task.
func (s *Scheduler[T]) Add(lane LaneID, spec Spec, value T) ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, due := s.table.add(lane, spec, value, s.now())
	s.dueAt(due)
	return id
}

// Update changes a task. It keeps its slot where name and interval stay; a run under way goes on as it is.
func (s *Scheduler[T]) Update(id ID, lane LaneID, spec Spec, value T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dueAt(s.table.update(id, lane, spec, value, s.now()))
}

// Remove removes a task; a run under way goes on. name is the task's, in case it is added again meanwhile.
func (s *Scheduler[T]) Remove(id ID, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table.remove(id, name)
}

// Len is the number of tasks.
func (s *Scheduler[T]) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table.held
}

// Running is the number of runs under way.
func (s *Scheduler[T]) Running() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.running
}

// dueAt wakes the dispatcher where it sleeps beyond due. The caller holds the lock.
func (s *Scheduler[T]) dueAt(due int64) {
	if due >= s.sleep {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Start lets tasks run.
func (s *Scheduler[T]) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.closed {
		return
	}
	s.started = true
	s.wg.Go(s.dispatch)
}

// dispatch moves tasks that are due to the queue, and sleeps until the next one is.
func (s *Scheduler[T]) dispatch() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(s.moveDue())
		select {
		case <-timer.C:
		case <-s.wake:
		case <-s.stopped:
			return
		}
	}
}

// moveDue moves a chunk of what is due to the queue, and says how long to sleep.
func (s *Scheduler[T]) moveDue() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	n := s.table.popDue(now.UnixMilli(), popChunk, s.queue.push)
	s.rouse()
	if n == popChunk {
		return 0
	}
	sleep := time.Hour
	if due, ok := s.table.next(); ok {
		sleep = max(time.UnixMilli(due).Sub(now), tick)
	}
	s.sleep = now.Add(sleep).UnixMilli()
	return sleep
}

// rouse brings a worker to every task that may start: one that is idle, or a new one. The caller holds the lock.
func (s *Scheduler[T]) rouse() {
	for n := s.queue.startable() - s.coming; n > 0 && s.started && !s.closed; n-- {
		switch {
		case s.idle > 0:
			s.idle--
			s.work.Signal()
		case s.workers < s.settings.MaxConcurrent:
			s.workers++
			s.wg.Go(s.worker)
		default:
			return // all work; each looks for more when it is done
		}
		s.coming++
	}
}

// worker runs one task after the other, until Stop.
func (s *Scheduler[T]) worker() {
	s.mu.Lock()
	s.coming--
	for !s.closed {
		lane, run, ok := s.take()
		if !ok {
			s.idle++
			s.work.Wait()
			s.coming--
			continue
		}
		s.mu.Unlock()
		s.settings.Run(s.runCtx, run)
		s.mu.Lock()
		missed, due := s.table.end(run.Task, s.now().UnixMilli())
		s.queue.done(lane)
		if due != 0 {
			s.dueAt(due)
		}
		if missed > 0 {
			s.mu.Unlock()
			s.settings.Missed(run.Value, missed)
			s.mu.Lock()
		}
	}
	s.mu.Unlock()
}

// take takes the next run, leaving out tasks that were removed meanwhile. The caller holds the lock.
func (s *Scheduler[T]) take() (LaneID, Run[T], bool) {
	for {
		lane, e, ok := s.queue.take()
		if !ok {
			return 0, Run[T]{}, false
		}
		k, ok := s.table.begin(e)
		if !ok {
			s.queue.done(lane)
			continue
		}
		due := time.UnixMilli(k.due)
		return lane, Run[T]{
			Value: s.table.values[e.id], Task: e.id, Due: due, Lateness: max(s.now().Sub(due), 0),
		}, true
	}
}

// Stop starts no more runs and waits for those under way. When ctx is done it ends their contexts, and waits on.
// It may be called twice, and without Start.
func (s *Scheduler[T]) Stop(ctx context.Context) {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.stopped)
		s.work.Broadcast()
	}
	s.mu.Unlock()
	defer context.AfterFunc(ctx, s.cancel)()
	s.wg.Wait()
	s.cancel()
}
