package schedule

import (
	"math"
	"time"
)

// ID names a task in a Scheduler. No task has 0. An ID is used again after the task is removed.
type ID uint32

// maxInterval bounds intervals, which are 32 bits of milliseconds: 49 days.
const maxInterval = math.MaxUint32 * time.Millisecond

// Spec says when a task runs.
type Spec struct {
	// Hash is that of the task's name, see Hash.
	Hash uint32
	// SameName says that a task which is changed keeps its name, whatever Hash is.
	SameName bool
	// Interval is the time between two runs, at least a millisecond; more than 49 days count as 49 days.
	Interval time.Duration
	// Last is the slot of its last run before a restart; zero where it is not known.
	Last time.Time
	// Group is the task's resource, which bounds its runs; 0 where there is none.
	Group GroupID
	// AtOnce has the first run start without delay, where Last does not say when it is due.
	AtOnce bool
	// TakenOver says that another scheduler ran the task until now: it keeps to the task's phase, and makes up for a slot
	// that passed meanwhile.
	TakenOver bool
}

func (s *Spec) millis() uint32 { return uint32(min(s.Interval, maxInterval).Milliseconds()) }

type state uint8

const (
	stateFree    state = iota
	stateWaiting       // has an entry in the agenda
	stateReady         // has an entry in a lane, or is parked
	stateRunning
	stateRemoved // still running, and gone when it ends
)

// task is what the scheduler knows of one task: 40 bytes without pointers, so that a million of them cost the garbage
// collector nothing. Times are milliseconds since the epoch.
type task struct {
	due      int64 // slot of the next run, or of the run under way
	last     int64 // slot of the last run that began; 0: none
	interval uint32
	hash     uint32
	entry    uint32 // number of its entry in agenda or lane; entries with another number are stale
	lane     LaneID
	group    GroupID
	state    state
	answered bool // its last run found the resource alive
}

// Tasks and their values lie in pages, so that adding one never copies all others while the scheduler waits.
const (
	pageBits = 12
	pageSize = 1 << pageBits
)

// table holds all tasks. values lie beside tasks since they have pointers. Not safe for concurrent use.
type table[T any] struct {
	tasks  []*[pageSize]task
	values []*[pageSize]T
	size   int // IDs given out, with 0, which is not used
	free   []ID
	agenda agenda
	stale  int // entries of the agenda, at least
	held   int // tasks that are neither free nor removed
	// zombies are tasks that were removed while they ran, by hash: one that comes back meanwhile goes on as the same
	// task, or two of its runs could overlap. Another task of the same hash, a chance of one in billions, waits for it.
	zombies map[uint32]ID
}

func newTable[T any]() *table[T] {
	return &table[T]{size: 1, agenda: newAgenda(), zombies: map[uint32]ID{}}
}

func (t *table[T]) task(id ID) *task { return &t.tasks[id>>pageBits][id%pageSize] }

func (t *table[T]) value(id ID) *T { return &t.values[id>>pageBits][id%pageSize] }

// add adds a task, and says when it is due.
func (t *table[T]) add(lane LaneID, spec Spec, value T, now time.Time) (id ID, due int64) {
	hash := spec.Hash
	t.held++
	if id, ok := t.zombies[hash]; ok {
		delete(t.zombies, hash)
		k := t.task(id)
		k.state, k.hash, k.interval, k.lane, k.group = stateRunning, hash, spec.millis(), lane, spec.Group
		*t.value(id) = value
		return id, k.due
	}
	id = t.place()
	k := t.task(id)
	*k = task{interval: spec.millis(), hash: hash, lane: lane, entry: k.entry, group: spec.Group}
	if !spec.Last.IsZero() {
		k.last = spec.Last.UnixMilli()
	}
	*t.value(id) = value
	switch {
	case spec.AtOnce && spec.Last.IsZero():
		t.wait(id, now.UnixMilli())
	case spec.TakenOver:
		t.wait(id, takenOver(hash, int64(k.interval), k.last, now.UnixMilli()))
	default:
		t.wait(id, firstRun(hash, spec.Interval, now, spec.Last).UnixMilli())
	}
	return id, k.due
}

// place is a free ID.
func (t *table[T]) place() ID {
	if n := len(t.free); n > 0 {
		id := t.free[n-1]
		t.free = t.free[:n-1]
		return id
	}
	id := ID(t.size)
	t.size++
	if int(id>>pageBits) == len(t.tasks) {
		t.tasks = append(t.tasks, new([pageSize]task))
		t.values = append(t.values, new([pageSize]T))
	}
	return id
}

