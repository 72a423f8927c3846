package schedule

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestSteps: where few tasks are due at a time, some start together; no task starts before its slot, or long after it, and its
// cadence stays.
func TestSteps(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{500 * time.Millisecond, time.Second, 10 * time.Second} {
		t.Run(interval.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRecorder(nil)
				s := r.scheduler(100)
				s.maxStep = longestStep
				lane := s.OpenLane(0, 0)
				tasks := int(50 * interval / time.Second) // fifty runs a second
				for i := range tasks {
					name := fmt.Sprint("task ", i)
					s.Add(lane, Spec{Hash: Hash([]byte(name)), Interval: interval}, name)
				}
				s.Start()
				advance(2*interval + maxFirstDelay)
				r.mu.Lock()
				clear(r.starts)
				clear(r.runs)
				r.mu.Unlock()
				advance(3 * interval)
				r.mu.Lock()
				moments, starts := map[time.Time]bool{}, 0
				for name, runs := range r.runs {
					for i, run := range runs {
						began := r.starts[name][i]
						moments[began] = true
						starts++
						assert.Zero(t, run.Due.UnixMilli()-nextSlot(Hash([]byte(name)), interval.Milliseconds(), run.Due.UnixMilli()-1), "%s keeps its phase", name)
						after := began.Sub(run.Due)
						assert.GreaterOrEqual(t, after, time.Duration(0))
						assert.LessOrEqual(t, after, min(interval/10, longestStep))
						assert.LessOrEqual(t, run.Lateness, tick)
					}
				}
				r.mu.Unlock()
				s.Stop(t.Context())
				assert.InDelta(t, 3*tasks, starts, float64(tasks)/10+2)
				assert.Less(t, len(moments), starts*2/3, "tasks start together")
			})
		})
	}
}

// TestStepsThatMakeLate: with one place, runs that start together wait for one another; then fewer do.
func TestStepsThatMakeLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(pause(5 * time.Millisecond))
		s := r.scheduler(1)
		s.maxStep = longestStep
		lane := s.OpenLane(0, 0)
		const interval = 10 * time.Second
		for i := range 500 {
			name := fmt.Sprint("task ", i)
			s.Add(lane, Spec{Hash: Hash([]byte(name)), Interval: interval}, name)
		}
		s.Start()
		advance(4 * interval)
		r.mu.Lock()
		clear(r.runs)
		r.mu.Unlock()
		advance(interval)
		s.Stop(t.Context())
		var late time.Duration
		n := 0
		for _, runs := range r.runs {
			for _, run := range runs {
				late += run.Lateness
				n++
			}
		}
		assert.InDelta(t, 500, n, 50)
		assert.Less(t, late/time.Duration(n), 15*time.Millisecond, "of a step as long as for short runs it would be 40 ms")
	})
}
