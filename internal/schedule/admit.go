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

// parkKey is what a parked task waits for: a place of a group, or one of a class for runs of a trust.
type parkKey struct {
	group GroupID
	class int
	trust trust
}

// place is what a run holds, to be given back when it ends.
type place struct {
	lane  LaneID
	group GroupID
	trust trust
	first bool // run of the task
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
		if s.heldBack(k, now) {
			s.skip(laneID, e.id, k, ReasonBreaker, now)
			return p, false
		}
		if full := s.groups.full(k.group); full != 0 {
			s.park(laneID, parkKey{group: full}, e)
			return p, false
		}
		p.trust = s.groups.trust(k.group)
		if s.roomFor(class, p.trust) <= 0 {
			s.park(laneID, parkKey{class: class, trust: p.trust}, e)
			return p, false
		}
		s.groups.begin(k.group)
		s.queue.addUnproven(class, p.trust, 1)
	}
	p.first = k.last == 0
	k.state, k.last = stateRunning, k.due
	return p, true
}

// heldBack says whether the breaker of its resource holds back a task. It holds back none whose own last run found the resource
// alive: what other plugins do, which hang where this one gets its answer, costs themselves.
func (s *Scheduler[T]) heldBack(k *task, now int64) bool {
	return k.group != 0 && !k.answered && s.groups.broken(k.group, now)
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
func (s *Scheduler[T]) release(p place, now int64) {
	class := s.queue.lanes[p.lane].class
	s.queue.done(p.lane)
	if p.group == 0 {
		return
	}
	s.queue.addUnproven(class, p.trust, -1)
	s.groups.end(p.group)
	if p.trust != trustProven {
		for class := range s.queue.classes {
			s.unparkClass(class, now)
		}
		if s.groups.list[p.group].proven {
			for s.unpark(parkKey{group: p.group}) != nil { // it answers: all that waited for that may run
			}
		}
	}
	s.unparkGroup(p.group)
}

// roomFor is how many more runs of a trust may start in a class. Those of no trust come after all that wait of which
// nothing bad is known.
func (s *Scheduler[T]) roomFor(class int, t trust) int {
	if t == trustNone && len(s.parked[parkKey{class: class, trust: trustOpen}]) > 0 {
		return 0
	}
	return s.queue.room(class, t)
}

// unparkClass lets tasks go on that wait for a place of a class, as many as there is room for.
func (s *Scheduler[T]) unparkClass(class int, now int64) {
	for _, t := range []trust{trustOpen, trustNone} {
		key := parkKey{class: class, trust: t}
		for room := s.roomFor(class, t); room > 0; {
			k := s.unpark(key)
			if k == nil {
				break
			}
			// One whose resource was found out meanwhile takes none of the room.
			if s.groups.trust(k.group) == t && !s.heldBack(k, now) {
				room--
			}
		}
	}
}

func (s *Scheduler[T]) unparkGroup(id GroupID) {
	if len(s.parked) == 0 {
		return
	}
	for ; id != 0; id = s.groups.list[id].parent {
		s.unpark(parkKey{group: id})
	}
}

// unpark puts the first task that waits for key back into its lane, and returns it; nil where there is none. It is
// parked again where something else is full.
func (s *Scheduler[T]) unpark(key parkKey) (k *task) {
	list := s.parked[key]
	if list == nil {
		return nil
	}
	for len(list) > 0 && k == nil {
		if k = s.table.ready(list[0]); k != nil {
			s.queue.pushFront(k.lane, list[0])
			s.unparked = true
		}
		list = list[1:]
	}
	if len(list) == 0 {
		delete(s.parked, key)
	} else {
		s.parked[key] = list
	}
	return k
}

// unparkIdle looks for parked tasks that nobody will wake: the one before them was removed meanwhile.
func (s *Scheduler[T]) unparkIdle(now int64) {
	for key := range s.parked {
		if key.group == 0 {
			continue
		}
		k := &s.groups.list[key.group]
		if (k.limit == 0 || k.running < k.limit) && !s.groups.tried(key.group) {
			s.unpark(key)
		}
	}
	for class := range s.queue.classes {
		s.unparkClass(class, now)
	}
}
