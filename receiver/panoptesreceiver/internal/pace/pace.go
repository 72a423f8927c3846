// Package pace says when what is gathered goes out: when there is enough of it, or some time after the first came.
package pace

import (
	"sync"
	"time"
)

// Pace takes signals from who gathers. First, Full and Stop may be called from any goroutine, and do not wait.
type Pace struct {
	first, full, stopped chan struct{}
	once                 sync.Once
}

// New returns a Pace without signals.
func New() *Pace {
	return &Pace{first: make(chan struct{}, 1), full: make(chan struct{}, 1), stopped: make(chan struct{})}
}

// First says that something came where nothing was.
func (p *Pace) First() { signal(p.first) }

// Full says that there is enough.
func (p *Pace) Full() { signal(p.full) }

// Stop ends Run. It may be called twice.
func (p *Pace) Stop() { p.once.Do(func() { close(p.stopped) }) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run calls flush when it is time, and a last time after Stop; then it returns. A signal that is left over from what is
// gone already does no harm: the delay then runs early, for less than there could have been.
func (p *Pace) Run(delay time.Duration, flush func()) {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-p.first:
			timer.Reset(delay)
		case <-timer.C:
			flush()
		case <-p.full:
			flush()
		case <-p.stopped:
			flush()
			return
		}
	}
}
