package schedule

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// Runs of a class that is apart take no places from others, however many wait; and others none from them.
func TestApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(func(ctx context.Context, one Run[string]) {
			if one.Value[0] == 'w' { // it waits
				pause(time.Hour)(ctx, one)
			}
		})
		s := New(Settings[string]{
			MaxConcurrent: 2, Classes: []Class{{Places: 2}, {Places: 8, Apart: true}}, Breaker: testBreaker,
			Run: r.run, Missed: r.miss, Skipped: r.skip,
		})
		s.Start()
		defer s.Stop(canceled(t))
		normal, apart := s.OpenLane(0, 0), s.OpenLane(1, 0)
		for i := range 10 {
			s.Add(apart, spec("w"+strconv.Itoa(i), time.Minute), "w"+strconv.Itoa(i))
		}
		advance(2 * time.Minute)
		assert.Equal(t, 8, s.Running(), "as many as it has places, which are not those of all")
		s.Add(normal, spec("quick", time.Minute), "quick")
		advance(10*time.Minute + time.Second)
		assert.InDelta(t, 10, r.count("quick"), 1)

		for i := range 4 {
			s.Add(normal, spec("wait"+strconv.Itoa(i), time.Minute), "wait"+strconv.Itoa(i))
		}
		advance(2 * time.Minute)
		assert.Equal(t, 10, s.Running())
		advance(2 * time.Hour)
		assert.Positive(t, r.count("w8")+r.count("w9"), "they had their turn although all other places were taken")
	})
}
