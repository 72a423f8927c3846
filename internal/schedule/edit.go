package schedule

import "time"

// Edit is one change of Apply.
type Edit[T any] struct {
	// ID is where the task's ID is kept: 0 there adds a task and stores its ID, another changes that task.
	ID *ID
	// Remove removes the task instead, and makes its ID 0.
	Remove bool
	Lane   LaneID
	Spec   Spec
	Value  T
	// Last is set by Apply: the last slot that a task had which is changed, zero where it has not run.
	Last time.Time
}

// applyChunk is how many changes are made under one lock: to take it for each of a million is slow where runs need it,
// too, and to keep it would let them wait.
const applyChunk = 4096

// Apply makes many changes, as Add, Update and Remove do one by one.
func (s *Scheduler[T]) Apply(edits []Edit[T]) {
	for len(edits) > 0 {
		n := min(applyChunk, len(edits))
		s.applyChunk(edits[:n])
		edits = edits[n:]
	}
}

func (s *Scheduler[T]) applyChunk(edits []Edit[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for i := range edits {
		switch e := &edits[i]; {
		case e.Remove:
			s.table.remove(*e.ID)
			*e.ID = 0
		case *e.ID != 0:
			if last := s.table.task(*e.ID).last; last != 0 {
				e.Last = time.UnixMilli(last)
			}
			s.dueAt(s.table.update(*e.ID, e.Lane, e.Spec, e.Value, now))
		default:
			var due int64
			*e.ID, due = s.table.add(e.Lane, e.Spec, e.Value, now)
			s.dueAt(due)
		}
	}
}

// OpenGroup opens a group: a resource, of which no more than limit runs (0: any number) go on at once, and which has a
// breaker; or an endpoint, which is the parent of resources and has no tasks of its own. 0 is no parent.
func (s *Scheduler[T]) OpenGroup(limit int, parent GroupID) GroupID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.groups.open(limit, parent)
}

// MoveGroup gives a resource another endpoint.
func (s *Scheduler[T]) MoveGroup(id, parent GroupID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups.setParent(id, parent)
}

// OpenGroups opens n groups without a parent.
func (s *Scheduler[T]) OpenGroups(n, limit int) []GroupID {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]GroupID, n)
	for i := range ids {
		ids[i] = s.groups.open(limit, 0)
	}
	return ids
}

// CloseGroups closes groups. Their tasks must have been removed, or their resources moved or closed, before.
func (s *Scheduler[T]) CloseGroups(ids ...GroupID) {
	for len(ids) > 0 {
		n := min(applyChunk, len(ids))
		s.closeGroups(ids[:n])
		ids = ids[n:]
	}
}

func (s *Scheduler[T]) closeGroups(ids []GroupID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		s.groups.close(id)
	}
}

// ResetBreakers closes all breakers: what failed may have been fixed.
func (s *Scheduler[T]) ResetBreakers() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups.reset()
}

// Broken is the number of groups whose breaker is open.
func (s *Scheduler[T]) Broken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.groups.countBroken()
}
