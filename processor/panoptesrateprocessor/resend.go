package panoptesrateprocessor

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

const (
	// maxRefused bounds the rates remembered of batches that were refused, some 50 bytes each; twice as many for a moment.
	maxRefused = 1 << 17
	// refusedFor is for how long a rate is remembered at least, longer than the pauses between two tries.
	refusedFor = 10 * time.Minute
)

// sentRate is a rate, and the identity of the point that has it.
type sentRate struct {
	point ratestate.Key
	rate  float64
}

// refusals remember the rates of batches that were refused further down. The state itself goes on: by the time such a
// batch comes again, later points of its series may have passed, some of them in the same batch. It is safe for
// concurrent use.
type refusals struct {
	// any is whether there are rates, to be asked first.
	any atomic.Bool

	mu         sync.RWMutex
	young, old map[ratestate.Key]float64
	since      time.Time // when young was begun
}

// note remembers the rates of a batch.
func (r *refusals) note(sent []sentRate, now time.Time) {
	if len(sent) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range sent {
		if r.young == nil || len(r.young) >= maxRefused {
			r.old, r.young, r.since = r.young, map[ratestate.Key]float64{}, now
		}
		r.young[s.point] = s.rate
	}
	r.any.Store(true)
}

// rate returns the rate that a point had when its batch was refused.
func (r *refusals) rate(point ratestate.Key) (rate float64, ok bool) {
	if !r.any.Load() {
		return 0, false
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if rate, ok = r.young[point]; !ok {
		rate, ok = r.old[point]
	}
	return rate, ok
}

// age forgets what was noted long ago. It is to be called now and then.
func (r *refusals) age(now time.Time) {
	if !r.any.Load() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.since) >= refusedFor {
		r.old, r.young, r.since = r.young, nil, now
		r.any.Store(len(r.old) > 0)
	}
}
