package schedule

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// Three resources in ten go dark at once, after all were well. Their runs would take all places until their deadlines, and
// the places of their next runs after that; yet no living task misses a slot.
func TestManyDieTogether(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ resources, plugins, places int }{{300, 1, 40}, {300, 5, 96}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBlackHole(c.resources, c.plugins, c.places, 5*time.Minute)
				b.scheduler.Start()
				advance(5 * time.Minute)
				b.living()
				for minute := range 10 {
					advance(time.Minute)
					_, late, missed := b.living()
					assert.Zero(t, missed, "minute %d", minute)
					assert.Less(t, late, time.Minute, "minute %d", minute)
					if minute > 2 {
						assert.Less(t, late, time.Second, "minute %d", minute)
					}
				}
				b.scheduler.Stop(canceled(t))
				assert.Equal(t, c.resources*3/10, b.scheduler.Broken())
			})
		})
	}
}

// A few workers do what more places hand to them. What hangs must leave workers, not only places; and a run that has no
// worker yet may not count as one that hangs.
func TestWorkersBehindPlaces(t *testing.T) {
	t.Parallel()
	for _, dead := range []time.Duration{0, 5 * time.Minute} {
		t.Run(dead.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const workers, ahead = 8, 4
				b := newBlackHole(200, 1, workers*ahead, dead)
				b.scheduler.queue = newQueue(workers*ahead, []Class{{Places: workers * ahead, Ahead: ahead}})
				lane := b.scheduler.OpenLane(0, 0)
				assert.Equal(t, LaneID(1), lane, "that of all tasks")
				b.took = func(string) time.Duration { return 100 * time.Millisecond }
				free := make(chan struct{}, workers)
				run := b.body
				b.waits = true
				b.body = func(ctx context.Context, r Run[string]) {
					select {
					case free <- struct{}{}:
						r.Begun()
						run(ctx, r)
						<-free
					case <-ctx.Done():
					}
				}
				b.scheduler.Start()
				advance(dead + 3*time.Minute)
				b.living()
				for range 10 {
					advance(time.Minute)
					ran, late, missed := b.living()
					assert.Equal(t, b.alive(), ran)
					assert.Less(t, late, time.Second)
					assert.Zero(t, missed)
				}
				b.scheduler.Stop(canceled(t))
			})
		})
	}
}

// Where workers are short, what a run waits for one does not count: all runs are late, and none gives way.
func TestWaitForWorkersIsNoHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const workers, ahead = 3, 8
		var gaveWay, ended atomic.Int64
		free := make(chan struct{}, workers)
		rec := newRecorder(func(ctx context.Context, r Run[string]) {
			select {
			case free <- struct{}{}:
				r.Begun()
				pause(3*time.Second)(ctx, r)
				<-free
			case <-ctx.Done():
			}
			if ctx.Err() != nil {
				gaveWay.Add(1)
				return
			}
			ended.Add(1)
		})
		rec.waits = true
		rec.took = func(string) time.Duration { return 3 * time.Second }
		s := rec.scheduler(workers * ahead)
		s.queue = newQueue(workers*ahead, []Class{{Places: workers * ahead, Ahead: ahead}})
		lane := s.OpenLane(0, 0)
		for i := range 40 {
			name := fmt.Sprint(i)
			s.Add(lane, Spec{Hash: Hash([]byte(name)), Interval: 10 * time.Second, Group: s.OpenGroup(2, 0)}, name)
		}
		s.Start()
		advance(10 * time.Minute)
		assert.Zero(t, gaveWay.Load())
		assert.Greater(t, ended.Load(), int64(500), "workers are never idle: 600 runs fit")
		s.Stop(canceled(t))
	})
}

// Where places are short since plugins are slow, none of their runs gives way: not those of a slow plugin, and not that of
// a resource that is many times as slow as others but has been given time before.
func TestSlowRunsKeepTheirPlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var gaveWay, slowest atomic.Int64
		rec := newRecorder(func(ctx context.Context, r Run[string]) {
			d := 30 * time.Second
			if r.Value == "slowest" {
				d = 70 * time.Second
			}
			pause(d)(ctx, r)
			switch {
			case ctx.Err() == nil && r.Value == "slowest":
				slowest.Add(1)
			case errors.Is(context.Cause(ctx), ErrGaveWay):
				gaveWay.Add(1)
			}
		})
		s := rec.scheduler(8)
		lane := s.OpenLane(0, 0)
		for i := range 30 {
			name := fmt.Sprint(i)
			if i == 0 {
				name = "slowest"
			}
			s.Add(lane, Spec{Hash: Hash([]byte(name)), Interval: time.Minute, Group: s.OpenGroup(2, 0)}, name)
		}
		s.Start()
		advance(20 * time.Minute)
		assert.Zero(t, gaveWay.Load())
		assert.Positive(t, slowest.Load())
		s.Stop(canceled(t))
	})
}

// A run gives way once others wait for its place, and not before; its resource gets more time with each failure.
func TestGiveWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var took []time.Duration
		rec := newRecorder(func(ctx context.Context, r Run[string]) {
			begin := time.Now()
			if r.Value != "hang" {
				pause(10*time.Millisecond)(ctx, r)
				return
			}
			pause(10*time.Minute)(ctx, r)
			assert.ErrorIs(t, context.Cause(ctx), ErrGaveWay)
			took = append(took, time.Since(begin).Truncate(10*time.Second))
		})
		rec.verdict = func(value string) Verdict {
			if value == "hang" {
				return VerdictDead
			}
			return VerdictAlive
		}
		s := rec.scheduler(1)
		lane := s.OpenLane(0, 0)
		add := func(name string, interval time.Duration) ID {
			return s.Add(lane, Spec{Hash: Hash([]byte(name)), Interval: interval, Group: s.OpenGroup(1, 0)}, name)
		}
		quick := add("quick", time.Second)
		s.Start()
		advance(time.Minute)
		s.Remove(quick)
		add("hang", 10*time.Second)
		advance(2 * time.Minute)
		assert.Equal(t, 1, s.Running(), "nobody waits")
		add("quick", time.Second)
		advance(3 * time.Second)
		assert.Len(t, took, 1, "one waits for two looks")
		advance(4 * time.Minute) // the breaker is open then
		assert.Equal(t, []time.Duration{40 * time.Second, 160 * time.Second}, took[1:])
		s.Stop(canceled(t))
	})
}
