package schedule

import (
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/hashing"
)

// ID names a task in a Scheduler. No task has 0. An ID is used again after the task is removed.
type ID uint32

// Spec says when a task runs.
type Spec struct {
	// Name is the task's name, of which the hash is taken.
	Name string
	// Interval is the time between two runs, at least a millisecond.
	Interval time.Duration
	// Last is the slot of its last run before a restart; zero where it is not known.
	Last time.Time
}

type state uint8

const (
	stateFree    state = iota
	stateWaiting       // has an entry in the heap
	stateReady         // has an entry in a lane
	stateRunning
	stateRemoved // still running, and gone when it ends
)

// task is what the scheduler knows of one task. It has no pointers, so that a million of them cost the garbage
// collector nothing. Times are milliseconds since the epoch.
type task struct {
	due      int64 // slot of the next run, or of the run under way
	last     int64 // slot of the last run that began; 0: none
	interval int64
	hash     uint32
	entry    uint32 // number of its entry in heap or lane; entries with another number are stale
	lane     LaneID
	state    state
}

// heapEntry is one due time. Removing a task leaves its entry behind, to be found stale later.
type heapEntry struct {
	due   int64
	id    ID
	entry uint32
}

// table holds all tasks. values lie beside tasks since they have pointers. Not safe for concurrent use.
type table[T any] struct {
	tasks  []task // index 0 is not used
	values []T
	free   []ID
	heap   []heapEntry
	stale  int // entries of heap, at least
	held   int // tasks that are neither free nor removed
	// zombies are tasks that were removed while they ran, by name: one that comes back meanwhile goes on as the same
	// task, or two of its runs could overlap.
	zombies map[string]ID
	names   map[ID]string // of zombies
}

func newTable[T any]() *table[T] {
	return &table[T]{
		tasks:   make([]task, 1),
		values:  make([]T, 1),
		zombies: map[string]ID{},
		names:   map[ID]string{},
	}
}

// add adds a task, and says when it is due.
func (t *table[T]) add(lane LaneID, spec Spec, value T, now time.Time) (id ID, due int64) {
	hash, interval := hashing.Murmur3([]byte(spec.Name)), spec.Interval.Milliseconds()
	t.held++
	if id, ok := t.zombies[spec.Name]; ok {
		t.forget(id)
		k := &t.tasks[id]
		k.state, k.hash, k.interval, k.lane = stateRunning, hash, interval, lane
		t.values[id] = value
		return id, k.due
	}
	if n := len(t.free); n > 0 {
		id, t.free = t.free[n-1], t.free[:n-1]
	} else {
		id = ID(len(t.tasks))
		t.tasks = append(t.tasks, task{})
		t.values = append(t.values, value)
	}
	k := &t.tasks[id]
	*k = task{interval: interval, hash: hash, lane: lane, entry: k.entry}
	if !spec.Last.IsZero() {
		k.last = spec.Last.UnixMilli()
	}
	t.values[id] = value
	t.wait(id, firstRun(hash, spec.Interval, now, spec.Last).UnixMilli())
	return id, k.due
}

// update changes a task. Where neither name nor interval changed it keeps its slot; otherwise it gets the one that the
// new ones give it, at least half an interval after its last run.
func (t *table[T]) update(id ID, lane LaneID, spec Spec, value T, now time.Time) (due int64) {
	k := &t.tasks[id]
	hash, interval := hashing.Murmur3([]byte(spec.Name)), spec.Interval.Milliseconds()
	moved := hash != k.hash || interval != k.interval
	laneChanged := lane != k.lane
	k.hash, k.interval, k.lane = hash, interval, lane
	t.values[id] = value
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
		t.wait(id, nextSlot(hash, interval, max(k.last+interval/2-1, now.UnixMilli())))
	}
	return k.due
}

// remove takes a task out. One that runs is gone when it ends. name is the task's, in case it comes back before.
func (t *table[T]) remove(id ID, name string) {
	k := &t.tasks[id]
	if k.state == stateFree || k.state == stateRemoved {
		return
	}
	t.held--
	if k.state == stateRunning {
		k.state = stateRemoved
		t.zombies[name], t.names[id] = id, name
		return
	}
	if k.state == stateWaiting {
		t.stale++
	}
	t.release(id)
}

func (t *table[T]) release(id ID) {
	k := &t.tasks[id]
	k.state = stateFree
	k.entry++
	var zero T
	t.values[id] = zero
	t.free = append(t.free, id)
	t.compact()
}

func (t *table[T]) forget(id ID) {
	delete(t.zombies, t.names[id])
	delete(t.names, id)
}

// wait gives a task an entry in the heap; one that it had becomes stale.
func (t *table[T]) wait(id ID, due int64) {
	k := &t.tasks[id]
	if k.state == stateWaiting {
		t.stale++
	}
	k.state, k.due = stateWaiting, due
	k.entry++
	t.push(heapEntry{due, id, k.entry})
	t.compact()
}

// next says when the first entry is due, which may be a stale one.
func (t *table[T]) next() (due int64, ok bool) {
	if len(t.heap) == 0 {
		return 0, false
	}
	return t.heap[0].due, true
}

// popDue takes up to limit tasks that are due out of the heap.
func (t *table[T]) popDue(now int64, limit int, ready func(lane LaneID, e readyEntry)) (n int) {
	for n < limit && len(t.heap) > 0 && t.heap[0].due <= now {
		e := t.pop()
		k := &t.tasks[e.id]
		if k.state != stateWaiting || k.entry != e.entry {
			t.stale--
			continue
		}
		k.state = stateReady
		k.entry++
		ready(k.lane, readyEntry{e.id, k.entry})
		n++
	}
	return n
}

// begin says whether a task that was ready still is, and lets it run.
func (t *table[T]) begin(e readyEntry) (*task, bool) {
	k := &t.tasks[e.id]
	if k.state != stateReady || k.entry != e.entry {
		return nil, false
	}
	k.state, k.last = stateRunning, k.due
	return k, true
}

// end ends a run: it gives the task its next slot and says how many it missed.
func (t *table[T]) end(id ID, now int64) (missed, due int64) {
	k := &t.tasks[id]
	if k.state == stateRemoved {
		t.forget(id)
		t.release(id)
		return 0, 0
	}
	next := slotAfterRun(k.hash, k.interval, k.due)
	if next <= now {
		missed = (now-next)/k.interval + 1
		next += missed * k.interval
	}
	t.wait(id, next)
	return missed, next
}

// compact drops stale entries once they are the greater part of the heap.
func (t *table[T]) compact() {
	if t.stale < 1024 || t.stale < len(t.heap)/2 {
		return
	}
	live := t.heap[:0]
	for _, e := range t.heap {
		if k := &t.tasks[e.id]; k.state == stateWaiting && k.entry == e.entry {
			live = append(live, e)
		}
	}
	t.heap, t.stale = live, 0
	for i := len(t.heap)/2 - 1; i >= 0; i-- {
		t.down(i)
	}
}

func (t *table[T]) push(e heapEntry) {
	t.heap = append(t.heap, e)
	h := t.heap
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].due <= e.due {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = e
}

func (t *table[T]) pop() heapEntry {
	first := t.heap[0]
	n := len(t.heap) - 1
	t.heap[0] = t.heap[n]
	t.heap = t.heap[:n]
	if n > 0 {
		t.down(0)
	}
	return first
}

func (t *table[T]) down(i int) {
	h := t.heap
	e := h[i]
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1].due < h[child].due {
			child++
		}
		if e.due <= h[child].due {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = e
}
