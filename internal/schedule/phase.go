package schedule

import (
	"iter"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/hashing"
)

// maxFirstDelay bounds the wait for a first run, as in Panoptes (docs/panoptes/runtime.md, section 4).
const maxFirstDelay = time.Minute

// Hash is what places a task in time: the hash of its name.
func Hash(name []byte) uint32 { return hashing.Murmur3(name) }

// firstDelay is how long a task that has never run waits: the hash of its name modulo its interval, or modulo a minute
// where the interval is longer. It counts whole seconds, as Panoptes does; intervals under a second, which Panoptes
// does not have, count milliseconds.
func firstDelay(hash uint32, interval time.Duration) time.Duration {
	unit := time.Second
	if interval < unit {
		unit = time.Millisecond
	}
	span := min(interval, maxFirstDelay) / unit
	return time.Duration(hash) % max(span, 1) * unit
}

// firstRun is when a task starts that the scheduler did not have before. last is when it ran before the restart, or
// zero: where that is less than an interval ago, it goes on from there.
func firstRun(hash uint32, interval time.Duration, now, last time.Time) time.Time {
	if next := last.Add(interval); !last.IsZero() && last.Before(now) && !next.Before(now) {
		return next
	}
	return now.Add(firstDelay(hash, interval))
}

// makeUpFor is how long after its slot a task that was taken over is made up for: longer than it takes to move. What was
// missed before that stays missed, so that tasks which come back after hours do not start together.
const makeUpFor = 10 * time.Second

// takenOver is when a task is due that something else ran until now, with last as its last slot: in the slot after that
// one, where it has not passed, or not long ago. Where last is 0 it is not known, and the task keeps to its phase. All
// are milliseconds.
func takenOver(hash uint32, interval, last, now int64) int64 {
	next := nextSlot(hash, interval, now)
	if last == 0 || last > now+interval {
		return next
	}
	after := slotAfterRun(hash, interval, last)
	if after > now {
		return after
	}
	if passed := max(after, next-interval); now-passed <= makeUpFor.Milliseconds() {
		return passed
	}
	return next
}

// nextSlot is the first time after `after` that is in the task's phase: hash modulo interval after a multiple of the
// interval since the epoch. All are milliseconds; the phase counts them so that a million tasks do not all start at
// whole seconds.
func nextSlot(hash uint32, interval, after int64) int64 {
	sinceSlot := (after - int64(hash)) % interval
	if sinceSlot < 0 {
		sinceSlot += interval
	}
	return after - sinceSlot + interval
}

// slotAfterRun is the slot that follows the one a run had. The slot of a first run is in no phase: then the next one
// is half to one and a half intervals later, so that the first two runs are not so close that a rate says nothing.
func slotAfterRun(hash uint32, interval, slot int64) int64 {
	if nextSlot(hash, interval, slot) == slot+interval {
		return slot + interval
	}
	return nextSlot(hash, interval, slot+interval/2-1)
}

// LastSlot is the last slot, up to until, of a task that ran first in the slot first and has kept its place since.
func LastSlot(hash uint32, interval time.Duration, first, until time.Time) time.Time {
	spec := Spec{Interval: interval}
	ms := int64(spec.millis())
	if nextSlot(hash, ms, first.UnixMilli()+ms/2-1) > until.UnixMilli() {
		return first
	}
	return time.UnixMilli(nextSlot(hash, ms, until.UnixMilli()) - ms)
}

// Starts are the times at which a task that has never run starts, from `from` on and before until, if nothing makes it
// late.
func Starts(hash uint32, interval time.Duration, from, until time.Time) iter.Seq[time.Time] {
	spec := Spec{Interval: interval}
	return func(yield func(time.Time) bool) {
		end := until.UnixMilli()
		for slot := firstRun(hash, interval, from, time.Time{}).UnixMilli(); slot < end; {
			if !yield(time.UnixMilli(slot)) {
				return
			}
			slot = slotAfterRun(hash, int64(spec.millis()), slot)
		}
	}
}
