package logs

import (
	"maps"
	"sync"
	"time"
)

const (
	// digestEvery is the time between two lines of one cause.
	digestEvery = time.Minute
	// digestCauses bounds the causes that are told apart; what is more is told of together.
	digestCauses = 256
)

// Digest tells in the log of what happens often, such as one failure of a thousand devices, by its cause: of the first
// at once, of what follows within a minute in one line at its end. It is safe for concurrent use.
type Digest struct {
	mu      sync.Mutex
	causes  map[string]*cause
	timer   *time.Timer // set while something is held back
	stopped bool
}

type cause struct {
	told time.Time
	held int
	tell func(held int) // of the last that was held back
}

// NewDigest returns a Digest that has told nothing. Stop ends it. A nil Digest tells of everything.
func NewDigest() *Digest { return &Digest{causes: map[string]*cause{}} }

// Note takes an occurrence of a cause. tell writes the line, now or within a minute, or never where another occurrence of
// the cause comes meanwhile: then that one's is called. held is how many have happened since the line before besides the one
// that the line is about. No other call of tell, for whatever cause, is under way meanwhile, and it must not call the Digest.
func (d *Digest) Note(id string, tell func(held int)) {
	if d == nil {
		tell(0)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped {
		return
	}
	now := time.Now()
	c := d.causes[id]
	if c == nil {
		if len(d.causes) >= digestCauses {
			d.forget(now)
		}
		if len(d.causes) >= digestCauses {
			id = "" // one for all the others
		}
		if c = d.causes[id]; c == nil {
			c = &cause{}
			d.causes[id] = c
		}
	}
	if c.held == 0 && (c.told.IsZero() || now.Sub(c.told) >= digestEvery) {
		c.told = now
		tell(0)
		return
	}
	c.held++
	c.tell = tell
	if d.timer == nil {
		d.timer = time.AfterFunc(digestEvery-now.Sub(c.told), d.due)
	}
}

// due tells what was held back long enough, and sets the timer for the rest.
func (d *Digest) due() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.timer = nil
	if d.stopped {
		return
	}
	now := time.Now()
	next := digestEvery
	for _, c := range d.causes {
		if c.held == 0 {
			continue
		}
		if wait := digestEvery - now.Sub(c.told); wait > 0 {
			next = min(next, wait)
			continue
		}
		c.release(now)
	}
	for _, c := range d.causes {
		if c.held > 0 {
			d.timer = time.AfterFunc(next, d.due)
			return
		}
	}
}

func (c *cause) release(now time.Time) {
	tell, held := c.tell, c.held-1
	c.told, c.held, c.tell = now, 0, nil
	tell(held)
}

// forget drops causes that are long past. The lock is held.
func (d *Digest) forget(now time.Time) {
	maps.DeleteFunc(d.causes, func(_ string, c *cause) bool { return c.held == 0 && now.Sub(c.told) >= digestEvery })
}

// Stop tells what is held back, and nothing afterwards.
func (d *Digest) Stop() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped {
		return
	}
	d.stopped = true
	if d.timer != nil {
		d.timer.Stop()
	}
	now := time.Now()
	for _, c := range d.causes {
		if c.held > 0 {
			c.release(now)
		}
	}
}
