// Package lease says whether a member of a Kafka group may still act as one: the fence that keeps two members from
// owning the same shard.
//
// The coordinator gives a member's shards to others in two cases: when it has heard no heartbeat for the session
// time-out, or when the member has not rejoined within the rebalance time-out of a rebalance's begin. Both are measured
// here from the start of requests that were answered, so always from a time no later than the coordinator's own, and the
// lease ends a margin before.
//
// The bounds are one immutable value behind an atomic pointer. They are written under the lock, and read without it.
package lease

import (
	"sync"
	"sync/atomic"
	"time"
)

// Margin is how long before the coordinator acts the lease ends: time for a check and what it lets pass.
const Margin = 500 * time.Millisecond

// Instant is a time on both clocks, in nanoseconds. The monotonic one may stand still while a machine is suspended; the
// other may be set. The one on which more time has passed counts.
type Instant struct{ Mono, Wall int64 }

var base = time.Now()

// Now reads both clocks.
func Now() Instant {
	t := time.Now()
	return Instant{Mono: int64(t.Sub(base)), Wall: t.UnixNano()}
}

func since(now, then Instant) time.Duration {
	return time.Duration(max(now.Mono-then.Mono, now.Wall-then.Wall))
}

// Settings are what a Lease is made of.
type Settings struct {
	Session, Rebalance time.Duration
	// Clock is nil for the real one.
	Clock func() Instant
	// Off and OneTerm break the fence, for tests that show that it is needed.
	Off, OneTerm bool
}

// Lease is one member's. It is safe for concurrent use.
type Lease struct {
	set    Settings
	bounds atomic.Pointer[bounds]
	held   atomic.Bool // by Hold

	mu    sync.Mutex
	ended Instant // only heartbeats that began afterwards count
	over  bool    // whether it ever ended
}

// bounds are when the last good heartbeat began, and the last one of them that saw no rebalance.
type bounds struct {
	heard, quiet Instant
	anyQuiet     bool
}

// New returns a lease that has not begun.
func New(set Settings) *Lease {
	if set.Clock == nil {
		set.Clock = Now
	}
	return &Lease{set: set}
}

// Valid says whether the member may act now.
func (l *Lease) Valid() bool {
	b := l.bounds.Load()
	return b != nil && (l.set.Off || l.held.Load() || l.left(b, l.set.Clock()) > 0)
}

// Left is the time until the lease ends unless a heartbeat comes; 0 where it has ended. One that is held has all of its time
// left, however long that takes.
func (l *Lease) Left() time.Duration {
	b := l.bounds.Load()
	if b == nil {
		return 0
	}
	if l.held.Load() {
		return l.set.Session - Margin
	}
	return max(0, l.left(b, l.set.Clock()))
}

func (l *Lease) left(b *bounds, now Instant) time.Duration {
	left := l.set.Session - Margin - since(now, b.heard)
	if l.set.OneTerm {
		return left
	}
	if !b.anyQuiet {
		return 0
	}
	return min(left, l.set.Rebalance-Margin-since(now, b.quiet))
}

// Start is when a request begins whose answer may renew the lease.
func (l *Lease) Start() Instant { return l.set.Clock() }

// Renew notes that a heartbeat which began then was answered well, and whether it saw no rebalance. An answer that comes
// when the lease is over renews nothing if the heartbeat had begun before: nobody knows what came in between.
func (l *Lease) Renew(start Instant, quiet bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over && start.Mono <= l.ended.Mono {
		return
	}
	old := l.bounds.Load()
	if old == nil {
		old = &bounds{}
	} else if old.anyQuiet && l.left(old, l.set.Clock()) <= 0 && l.left(old, start) > 0 {
		return
	}
	b := *old
	b.heard = start
	if quiet {
		b.quiet, b.anyQuiet = start, true
	}
	l.bounds.Store(&b)
	l.held.Store(false)
}

// End ends the lease: the coordinator no longer knows the member. Answers to heartbeats that began before do not revive it.
func (l *Lease) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended, l.over = l.set.Clock(), true
	l.held.Store(false)
	l.bounds.Store(nil)
}

// Hold makes the lease last until it is renewed or ended, or let go.
func (l *Lease) Hold(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held.Store(on && l.bounds.Load() != nil)
}
