package schedule

import "time"

// Glance is a task at one moment.
type Glance[T any] struct {
	Task  ID
	Value T
	// Due is the slot of the next run, or of the run under way; Last is that of the last run that began, zero for none.
	Due, Last time.Time
	Interval  time.Duration
	// Running says that a run has begun: one that still waits for what it needs besides its place does not count.
	Running bool
	// BackingOff says that the breaker of the task's group is open: runs are left out.
	BackingOff bool
}

// Glances calls visit for each task, in no order, until it returns false. The lock is held for a few thousand tasks at a
// time, and never while visit runs: tasks that come or go meanwhile may be left out or seen.
func (s *Scheduler[T]) Glances(visit func(Glance[T]) bool) {
	var glances []Glance[T]
	for page := 0; ; page++ {
		var more bool
		if glances, more = s.glancePage(glances[:0], page); !more {
			return
		}
		for _, g := range glances {
			if !visit(g) {
				return
			}
		}
	}
}

func (s *Scheduler[T]) glancePage(out []Glance[T], page int) (glances []Glance[T], more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if page >= len(s.table.tasks) {
		return out, false
	}
	now, waiting := s.now().UnixMilli(), s.waiting()
	for i := range s.table.tasks[page] {
		k := &s.table.tasks[page][i]
		if k.state == stateFree || k.state == stateRemoved {
			continue
		}
		out = append(out, s.glance(ID(page<<pageBits+i), k, now, waiting))
	}
	return out, true
}

// waiting are the tasks with a run that has not begun, as it waits for a worker. The caller holds the lock.
func (s *Scheduler[T]) waiting() map[ID]bool {
	all := map[ID]bool{}
	for _, u := range s.underway {
		if u.on && u.begun.Load() == 0 {
			all[u.task] = true
		}
	}
	return all
}

func (s *Scheduler[T]) glance(id ID, k *task, now int64, waiting map[ID]bool) Glance[T] {
	g := Glance[T]{
		Task: id, Value: *s.table.value(id), Due: time.UnixMilli(k.due), Running: k.state == stateRunning && !waiting[id],
		Interval:   time.Duration(k.interval) * time.Millisecond,
		BackingOff: s.heldBack(k, now),
	}
	if k.last != 0 {
		g.Last = time.UnixMilli(k.last)
	}
	return g
}

// GlanceAt is Glances for one task. It returns false where there is none of that ID.
func (s *Scheduler[T]) GlanceAt(id ID) (Glance[T], bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id == 0 || int(id) >= s.table.size {
		return Glance[T]{}, false
	}
	k := s.table.task(id)
	if k.state == stateFree || k.state == stateRemoved {
		return Glance[T]{}, false
	}
	return s.glance(id, k, s.now().UnixMilli(), s.waiting()), true
}

// LastSlots returns the last slots of tasks, in milliseconds since the epoch: 0 for those that have not run.
func (s *Scheduler[T]) LastSlots(ids []ID) []int64 {
	last := make([]int64, 0, len(ids))
	for len(last) < len(ids) {
		last = s.lastSlots(last, ids[len(last):min(len(last)+applyChunk, len(ids))])
	}
	return last
}

func (s *Scheduler[T]) lastSlots(last []int64, ids []ID) []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		last = append(last, s.table.task(id).last)
	}
	return last
}

// Hurry makes a task due now, before its slot; the one after that is in its phase again. It returns false where the task
// runs already, or is due.
func (s *Scheduler[T]) Hurry(id ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id == 0 || int(id) >= s.table.size || s.table.task(id).state != stateWaiting {
		return false
	}
	now := s.now().UnixMilli()
	s.table.wait(id, now)
	s.dueAt(now)
	return true
}

// Usage says how many of the places of a class are taken, and how many are wanted.
type Usage struct {
	// Places is the most runs that can go on at once, Used how many do.
	Places, Used int
	// Wanted is how many would go on if there were places for all that is due.
	Wanted int
	// Short says that what is due waits for a place; Common, that it waits for one of those that classes share.
	Short, Common bool
}

// Usage returns the usage of each class, in the order of Settings.Classes.
func (s *Scheduler[T]) Usage() []Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Usage, len(s.queue.classes))
	for i := range all {
		c := &s.queue.classes[i]
		waiting := c.ready
		for _, t := range []trust{trustOpen, trustNone} {
			waiting += len(s.parked[parkKey{class: i, trust: t}])
		}
		all[i] = Usage{Places: c.workers, Used: min(c.running, c.workers), Wanted: c.running + waiting, Short: s.short(i)}
		all[i].Common = all[i].Short && c.of == &s.queue.common && c.of.running >= c.of.limit && c.running < c.workers
	}
	return all
}

// LaneUsage returns the usage of lanes that have a limit of their own, in their order. One is short where tasks of it are due and as
// many of its runs go on as may.
func (s *Scheduler[T]) LaneUsage(lanes []LaneID) []Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Usage, len(lanes))
	for i, id := range lanes {
		l := &s.queue.lanes[id]
		waiting := len(l.ready) - l.head
		all[i] = Usage{Places: l.limit, Used: l.running, Wanted: l.running + waiting, Short: waiting > 0 && l.running >= l.limit}
	}
	return all
}
