package schedule

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// tick is the shortest sleep, and the shortest step in which tasks that are due start together; longestStep is the longest.
	tick        = 5 * time.Millisecond
	longestStep = 64 * tick
	// A step is doubled while it has fewer starts than fewStarts, and halved while it has more than manyStarts, or they make one
	// another later than lateStart, on average.
	fewStarts, manyStarts = 16, 40
	lateStart             = 2 * time.Millisecond
	// popChunk bounds how long the lock is held when many tasks are due at once.
	popChunk = 512
)

// Scheduler runs tasks when they are due. All methods are safe for concurrent use. Tasks can be added before Start.
type Scheduler[T any] struct {
	settings Settings[T]
	runCtx   context.Context
	cancel   context.CancelFunc
	wake     chan struct{} // the dispatcher has to look again
	stopped  chan struct{} // closed by Stop
	wg       sync.WaitGroup

	mu       sync.Mutex
	work     *sync.Cond  // something is ready, or closed
	underway []*underway // of each worker
	clock    clock
	table    *table[T]
	queue    *queue
	groups   *groups
	parked   map[parkKey][]readyEntry
	skips    []skipped[T]  // to be told
	swept    int64         // when what waits was looked through
	mean     time.Duration // of the time that runs take
	left     int           // entries that the last look left to the workers under way
	sleep    int64         // the dispatcher sleeps until then, in milliseconds since the epoch
	late     time.Duration // the mean of how late runs start
	step     time.Duration // tasks that are due within one start together, at its end
	maxStep  time.Duration
	stepEnd  int64 // the end of the step of the earliest slot, in milliseconds since the epoch
	workers  int
	most     int // workers
	idle     int // workers that wait for work
	coming   int // workers that were woken or started, and have not looked at the queue yet

	unparked bool // since the last look
	started  bool
	closed   bool
}

// New returns a scheduler without tasks.
func New[T any](s Settings[T]) *Scheduler[T] {
	if s.Pressure == nil {
		s.Pressure = func() time.Duration { return 0 }
	}
	if s.Skipped == nil {
		s.Skipped = func(T, Reason) {}
	}
	if s.Stepped == nil {
		s.Stepped = func(time.Duration) {}
	}
	sched := &Scheduler[T]{
		step: tick, maxStep: longestStep,
		settings: s,
		clock:    newClock(),
		wake:     make(chan struct{}, 1),
		stopped:  make(chan struct{}),
		table:    newTable[T](),
		queue:    newQueue(s.MaxConcurrent, s.Classes),
		groups:   newGroups(s.Breaker),
		parked:   map[parkKey][]readyEntry{},
	}
	sched.most = sched.queue.most()
	sched.work = sync.NewCond(&sched.mu)
	sched.runCtx, sched.cancel = context.WithCancel(context.Background()) //nolint:gosec // Shutdown calls it
	return sched
}

func (s *Scheduler[T]) now() time.Time { return s.clock.now() }

// OpenLane opens a lane, which the tasks of one plugin share. limit is the most runs at once of it; 0 leaves that to
// the class.
func (s *Scheduler[T]) OpenLane(class, limit int) LaneID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.openLane(class, limit)
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

// Update changes a task. It keeps its slot where its interval stays: with another name it takes the place that this
// gives it after one more run. A run under way goes on as it is.
func (s *Scheduler[T]) Update(id ID, lane LaneID, spec Spec, value T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dueAt(s.table.update(id, lane, spec, value, s.now()))
}

// Remove removes a task; a run under way goes on.
func (s *Scheduler[T]) Remove(id ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table.remove(id)
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
	return s.queue.running()
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
	if by := s.clock.step(); by != 0 {
		s.table.shift(by.Milliseconds())
		s.groups.shift(by.Milliseconds())
		s.wg.Go(func() { s.settings.Stepped(by) })
	}
	now := s.now()
	if ms := now.UnixMilli(); ms-s.swept >= time.Second.Milliseconds() {
		s.swept = ms
		s.giveWay()
		s.unparkIdle(ms)
	}
	n, shortest := s.table.popDue(now.UnixMilli(), min(now.UnixMilli(), s.stepEnd), popChunk, s.queue.push)
	s.setStep(n, shortest)
	s.rouse()
	if n == popChunk {
		return 0
	}
	sleep := time.Hour
	if due, ok := s.table.agenda.next(); ok { // of an entry that may be stale
		end := s.endOfStep(time.UnixMilli(due))
		s.stepEnd = end.UnixMilli()
		sleep = min(max(end.Sub(now), tick), sleep)
	}
	if s.left > 0 {
		sleep = tick
	}
	if s.waits() {
		sleep = min(sleep, time.Second)
	}
	s.sleep = now.Add(sleep).UnixMilli()
	return sleep
}

