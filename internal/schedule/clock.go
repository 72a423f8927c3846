package schedule

import "time"

// stepThreshold is by how much the wall clock must differ to count as set: the clock's daemon slews less.
const stepThreshold = time.Second

// clock is the wall clock as it was when it was last set, carried on by the monotonic clock.
type clock struct {
	start time.Time // for its monotonic reading
	base  time.Time // what the wall clock would have said at start
	wall  func() time.Time
	since func(time.Time) time.Duration
}

func newClock() clock {
	now := time.Now()
	return clock{start: now, base: now.Round(0), wall: func() time.Time { return time.Now().Round(0) }, since: time.Since}
}

func (c *clock) now() time.Time { return c.base.Add(c.since(c.start)) }

// monotonic is the monotonic clock, in nanoseconds, above 0. Any goroutine may read it, without the lock.
func (c *clock) monotonic() int64 { return max(int64(c.since(c.start)), 1) }

// step says by how much the wall clock was set since the last call, and follows it; 0 where it was not. Resuming from a
// suspend looks the same: the monotonic clock stands still meanwhile.
func (c *clock) step() time.Duration {
	by := c.wall().Sub(c.now()).Round(time.Millisecond)
	if by.Abs() < stepThreshold {
		return 0
	}
	c.base = c.base.Add(by)
	return by
}
