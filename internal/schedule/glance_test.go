package schedule

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestGlances(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(func(ctx context.Context, r Run[string]) {
			if r.Value == "runs" {
				<-ctx.Done()
			}
		})
		s := rec.scheduler(4)
		lane := s.OpenLane(0, 0)
		running := s.Add(lane, spec("runs", time.Second), "runs")
		name := "waits"
		for firstDelay(Hash([]byte(name)), time.Hour) < 10*time.Second {
			name += "+"
		}
		waiting := s.Add(lane, spec(name, time.Hour), "waits")
		gone := s.Add(lane, spec("gone", time.Hour), "gone")
		for i := range pageSize {
			s.Add(lane, spec(fmt.Sprint(i), 24*time.Hour), "other")
		}
		s.Remove(gone)
		s.Start()
		advance(3 * time.Second)

		seen := map[string]int{}
		s.Glances(func(g Glance[string]) bool { seen[g.Value]++; return true })
		assert.Equal(t, map[string]int{"runs": 1, "waits": 1, "other": pageSize}, seen)
		visits := 0
		s.Glances(func(Glance[string]) bool { visits++; return visits < 3 })
		assert.Equal(t, 3, visits)

		g, ok := s.GlanceAt(running)
		assert.True(t, ok)
		assert.True(t, g.Running)
		assert.False(t, g.Last.IsZero())
		g, ok = s.GlanceAt(waiting)
		assert.True(t, ok)
		assert.False(t, g.Running)
		assert.True(t, g.Last.IsZero())
		assert.Equal(t, time.Hour, g.Interval)
		for _, id := range []ID{0, gone, 1 << 30} {
			_, ok = s.GlanceAt(id)
			assert.False(t, ok)
			assert.False(t, s.Hurry(id))
		}

		assert.False(t, s.Hurry(running), "it runs already")
		assert.True(t, s.Hurry(waiting))
		advance(time.Second)
		assert.Equal(t, 1, rec.count("waits"), "before its slot")
		g, _ = s.GlanceAt(waiting)
		assert.Greater(t, time.Until(g.Due), 29*time.Minute, "half an interval later at the earliest")
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		s.Stop(ctx)
	})
}

// A run that has its place and still waits for a worker is not running yet.
func TestGlanceOfARunThatWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		worker := make(chan struct{})
		s := New(Settings[string]{
			MaxConcurrent: 1, Classes: []Class{{Places: 1}}, Missed: func(string, int64) {},
			Run: func(ctx context.Context, r Run[string]) Result {
				<-worker
				r.Begun()
				<-ctx.Done()
				return Result{}
			},
		})
		id := s.Add(s.OpenLane(0, 0), spec("waits", time.Second), "waits")
		s.Start()
		advance(3 * time.Second)
		running := func() bool {
			g, ok := s.GlanceAt(id)
			assert.True(t, ok)
			s.Glances(func(seen Glance[string]) bool { return assert.Equal(t, g.Running, seen.Running) })
			return g.Running
		}
		assert.Equal(t, 1, s.Running(), "it has a place")
		assert.False(t, running())
		close(worker)
		synctest.Wait()
		assert.True(t, running())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s.Stop(ctx)
	})
}
