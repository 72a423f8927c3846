package ratestate

import "sync/atomic"

// forgotten remembers some of the series whose state is gone, so that one that comes back can be told from a new one: a
// table of short fingerprints in which the later entry replaces the earlier. It only says why there is no rate. It is
// safe for concurrent use.
type forgotten struct {
	size uint64
	// entries are fingerprint << 32 | the time at which the state expired or would have; 0 is free. The table is made
	// when there is something to note.
	entries atomic.Pointer[[]atomic.Uint64]
}

// The table is sized by the largest number of series: half a megabyte where there are 65,536 or more.
const (
	minForgotten = 1 << 8
	maxForgotten = 1 << 16
)

func forgottenSize(maxSeries int) uint64 {
	n := maxForgotten
	for n > minForgotten && maxSeries > 0 && n/2 >= maxSeries {
		n /= 2
	}
	return uint64(n)
}

func (f *forgotten) note(k Key, expires Time) {
	entries := f.entries.Load()
	if entries == nil {
		made := make([]atomic.Uint64, f.size)
		f.entries.CompareAndSwap(nil, &made)
		entries = f.entries.Load()
	}
	(*entries)[k.B%f.size].Store(k.A<<32 | uint64(expires))
}

// recall returns when the state of a series that was forgotten expired or would have, and forgets that, too.
func (f *forgotten) recall(k Key) (expires Time, ok bool) {
	entries := f.entries.Load()
	if entries == nil {
		return 0, false
	}
	e := &(*entries)[k.B%f.size]
	v := e.Load()
	if v == 0 || uint32(v>>32) != uint32(k.A) || !e.CompareAndSwap(v, 0) {
		return 0, false
	}
	return Time(v), true
}
