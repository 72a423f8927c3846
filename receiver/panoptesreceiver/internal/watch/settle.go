package watch

import "time"

const (
	// quiet is how long a scan waits after the first sign of a change: changes come in groups.
	quiet = 50 * time.Millisecond
	// Gone is the state of a file that is no longer there.
	Gone = "gone"
)

// Settling tells when a state of a file is to be taken. The zero value has taken nothing.
type Settling struct {
	Taken   string
	pending string
	since   time.Time
}

// See notes that the file is in a state, and says whether to take it now. Otherwise, where the state is new, next is
// when to look again.
func (s *Settling) See(state string, now time.Time, settle time.Duration) (take bool, next time.Time) {
	if state == s.Taken {
		s.pending = ""
		return false, time.Time{}
	}
	if s.pending != state {
		s.pending, s.since = state, now
	}
	if due := s.since.Add(settle); now.Before(due) {
		return false, due
	}
	s.Taken, s.pending = state, ""
	return true, time.Time{}
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
