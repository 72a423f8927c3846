package schedule

import (
	"math/rand/v2"
	"time"
)

// GroupID names a group in a Scheduler. No group has 0.
type GroupID uint32

// Verdict is what a run says about the resource that it ran against.
type Verdict uint8

const (
	// VerdictNone says nothing, such as a run that was given up at shutdown.
	VerdictNone Verdict = iota
	// VerdictAlive: the resource answered. It closes the breaker.
	VerdictAlive
	// VerdictQuick: the run failed, but held its place for a moment only. It neither opens nor closes the breaker.
	VerdictQuick
	// VerdictDead: the run failed as it does against a resource that does not answer.
	VerdictDead
)

// Breaker says when a resource is left alone. After Failures runs in a row that found it dead, none starts for Backoff,
// then one; each further failure doubles the wait, up to MaxBackoff. All waits are drawn between three quarters of
// themselves and all, so that resources that died together do not come back together. One that finds it alive closes
// the breaker. A task whose own last run found the resource alive runs in any case.
type Breaker struct {
	// Failures is how many runs in a row must fail; 0 turns the breaker off.
	Failures int
	// Backoff is the first wait, MaxBackoff the longest.
	Backoff, MaxBackoff time.Duration
}

// wait is how long to leave a resource alone after so many failures.
func (b *Breaker) wait(failures int) time.Duration {
	d := b.Backoff
	for n := b.Failures; n < failures && d < b.MaxBackoff; n++ {
		d *= 2
	}
	d = min(d, b.MaxBackoff)
	return d - rand.N(d/4+1)
}

// group is a resource, or an endpoint that several resources share.
type group struct {
	openUntil int64   // the breaker's, in milliseconds since the epoch
	parent    GroupID // a resource's endpoint
	running   int32
	limit     int32
	failures  uint16 // in a row
	seen      bool   // some run did not hang
	proven    bool   // the last one did not
	used      bool
	closing   bool // free once nothing of it runs
}

// groups holds all groups. Not safe for concurrent use.
type groups struct {
	list    []group // index 0 is not used
	free    []GroupID
	breaker Breaker
}

func newGroups(b Breaker) *groups { return &groups{list: make([]group, 1), breaker: b} }

func (g *groups) open(limit int, parent GroupID) GroupID {
	id := GroupID(len(g.list))
	if n := len(g.free); n > 0 {
		id, g.free = g.free[n-1], g.free[:n-1]
	} else {
		g.list = append(g.list, group{})
	}
	g.list[id] = group{limit: int32(limit), parent: parent, used: true}
	return id
}

// close lets a group be used again once nothing of it runs.
func (g *groups) close(id GroupID) {
	g.list[id].used, g.list[id].closing = false, true
	g.reclaim(id)
}

func (g *groups) reclaim(id GroupID) {
	if k := &g.list[id]; k.closing && k.running == 0 {
		k.closing = false
		g.free = append(g.free, id)
	}
}

// setParent moves a resource to another endpoint, with its runs under way.
func (g *groups) setParent(id, parent GroupID) {
	k := &g.list[id]
	if k.parent != 0 {
		g.list[k.parent].running -= k.running
		g.reclaim(k.parent)
	}
	if k.parent = parent; parent != 0 {
		g.list[parent].running += k.running
	}
}

// full returns the group that leaves no room for another run, or 0.
func (g *groups) full(id GroupID) GroupID {
	if id != 0 && g.tried(id) {
		return id
	}
	for ; id != 0; id = g.list[id].parent {
		if k := &g.list[id]; k.limit > 0 && k.running >= k.limit {
			return id
		}
	}
	return 0
}

func (g *groups) begin(id GroupID) {
	for ; id != 0; id = g.list[id].parent {
		g.list[id].running++
	}
}

func (g *groups) end(id GroupID) {
	for id != 0 {
		k := &g.list[id]
		k.running--
		parent := k.parent
		g.reclaim(id)
		id = parent
	}
}

// trust is what is to be expected of a run against a resource.
type trust uint8

const (
	// trustProven: its last run did not hang.
	trustProven trust = iota
	// trustOpen: nothing is known of it yet, or it hung last and was well before.
	trustOpen
	// trustNone: no run has ever come back, and one hung.
	trustNone
)

func (g *groups) trust(id GroupID) trust {
	switch k := &g.list[id]; {
	case k.proven:
		return trustProven
	case !k.seen && k.failures > 0:
		return trustNone
	}
	return trustOpen
}

// tried says whether a run goes on that is to show whether a resource answers at all. It is the only one meanwhile: a
// resource that is dead from the start must not hang several.
func (g *groups) tried(id GroupID) bool {
	k := &g.list[id]
	return !k.seen && k.running > 0
}

// broken says whether the breaker of a resource holds back its runs: while it waits, and while the one run goes on that
// may end the wait.
func (g *groups) broken(id GroupID, now int64) bool {
	k := &g.list[id]
	return g.breaker.Failures > 0 && int(k.failures) >= g.breaker.Failures && (now < k.openUntil || k.running > 0)
}

// note takes the verdict of a run.
func (g *groups) note(id GroupID, v Verdict, now int64) {
	k := &g.list[id]
	open := g.breaker.Failures > 0 && int(k.failures) >= g.breaker.Failures
	switch v {
	case VerdictAlive:
		k.failures, k.seen, k.proven = 0, true, true
	case VerdictQuick:
		k.seen, k.proven = true, true
	case VerdictDead:
		k.proven = false
		if k.failures < 1<<15 {
			k.failures++
		}
		open = g.breaker.Failures > 0 && int(k.failures) >= g.breaker.Failures
	}
	if open && v != VerdictAlive {
		k.openUntil = now + g.breaker.wait(int(k.failures)).Milliseconds()
	}
}

// reset closes all breakers.
func (g *groups) reset() {
	for i := range g.list {
		g.list[i].failures = 0
	}
}

func (g *groups) shift(by int64) {
	for i := range g.list {
		g.list[i].openUntil += by
	}
}

// countBroken counts the groups whose breaker is open.
func (g *groups) countBroken() int {
	n := 0
	for i := range g.list {
		if k := &g.list[i]; k.used && g.breaker.Failures > 0 && int(k.failures) >= g.breaker.Failures {
			n++
		}
	}
	return n
}
