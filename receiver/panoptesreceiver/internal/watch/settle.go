package watch

import (
	"maps"
	"time"
)

const (
	// quiet is how long a scan waits after the first sign of a change: changes come in groups.
	quiet = 50 * time.Millisecond
	// Gone is the state of a file that is no longer there.
	Gone = "gone"
)

// Files that come and go, or go back and forth between two states, are damped: each time that a state comes back, the next one
// must last twice as long.
const (
	// maxFlaps bounds that: 32 times.
	maxFlaps = 5
	// memory is how many times settle a state that was given up must be away in order to be new again, and how many a file must keep
	// still for its flaps to be forgotten.
	memory = 1 << maxFlaps
)

// Settling tells when a state of a file is to be taken. The zero value has taken nothing.
type Settling struct {
	Taken   string
	before  string    // was taken before Taken
	taken   time.Time // when Taken was
	pending string
	since   time.Time // pending has lasted
	moved   time.Time // when the file was last seen in another state than just before
	flaps   int
}

// See notes that the file is in a state, and says whether to take it now. Otherwise, where the state is new, next is
// when to look again: in between, too, and unevenly, or a file that comes and goes in step with the looks would be there each time.
func (s *Settling) See(state string, now time.Time, settle time.Duration) (take bool, next time.Time) {
	if now.Sub(s.moved) > memory*settle {
		s.flaps = 0
	}
	if state == s.Taken {
		if s.Pending() {
			s.pending, s.moved = "", now
		}
		return false, time.Time{}
	}
	if s.pending != state {
		s.pending, s.since, s.moved = state, now, now
	}
	wait := settle << s.flaps
	if lasted := now.Sub(s.since); lasted < wait {
		return false, s.since.Add(nextLook(lasted, wait))
	}
	cameBack := state == s.before || state == Gone || s.Taken == Gone
	if cameBack && !s.taken.IsZero() && s.since.Sub(s.taken) < memory*settle {
		s.flaps = min(s.flaps+1, maxFlaps)
	}
	s.before, s.Taken, s.taken, s.pending = s.Taken, state, now, ""
	return true, time.Time{}
}

// nextLook divides a wait by the golden section, from both ends.
func nextLook(lasted, wait time.Duration) time.Duration {
	for _, at := range []time.Duration{wait * 382 / 1000, wait * 618 / 1000} {
		if lasted < at {
			return at
		}
	}
	return wait
}

// Again has the next state taken as if none were, once it has settled.
func (s *Settling) Again() { s.Taken, s.pending = "", "" }

// Past has how files settled that are gone, by their paths: one that is back soon is not new.
type Past map[string]Settling

// Of returns how a file settled that was not there at the last look.
func (p Past) Of(path string) Settling {
	s, ok := p[path]
	if !ok {
		return Settling{Taken: Gone}
	}
	delete(p, path)
	return s
}

// Forget drops what is too old to matter.
func (p Past) Forget(now time.Time, settle time.Duration) {
	maps.DeleteFunc(p, func(_ string, s Settling) bool { return now.Sub(s.moved) > memory*settle })
}

// Pending says whether there is a state that was not taken yet.
func (s *Settling) Pending() bool { return s.pending != "" }

// pace says when the next scan is.
type pace struct {
	interval time.Duration
	settle   time.Duration
	last     time.Time // scan
	full     time.Time // scan of the interval
	next     time.Time
}

// begin notes that a scan begins, and says whether it is one of the interval.
func (p *pace) begin(now time.Time) (periodic bool) {
	p.last = now
	if periodic = !now.Before(p.full); periodic {
		p.full = now.Add(p.interval)
	}
	p.next = p.full
	return periodic
}

// by asks for a scan at t, unless there is one before. The zero time asks for none.
func (p *pace) by(t time.Time) {
	if !t.IsZero() && t.Before(p.next) {
		p.next = t
	}
}

// changed asks for a scan since something may have changed: at once, but while changes go on only every settle.
func (p *pace) changed(now time.Time) {
	t := now.Add(quiet)
	if after := p.last.Add(p.settle); after.After(t) {
		t = after
	}
	p.by(t)
}
