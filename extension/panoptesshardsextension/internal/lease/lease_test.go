package lease_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/lease"
)

const (
	session   = 15 * time.Second
	rebalance = 20 * time.Second
)

// clock is a pair of clocks that a test sets.
type clock struct{ now lease.Instant }

func (c *clock) pass(d time.Duration) { c.now.Mono += int64(d); c.now.Wall += int64(d) }

func newLease(t *testing.T, change func(*lease.Settings)) (*lease.Lease, *clock) {
	t.Helper()
	c := &clock{lease.Instant{Mono: 1, Wall: 1_000_000}}
	set := lease.Settings{Session: session, Rebalance: rebalance, Clock: func() lease.Instant { return c.now }}
	if change != nil {
		change(&set)
	}
	return lease.New(set), c
}

func TestTermsEndTheLease(t *testing.T) {
	tests := map[string]struct {
		broken func(*lease.Settings)
		do     func(*lease.Lease, *clock)
		left   time.Duration
	}{
		"no heartbeat yet": {do: func(*lease.Lease, *clock) {}},
		"a heartbeat": {
			do:   func(l *lease.Lease, _ *clock) { l.Renew(l.Start(), true) },
			left: session - lease.Margin,
		},
		"the start of the request counts, not its answer": {
			do: func(l *lease.Lease, c *clock) {
				start := l.Start()
				c.pass(2 * time.Second)
				l.Renew(start, true)
			},
			left: session - lease.Margin - 2*time.Second,
		},
		"only rebalances ever seen": {do: func(l *lease.Lease, _ *clock) { l.Renew(l.Start(), false) }},
		"heartbeats of a rebalance renew the first term only": {
			do: func(l *lease.Lease, c *clock) {
				l.Renew(l.Start(), true)
				for range 10 {
					c.pass(time.Second)
					l.Renew(l.Start(), false)
				}
			},
			left: rebalance - lease.Margin - 10*time.Second,
		},
		"a rebalance outlasts the second term": {
			do: func(l *lease.Lease, c *clock) {
				l.Renew(l.Start(), true)
				for range 20 {
					c.pass(time.Second)
					l.Renew(l.Start(), false)
				}
			},
		},
		"the same without the second term": {
			broken: func(s *lease.Settings) { s.OneTerm = true },
			do: func(l *lease.Lease, c *clock) {
				l.Renew(l.Start(), true)
				for range 30 {
					c.pass(time.Second)
					l.Renew(l.Start(), false)
				}
			},
			left: session - lease.Margin,
		},
		"run out": {
			do: func(l *lease.Lease, c *clock) { l.Renew(l.Start(), true); c.pass(session - lease.Margin) },
		},
		"a machine that was suspended: only the wall clock has gone on": {
			do: func(l *lease.Lease, c *clock) { l.Renew(l.Start(), true); c.now.Wall += int64(time.Hour) },
		},
		"a wall clock that was set back does not lengthen it": {
			do: func(l *lease.Lease, c *clock) {
				l.Renew(l.Start(), true)
				c.pass(5 * time.Second)
				c.now.Wall -= int64(time.Hour)
			},
			left: session - lease.Margin - 5*time.Second,
		},
		"an answer after the end, to a heartbeat from before it": {
			do: func(l *lease.Lease, c *clock) {
				l.Renew(l.Start(), true)
				c.pass(10 * time.Second)
				start := l.Start()
				c.pass(10 * time.Second)
				l.Renew(start, true)
			},
		},
		"a heartbeat that began after the end": {
			do: func(l *lease.Lease, c *clock) {
				l.Renew(l.Start(), true)
				c.pass(time.Minute)
				l.Renew(l.Start(), true)
			},
			left: session - lease.Margin,
		},
		"the coordinator does not know the member": {
			do: func(l *lease.Lease, c *clock) { l.Renew(l.Start(), true); c.pass(time.Second); l.End() },
		},
		"a good answer that was on its way then": {
			do: func(l *lease.Lease, c *clock) {
				start := l.Start()
				c.pass(time.Second)
				l.End()
				l.Renew(start, true)
			},
		},
		"the first good answer as a new member": {
			do: func(l *lease.Lease, c *clock) {
				l.Renew(l.Start(), true)
				l.End()
				c.pass(time.Second)
				l.Renew(l.Start(), true)
			},
			left: session - lease.Margin,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l, c := newLease(t, tt.broken)
			tt.do(l, c)
			assert.Equal(t, tt.left, l.Left())
			assert.Equal(t, tt.left > 0, l.Valid())
		})
	}
}

func TestHeldLeaseLastsUntilTheCoordinatorSaysSomething(t *testing.T) {
	l, c := newLease(t, nil)
	l.Hold(true)
	assert.False(t, l.Valid(), "there is nothing to hold")

	l.Renew(l.Start(), true)
	l.Hold(true)
	c.pass(time.Hour)
	assert.True(t, l.Valid())
	l.Hold(false)
	assert.False(t, l.Valid())

	l.Hold(true)
	l.Renew(l.Start(), true)
	c.pass(time.Hour)
	assert.False(t, l.Valid(), "a heartbeat ends what was held")

	l.Hold(true)
	l.End()
	assert.False(t, l.Valid())
}

// TestNeverValidWhenTheCoordinatorMayHaveGivenTheShardsAway plays a coordinator that acts as early as Kafka may.
func TestNeverValidWhenTheCoordinatorMayHaveGivenTheShardsAway(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l, c := newLease(t, nil)
		var (
			heard      = int64(-1) // when the coordinator got the last heartbeat
			rebalances = int64(-1) // since when, or -1
			out        bool
		)
		judge := func() {
			if heard >= 0 && c.now.Mono-heard >= int64(session) || rebalances >= 0 && c.now.Mono-rebalances >= int64(rebalance) {
				out = true
			}
			if out && l.Valid() {
				rt.Fatalf("valid at %s, when the member is out", time.Duration(c.now.Mono))
			}
		}
		wait := func(longest time.Duration) {
			c.pass(time.Duration(rapid.Int64Range(0, int64(longest)).Draw(rt, "wait")))
			judge()
		}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"heartbeat", "rebalance", "settle", "wait"}).Draw(rt, "step") {
			case "heartbeat":
				start := l.Start()
				wait(20 * time.Second)
				answer, quiet := !out, rebalances < 0
				if answer {
					heard = c.now.Mono
				}
				wait(20 * time.Second)
				if rapid.Bool().Draw(rt, "lost") {
					break
				}
				if answer {
					l.Renew(start, quiet)
				} else {
					l.End()
					out, heard, rebalances = false, -1, -1 // it joins anew
				}
			case "rebalance":
				if rebalances < 0 {
					rebalances = c.now.Mono
				}
			case "settle": // it rejoins in time, and claims what it had
				if !out {
					rebalances = -1
				}
			case "wait":
				wait(20 * time.Second)
			}
			judge()
		}
	})
}

func BenchmarkValid(b *testing.B) {
	l := lease.New(lease.Settings{Session: session, Rebalance: rebalance})
	l.Renew(l.Start(), true)
	for b.Loop() {
		if !l.Valid() {
			l.Renew(l.Start(), true)
		}
	}
}