// setStep suits the step to how many tasks have just been due, to how late they start, and to the shortest interval of these. To wake up
// for one run costs several times the run: the dispatcher, a worker, and what the run is made in sleep meanwhile, and their caches are
// cold. The caller holds the lock.
func (s *Scheduler[T]) setStep(n int, shortest time.Duration) {
	switch {
	case n == 0: // woken for something else
		return
	case n > manyStarts || s.late > lateStart:
		s.step /= 2
	case n < fewStarts && s.late < lateStart/2:
		s.step = min(2*s.step, s.maxStep)
	}
	for s.step > shortest/10 {
		s.step /= 2
	}
	s.step = max(s.step, tick)
}

// endOfStep is when a task starts that is due then: at once while the step is the shortest one. Steps are counted from the epoch.
// The caller holds the lock.
func (s *Scheduler[T]) endOfStep(due time.Time) time.Time {
	step := s.step.Milliseconds()
	if s.step == tick {
		return due
	}
	return time.UnixMilli((due.UnixMilli() + step - 1) / step * step)
}

// waits says whether tasks or runs wait for others to end. The caller holds the lock.
func (s *Scheduler[T]) waits() bool {
	return len(s.parked) > 0 || slices.ContainsFunc(s.queue.classes, func(c class) bool { return c.ready > 0 || c.running > c.workers })
}

// soon is within what time the workers that are woken are expected to begin all that is ready. To wake one takes longer
// than many a run.
const soon = time.Millisecond

// rouse brings workers to what is ready: as many as are needed to begin all of it soon, by the time that runs take; and
// one to each entry that is still there since the last look. The caller holds the lock.
func (s *Scheduler[T]) rouse() {
	n := s.queue.startable()
	waited := min(s.left, n)
	fresh := n - waited
	few := min(int(time.Duration(fresh)*s.mean/soon)+1, fresh)
	n, s.left = waited+few, fresh-few
	for n -= s.coming; n > 0 && s.started && !s.closed; n-- {
		switch {
		case s.idle > 0:
			s.idle--
			s.work.Signal()
		case s.workers < s.most:
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
	u := s.newUnderway()
	s.underway = append(s.underway, u)
	for !s.closed {
		run, place, begun, ok := s.take()
		s.tellSkips()
		if !ok {
			s.idle++
			s.work.Wait()
			s.coming--
			continue
		}
		u.on, u.place, u.task, run.Begun = true, place, run.Task, u.begin
		u.begun.Store(0)
		s.mu.Unlock()
		result := s.settings.Run(u.ctx, run)
		s.mu.Lock()
		if u.on = false; u.ended {
			u.renew(s.runCtx)
		}
		if missed := s.end(run.Task, place, begun, result); missed > 0 {
			s.mu.Unlock()
			s.settings.Missed(run.Value, missed)
			s.mu.Lock()
		}
	}
	s.mu.Unlock()
}

// end takes the end of a run. The caller holds the lock.
func (s *Scheduler[T]) end(id ID, p place, begun time.Time, r Result) (missed int64) {
	now := s.now()
	took := max(now.Sub(begun), 0)
	s.mean += (min(took, time.Second) - s.mean) / 16
	if r.Verdict == VerdictAlive {
		s.queue.lanes[p.lane].answered(cmp.Or(r.Took, took))
	}
	if r.Verdict != VerdictNone {
		s.table.task(id).answered = r.Verdict == VerdictAlive
	}
	if p.group != 0 {
		s.groups.note(p.group, r.Verdict, now.UnixMilli())
	}
	missed, due := s.table.end(id, now.UnixMilli())
	if due != 0 {
		s.dueAt(due)
	}
	s.release(p, now.UnixMilli())
	if s.unparked {
		s.unparked = false
		s.rouse()
		s.dueAt(now.Add(tick).UnixMilli()) // for what that left
	}
	return missed
}

// take takes the next run, leaving out tasks that do not run now. The caller holds the lock.
func (s *Scheduler[T]) take() (r Run[T], p place, begun time.Time, ok bool) {
	lane, e, ok := s.queue.take()
	if !ok {
		return r, p, begun, false
	}
	now, pressure := s.now(), s.settings.Pressure()
	for ; ok; lane, e, ok = s.queue.take() {
		if p, ok := s.admit(lane, e, now.UnixMilli(), pressure); ok {
			due := time.UnixMilli(s.table.task(e.id).due)
			late := max(now.Sub(due)-time.Duration(e.gathered)*time.Millisecond, 0)
			s.late += (min(late, time.Second) - s.late) / 16
			return Run[T]{Value: *s.table.value(e.id), Task: e.id, Due: due, Lateness: late, First: p.first}, p, now, true
		}
		if len(s.skips) >= popChunk {
			s.tellSkips()
		}
	}
	return r, p, begun, false
}

// tellSkips tells of the runs that do not take place. The caller holds the lock, which is let go meanwhile.
func (s *Scheduler[T]) tellSkips() {
	if len(s.skips) == 0 {
		return
	}
	skips := s.skips
	s.skips = nil
	s.mu.Unlock()
	for _, k := range skips {
		s.settings.Skipped(k.value, k.reason)
		if k.missed > 0 {
			s.settings.Missed(k.value, k.missed)
		}
	}
	s.mu.Lock()
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
