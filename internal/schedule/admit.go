package schedule

import "time"

// Reason says why a run was skipped. The list is closed: it is an attribute of metrics.
type Reason string

const (
	// ReasonBreaker: the resource is left alone since it did not answer.
	ReasonBreaker Reason = "breaker"
	// ReasonPipeline: the pipeline refuses data, and the task comes again soon.
	ReasonPipeline Reason = "pipeline"
)

// Reasons are all reasons.
var Reasons = []Reason{ReasonBreaker, ReasonPipeline}

// shedFactor says which runs are shed while the pipeline refuses data: of tasks whose interval is at most so many times
// as long as it has refused. So the tasks that come again soonest are shed first.
const shedFactor = 4

// parkKey is what a parked task waits for: a place of a group, or one of a class that may hang.
type parkKey struct {
	group GroupID
	class int
}

// place is what a run holds, to be given back when it ends.
type place struct {
	lane     LaneID
	group    GroupID
	unproven bool
	first    bool // run of the task
}

// skipped is a run that does not take place.
type skipped[T any] struct {
	value  T
	reason Reason
	missed int64
}

// admit decides on a task that has a place. It returns false where the task does not run now: it was removed, is
// skipped, or is parked until a place of its resource is free. The caller holds the lock.
func (s *Scheduler[T]) admit(laneID LaneID, e readyEntry, now int64, pressure time.Duration) (place, bool) {
	p := place{lane: laneID}
	k := s.table.ready(e)
	if k == nil {
		s.queue.done(laneID)
		return p, false
	}
	p.group = k.group
	class := s.queue.lanes[laneID].class
	if pressure > 0 && time.Duration(k.interval)*time.Millisecond <= shedFactor*pressure {
		s.skip(laneID, e.id, k, ReasonPipeline, now)
		return p, false
	}
	if k.group != 0 {
		if s.groups.broken(k.group, now) {
			s.skip(laneID, e.id, k, ReasonBreaker, now)
			return p, false
		}
		if full := s.groups.full(k.group); full != 0 {
			s.park(laneID, parkKey{group: full}, e)
			return p, false
		}
		p.unproven = !s.groups.list[k.group].proven
		if p.unproven && !s.queue.roomForUnproven(class) {
			s.park(laneID, parkKey{class: class + 1}, e)
			return p, false
		}
		s.groups.begin(k.group)
		if p.unproven {
			s.queue.classes[class].unproven++
			s.queue.unproven++
		}
	}
	p.first = k.last == 0
	k.state, k.last = stateRunning, k.due
	return p, true
}

// skip gives a task its next slot without a run.
func (s *Scheduler[T]) skip(laneID LaneID, id ID, k *task, reason Reason, now int64) {
	s.queue.done(laneID)
	group := k.group
	missed, due := s.table.end(id, now)
	s.skips = append(s.skips, skipped[T]{*s.table.value(id), reason, missed})
	s.dueAt(due)
	s.unparkGroup(group) // what waited for it goes next
}

func (s *Scheduler[T]) park(laneID LaneID, key parkKey, e readyEntry) {
	s.queue.done(laneID)
	s.parked[key] = append(s.parked[key], e)
}

// release gives a place back, and lets those that wait for it go on.
func (s *Scheduler[T]) release(p place) {
	class := s.queue.lanes[p.lane].class
	s.queue.done(p.lane)
	if p.group == 0 {
		return
	}
	if p.unproven {
		s.queue.classes[class].unproven--
		s.queue.unproven--
		for i := range s.queue.classes {
			s.unpark(parkKey{class: i + 1})
		}
	}
	s.groups.end(p.group)
	s.unparkGroup(p.group)
}

func (s *Scheduler[T]) unparkGroup(id GroupID) {
	if len(s.parked) == 0 {
		return
	}
	for ; id != 0; id = s.groups.list[id].parent {
		s.unpark(parkKey{group: id})
	}
}

// unpark puts the first task that waits for key back into its lane. It is parked again where something else is full.
func (s *Scheduler[T]) unpark(key parkKey) {
	list := s.parked[key]
	for len(list) > 0 {
		e := list[0]
		list = list[1:]
		if k := s.table.ready(e); k != nil {
			s.queue.pushFront(k.lane, e)
			s.unparked = true
			break
		}
	}
	if len(list) == 0 {
		delete(s.parked, key)
	} else {
		s.parked[key] = list
	}
}

// unparkIdle looks for parked tasks that nobody will wake: the one before them was removed meanwhile.
func (s *Scheduler[T]) unparkIdle() {
	for key := range s.parked {
		room := key.group == 0 && s.queue.roomForUnproven(key.class-1)
		if key.group != 0 {
			k := &s.groups.list[key.group]
			room = k.limit == 0 || k.running < k.limit
		}
		if room {
			s.unpark(key)
		}
	}
}
