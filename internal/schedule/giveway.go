package schedule

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

// ErrGaveWay is the cause for which a run's context ends where the run gives up its place: it takes many times as long
// as runs of its lane do, and others wait.
var ErrGaveWay = errors.New("the run gave up its place to others that waited")

const (
	// leastPatience is how long any run may take.
	leastPatience = 10 * time.Second
	// patienceFactor is how many times as long as the longest of the lane's recent runs that were answered a run may take.
	patienceFactor = 4
	// minAnswers is how many runs of a lane must have been answered before others are measured by them.
	minAnswers = 8
	// shortLooks is at how many looks in a row, a second apart, places must be short.
	shortLooks = 2
)

// underway is what a worker works on.
type underway struct {
	ctx    context.Context
	cancel context.CancelCauseFunc // made once a worker: once a run would be expensive
	on     bool
	ended  bool // the context
	begin  func()
	begun  atomic.Int64 // when the run called Begun, on the monotonic clock; 0 while it waits, such as for a Python worker
	place  place
	task   ID
}

func (s *Scheduler[T]) newUnderway() *underway {
	u := &underway{}
	u.begin = func() { u.begun.Store(s.clock.monotonic()) }
	u.renew(s.runCtx)
	return u
}

func (u *underway) renew(base context.Context) {
	u.ctx, u.cancel = context.WithCancelCause(base)
	u.ended = false
}

// short says whether tasks wait for places that a class has, or runs for its workers.
func (s *Scheduler[T]) short(class int) bool {
	c, q := &s.queue.classes[class], s.queue
	if c.running > c.workers || c.ready > 0 && c.running >= c.limit || s.waitsForTrial(class) {
		return true
	}
	for i := range q.classes { // that another one shares with it
		other, of := &q.classes[i], c.of
		if other.of == of &&
			(other.ready > 0 && of.running >= of.limit || s.waitsForTrial(i) && of.unproven.room(trustOpen, of.limit) <= 0) {
			return true
		}
	}
	return false
}

// waitsForTrial says whether resources of which nothing is known wait for a place.
func (s *Scheduler[T]) waitsForTrial(class int) bool {
	return len(s.parked[parkKey{class: class, trust: trustOpen}]) > 0
}

// giveWay ends runs that hang while others wait for their places: without it, devices that go dark together take all
// places until their deadlines. A run counts as hanging where it takes much longer than its lane's runs that were
// answered, so that plugins that are slow stay as they are. A quarter of a class may go at each look, those that began
// first. What a run waits for a worker does not count: a shortage makes runs late, and fails none. The caller holds the lock.
func (s *Scheduler[T]) giveWay() {
	for class := range s.queue.classes {
		c := &s.queue.classes[class]
		if !s.short(class) {
			c.short = 0
			continue
		}
		if c.short++; c.short < shortLooks {
			continue
		}
		var hang []*underway
		for _, u := range s.underway {
			if s.hangs(u, class) {
				hang = append(hang, u)
			}
		}
		slices.SortFunc(hang, func(a, b *underway) int { return cmp.Compare(a.begun.Load(), b.begun.Load()) })
		for _, u := range hang[:min(len(hang), max(c.workers/4, 1))] {
			u.ended = true
			u.cancel(ErrGaveWay)
		}
	}
}

// hangs says whether a run of a class has taken so long that it is to give up its place.
func (s *Scheduler[T]) hangs(u *underway, class int) bool {
	begun := u.begun.Load()
	if !u.on || u.ended || u.place.group == 0 || begun == 0 {
		return false
	}
	l := &s.queue.lanes[u.place.lane]
	if l.class != class || l.answers < minAnswers {
		return false
	}
	patience := max(leastPatience, patienceFactor*l.usual)
	// A resource may be slower than all others: each time that it gives way it gets four times as long.
	patience <<= 2 * min(s.groups.list[u.place.group].failures, 8)
	return time.Duration(s.clock.monotonic()-begun) > patience
}

// answered notes how long a run took that was answered. What is usual falls by half within some fifty runs.
func (l *lane) answered(took time.Duration) {
	l.usual = max(l.usual-l.usual/64, took)
	l.answers = min(l.answers+1, minAnswers)
}