// update changes a task. Where its interval stays it keeps its slot, so that a million tasks that get other names at
// once cost little and none waits longer; slotAfterRun moves it. Otherwise it gets the slot that the new interval gives
// it, at least half an interval after its last run.
func (t *table[T]) update(id ID, lane LaneID, spec Spec, value T, now time.Time) (due int64) {
	k := t.task(id)
	hash, interval := spec.Hash, spec.millis()
	if spec.SameName {
		hash = k.hash
	}
	moved := interval != k.interval
	laneChanged := lane != k.lane
	k.hash, k.interval, k.lane = hash, interval, lane
	*t.value(id) = value
	switch {
	case k.state == stateRunning || !moved && !laneChanged:
		return k.due
	case k.state == stateWaiting && !moved:
		return k.due
	case !moved: // ready in another lane: it waits for the new one
		t.wait(id, k.due)
		return k.due
	}
	if k.last == 0 {
		t.wait(id, now.Add(firstDelay(hash, spec.Interval)).UnixMilli())
	} else {
		t.wait(id, nextSlot(hash, int64(interval), max(k.last+int64(interval)/2-1, now.UnixMilli())))
	}
	return k.due
}

// remove takes a task out. One that runs is gone when it ends.
func (t *table[T]) remove(id ID) {
	k := t.task(id)
	if k.state == stateFree || k.state == stateRemoved {
		return
	}
	t.held--
	if k.state == stateRunning {
		k.state = stateRemoved
		t.zombies[k.hash] = id
		return
	}
	if k.state == stateWaiting {
		t.stale++
	}
	t.release(id)
}

func (t *table[T]) release(id ID) {
	k := t.task(id)
	k.state = stateFree
	k.entry++
	var zero T
	*t.value(id) = zero
	t.free = append(t.free, id)
	t.compact()
}

// wait gives a task an entry in the agenda; one that it had becomes stale.
func (t *table[T]) wait(id ID, due int64) {
	k := t.task(id)
	if k.state == stateWaiting {
		t.stale++
	}
	k.state, k.due = stateWaiting, due
	k.entry++
	t.agenda.push(heapEntry{due, id, k.entry})
	t.compact()
}

// popDue takes up to limit tasks that are due out of the agenda, and says how many, and the shortest interval of these. end is that
// of the step which is over.
func (t *table[T]) popDue(now, end int64, limit int, ready func(lane LaneID, e readyEntry)) (n int, shortest time.Duration) {
	shortest = math.MaxInt64
	for n < limit {
		e, ok := t.agenda.pop(now)
		if !ok {
			break
		}
		k := t.task(e.id)
		if k.state != stateWaiting || k.entry != e.entry {
			t.stale--
			continue
		}
		k.state = stateReady
		k.entry++
		ready(k.lane, readyEntry{e.id, k.entry, uint32(max(end-k.due, 0))})
		n, shortest = n+1, min(shortest, time.Duration(k.interval)*time.Millisecond)
	}
	return n, shortest
}

// ready returns the task of an entry, or nil where the entry is stale.
func (t *table[T]) ready(e readyEntry) *task {
	k := t.task(e.id)
	if k.state != stateReady || k.entry != e.entry {
		return nil
	}
	return k
}

// end ends a run, or skips one: it gives the task its next slot and says how many it missed.
func (t *table[T]) end(id ID, now int64) (missed, due int64) {
	k := t.task(id)
	if k.state == stateRemoved {
		if t.zombies[k.hash] == id {
			delete(t.zombies, k.hash)
		}
		t.release(id)
		return 0, 0
	}
	interval := int64(k.interval)
	next := slotAfterRun(k.hash, interval, k.due)
	if next <= now {
		missed = (now-next)/interval + 1
		next += missed * interval
	}
	t.wait(id, next)
	return missed, next
}

// shift moves all times: the clock was set.
func (t *table[T]) shift(by int64) {
	for _, page := range t.tasks {
		for i := range page {
			k := &page[i]
			k.due += by
			if k.last != 0 {
				k.last += by
			}
		}
	}
	t.agenda.shift(by)
}

// compact drops stale entries, a bucket at a time, once they are the greater part of the agenda.
func (t *table[T]) compact() {
	if t.stale < 1024 || t.stale < t.agenda.size/2 {
		return
	}
	t.stale -= t.agenda.sweep(func(e heapEntry) bool {
		k := t.task(e.id)
		return k.state == stateWaiting && k.entry == e.entry
	})
}
