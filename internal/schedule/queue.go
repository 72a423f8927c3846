package schedule

import (
	"math"
	"time"
)

// LaneID names a lane in a Scheduler. No lane has 0.
type LaneID uint32

// readyEntry is a task that is due and waits for a free place.
type readyEntry struct {
	id    ID
	entry uint32
	// gathered is the time from its slot to the end of the step in which it was to start, in milliseconds.
	gathered uint32
}

// lane holds the tasks of one plugin that are ready, oldest first.
type lane struct {
	class   int
	limit   int // of runs at once; 0: the class's
	ready   []readyEntry
	head    int
	running int
	answers int           // runs that were answered, up to minAnswers
	usual   time.Duration // that these took, the longest of late
	open    bool          // false: no new tasks; gone when nothing of it runs
	listed  bool          // is in its class's list
}

// places are what runs of several classes share.
type places struct {
	limit    int
	running  int
	unproven unproven
}

// class is a kind of plugins that share a bounded number of places, such as the Python workers.
type class struct {
	of       *places // that it shares with other classes
	limit    int
	workers  int // runs that really go on at once, at most limit
	short    int // looks in a row at which places were short
	running  int
	unproven unproven
	ready    int      // entries in all lanes
	open     int      // lanes
	lanes    []LaneID // with ready tasks, in turn
}

// queue holds what is ready. Lanes of one class take turns, and where there is more than one lane, none may hold
// all places: a plugin that hangs against a thousand resources leaves room for the others. Not safe for concurrent use.
type queue struct {
	common  places // of all classes that have none of their own
	lanes   []lane // index 0 is not used
	free    []LaneID
	classes []class
	turn    int // class that is asked first
}

func newQueue(limit int, classes []Class) *queue {
	q := &queue{common: places{limit: limit}, lanes: make([]lane, 1)}
	for _, c := range classes {
		of := &q.common
		if c.Apart {
			of = &places{limit: c.Places}
		}
		workers := max(c.Places/max(c.Ahead, 1), 1)
		q.classes = append(q.classes, class{of: of, limit: min(c.Places, of.limit), workers: min(workers, of.limit)})
	}
	return q
}

func (q *queue) openLane(class, limit int) LaneID {
	var id LaneID
	if n := len(q.free); n > 0 {
		id, q.free = q.free[n-1], q.free[:n-1]
	} else {
		id = LaneID(len(q.lanes))
		q.lanes = append(q.lanes, lane{})
	}
	q.lanes[id] = lane{class: class, limit: limit, open: true}
	q.classes[class].open++
	return id
}

func (q *queue) closeLane(id LaneID) {
	l := &q.lanes[id]
	if !l.open {
		return
	}
	c := &q.classes[l.class]
	c.open--
	c.ready -= len(l.ready) - l.head
	l.open, l.ready, l.head = false, nil, 0
	q.reclaim(id)
}

// reclaim lets a closed lane be used again once nothing refers to it any more.
func (q *queue) reclaim(id LaneID) {
	if l := &q.lanes[id]; !l.open && l.running == 0 && !l.listed {
		q.free = append(q.free, id)
	}
}

func (q *queue) push(id LaneID, e readyEntry) {
	l := &q.lanes[id]
	if !l.open {
		return
	}
	if l.head > 64 && l.head > len(l.ready)/2 {
		l.ready = append(l.ready[:0], l.ready[l.head:]...)
		l.head = 0
	}
	l.ready = append(l.ready, e)
	q.pushed(id, l)
}

// pushFront gives an entry that has waited already the first place of its lane.
func (q *queue) pushFront(id LaneID, e readyEntry) {
	l := &q.lanes[id]
	if !l.open {
		return
	}
	if l.head == 0 {
		l.ready = append(l.ready, readyEntry{})
		copy(l.ready[1:], l.ready)
		l.head = 1
	}
	l.head--
	l.ready[l.head] = e
	q.pushed(id, l)
}

func (q *queue) pushed(id LaneID, l *lane) {
	c := &q.classes[l.class]
	c.ready++
	if !l.listed {
		l.listed = true
		c.lanes = append(c.lanes, id)
	}
}

// startable is the most tasks that take may give now.
func (q *queue) startable() int {
	shared, apart := 0, 0
	for i := range q.classes {
		c := &q.classes[i]
		n := min(c.ready, c.limit-c.running)
		if c.of == &q.common {
			shared += n
		} else {
			apart += n
		}
	}
	return min(shared, q.common.limit-q.common.running) + apart
}

// running is the number of runs under way.
func (q *queue) running() int {
	n := 0
	for i := range q.classes {
		n += q.classes[i].running
	}
	return n
}

// most is the most runs that can be under way.
func (q *queue) most() int {
	n := q.common.limit
	for i := range q.classes {
		if c := &q.classes[i]; c.of != &q.common {
			n += c.limit
		}
	}
	return n
}

// unproven counts runs under way that may hang: all of them, and those of no trust.
type unproven struct{ all, none int }

// room is how many more runs of a trust may start where limit go on at once. Those that may hang have three quarters
// of them, so that resources that answer never wait for those that do not; those of no trust have half, so that neither
// do resources of which nothing is known yet.
func (u *unproven) room(t trust, limit int) int {
	switch room := max(limit-max(limit/4, 1), 1) - u.all; t {
	case trustProven:
		return math.MaxInt
	case trustNone:
		return min(room, max(limit/2, 1)-u.none)
	default:
		return room
	}
}

func (u *unproven) add(t trust, n int) {
	if t != trustProven {
		u.all += n
	}
	if t == trustNone {
		u.none += n
	}
}

// room is how many more runs of a trust may start in a class, as far as trust goes.
func (q *queue) room(class int, t trust) int {
	c := &q.classes[class]
	return min(c.unproven.room(t, c.workers), c.of.unproven.room(t, c.of.limit))
}

func (q *queue) addUnproven(class int, t trust, n int) {
	c := &q.classes[class]
	c.unproven.add(t, n)
	c.of.unproven.add(t, n)
}

// take takes the next task that may run, and its place. The caller gives the place back with done.
func (q *queue) take() (LaneID, readyEntry, bool) {
	for i := range q.classes {
		n := (q.turn + i) % len(q.classes)
		if id, e, ok := q.takeOf(&q.classes[n]); ok {
			q.turn = n + 1
			return id, e, true
		}
	}
	return 0, readyEntry{}, false
}

func (q *queue) takeOf(c *class) (LaneID, readyEntry, bool) {
	if c.running >= c.limit || c.of.running >= c.of.limit {
		return 0, readyEntry{}, false
	}
	most := c.limit
	if c.open > 1 && most > 1 {
		most--
	}
	for range len(c.lanes) {
		id := c.lanes[0]
		copy(c.lanes, c.lanes[1:])
		c.lanes = c.lanes[:len(c.lanes)-1]
		l := &q.lanes[id]
		if l.head == len(l.ready) {
			l.listed, l.ready, l.head = false, l.ready[:0], 0
			q.reclaim(id)
			continue
		}
		if l.running >= most || l.limit > 0 && l.running >= l.limit {
			c.lanes = append(c.lanes, id)
			continue
		}
		e := l.ready[l.head]
		l.head++
		c.lanes = append(c.lanes, id)
		l.running++
		c.running++
		c.ready--
		c.of.running++
		return id, e, true
	}
	return 0, readyEntry{}, false
}

// done gives a place back.
func (q *queue) done(id LaneID) {
	l := &q.lanes[id]
	l.running--
	c := &q.classes[l.class]
	c.running--
	c.of.running--
	q.reclaim(id)
}
