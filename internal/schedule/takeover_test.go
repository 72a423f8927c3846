package schedule

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// Whenever a task moves from one scheduler to another: it keeps to its phase, no slot is used twice, and none is left out
// where the move is quick.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		hash := rapid.Uint32().Draw(t, "hash")
		interval := rapid.Int64Range(1000, 100_000_000).Draw(t, "interval")
		first := rapid.Int64Range(1_700_000_000_000, 1_700_100_000_000).Draw(t, "first")
		last := first
		for range rapid.IntRange(0, 5).Draw(t, "runs") {
			last = slotAfterRun(hash, interval, last)
		}
		next := slotAfterRun(hash, interval, last)
		now := rapid.Int64Range(last, next+3*interval).Draw(t, "now")
		due := takenOver(hash, interval, last, now)
		assert.GreaterOrEqual(t, due, next, "a slot is used twice")
		assert.Zero(t, (due-int64(hash))%interval, "it keeps to its phase")
		assert.LessOrEqual(t, due, now+interval+interval/2)
		assert.GreaterOrEqual(t, due, now-makeUpFor.Milliseconds(), "nothing from long ago is made up for")
		if now-next < min(makeUpFor.Milliseconds(), interval) {
			assert.Equal(t, next, due, "nothing is left out")
		}

		unknown := takenOver(hash, interval, 0, now)
		assert.Greater(t, unknown, now)
		assert.LessOrEqual(t, unknown, now+interval)
		assert.Zero(t, (unknown-int64(hash))%interval)
		assert.Equal(t, unknown, takenOver(hash, interval, now+interval+1, now), "a last slot in the future is none")
	})
}

// A task moves from one scheduler to the next while its slot passes: the next one makes up for it at once.
func TestTaskMoves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs []Run[int]
		settings := Settings[int]{
			MaxConcurrent: 1, Classes: []Class{{Places: 1}}, Missed: func(int, int64) {},
			Run: func(_ context.Context, r Run[int]) Result { runs = append(runs, r); return Result{} },
		}
		spec := Spec{Hash: 12_345, Interval: time.Minute, TakenOver: true}
		var last []int64
		for n := range 3 {
			s := New(settings)
			lane := s.OpenLane(0, 0)
			if n > 0 {
				spec.Last = time.UnixMilli(last[1])
			}
			id := s.Add(lane, spec, n)
			unrun := s.Add(lane, Spec{Hash: 1, Interval: 100 * time.Hour, TakenOver: true}, -1)
			assert.Zero(t, s.LastSlots([]ID{id, unrun})[1])
			s.Start()
			<-time.After(2*time.Minute + 10*time.Millisecond)
			if n == 0 {
				next, _ := s.GlanceAt(id)
				<-time.After(time.Until(next.Due.Add(-time.Second)))
			}
			s.Stop(t.Context())
			last = s.LastSlots([]ID{unrun, id})
			<-time.After(3 * time.Second) // away, where its slot passes the first time
		}
		for i := 1; i < len(runs); i++ {
			assert.Equal(t, time.Minute, runs[i].Due.Sub(runs[i-1].Due), "run %d", i)
			assert.False(t, runs[i].First)
		}
		assert.Greater(t, len(runs), 5)
		assert.True(t, runs[0].First)
	})
}
