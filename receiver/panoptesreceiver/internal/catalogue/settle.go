package catalogue

import (
	"os"
	"time"
)

const (
	// quiet is how long a scan waits after the first sign of a change: changes come in groups.
	quiet = 50 * time.Millisecond
	// gone is the state of a file that is no longer there.
	gone = "gone"
)

// settling tells when a state of a file is to be taken. The zero value has taken nothing.
type settling struct {
	taken   string
	pending string
	since   time.Time
}

// see notes that the file is in a state, and says whether to take it now. Otherwise, where the state is new, next is
// when to look again.
func (s *settling) see(state string, now time.Time, settle time.Duration) (take bool, next time.Time) {
	if state == s.taken {
		s.pending = ""
		return false, time.Time{}
	}
	if s.pending != state {
		s.pending, s.since = state, now
	}
	if due := s.since.Add(settle); now.Before(due) {
		return false, due
	}
	s.taken, s.pending = state, ""
	return true, time.Time{}
}

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

func dirExists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
