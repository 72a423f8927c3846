package run

import (
	"context"
	"runtime"
	"time"
)

// Room has a place for each run that makes groups and hands them over, which is work for the processors alone: so where
// thousands of devices answer at once, few runs have groups, and the others only what their groups are made of, which is much
// smaller.
type Room chan struct{}

// NewRoom returns a Room with a few places for each processor.
func NewRoom() Room { return make(Room, 2*runtime.GOMAXPROCS(0)) }

// roomPatience is how long a run waits for a place. It goes on without one then: those that have one may wait for a pipeline
// that takes nothing.
const roomPatience = 5 * time.Second

// For returns what a Request has as its Room, and what is to be called when the groups of its run are handed over. Both belong to
// one goroutine.
func (r Room) For() (enter func(context.Context), leave func()) {
	in := false
	enter = func(ctx context.Context) {
		if in {
			return
		}
		select {
		case r <- struct{}{}:
			in = true
			return
		default:
		}
		patience := time.NewTimer(roomPatience)
		defer patience.Stop()
		select {
		case r <- struct{}{}:
			in = true
		case <-patience.C:
		case <-ctx.Done():
		}
	}
	return enter, func() {
		if in {
			in = false
			<-r
		}
	}
}
