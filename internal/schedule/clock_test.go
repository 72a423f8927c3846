package schedule

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/panoptes-otel/panoptes-otel/internal/hashing"
)

// setClock lets the wall clock of a scheduler be set; the monotonic clock of the bubble goes on.
type setClock struct{ offset atomic.Int64 }

func (c *setClock) of(s *Scheduler[string]) {
	s.clock.wall = func() time.Time { return time.Now().Round(0).Add(time.Duration(c.offset.Load())) }
}

// The wall clock is set by hours, to and fro: no run comes twice, none is lost, and the phase is that of the new clock.
func TestClockSteps(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{time.Hour, -time.Hour, 90 * time.Second, -7 * time.Hour, 24 * 365 * time.Hour, 17 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			rec := newRecorder(pause(100 * time.Millisecond))
			var steps []time.Duration
			s := New(Settings[string]{
				MaxConcurrent: 4, Classes: []Class{{Places: 4}}, Run: rec.run, Missed: rec.miss, Stepped: func(d time.Duration) { steps = append(steps, d) },
			})
			s.maxStep = tick
			var c setClock
			c.of(s)
			const interval = time.Minute
			s.Add(s.OpenLane(0, 0), spec("task", interval), "task")
			s.Start()
			advance(10 * time.Minute)
			c.offset.Store(int64(by))
			advance(10 * time.Minute)
			s.Stop(t.Context())
			starts := rec.starts["task"]
			for i := range starts[2:] {
				d := starts[i+2].Sub(starts[i+1])
				assert.GreaterOrEqual(t, d, interval/2, "%s, run %d", by, i)
				assert.LessOrEqual(t, d, interval*3/2, "%s, run %d", by, i)
			}
			assert.InDelta(t, 20, len(starts), 2)
			assert.Zero(t, rec.missed["task"])
			assert.Equal(t, []time.Duration{by}, steps)
			phase := time.Duration(hashing.Murmur3([]byte("task"))%uint32(interval.Milliseconds())) * time.Millisecond
			last := starts[len(starts)-1].Add(by)
			assert.Equal(t, phase, time.Duration(last.UnixNano())%interval, "the phase of the new clock")
		})
	}
}

// While the machine sleeps the monotonic clock stands still; to the scheduler it was set. Nothing is made up for.
func TestSuspend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(nil)
		s := rec.scheduler(4)
		var c setClock
		c.of(s)
		lane := s.OpenLane(0, 0)
		for _, name := range []string{"a", "b", "c"} {
			s.Add(lane, spec(name, time.Minute), name)
		}
		s.Start()
		advance(10 * time.Minute)
		n := rec.count("a") + rec.count("b") + rec.count("c")
		c.offset.Store(int64(8 * time.Hour))
		advance(2 * time.Minute)
		assert.InDelta(t, n+6, rec.count("a")+rec.count("b")+rec.count("c"), 3)
		s.Stop(t.Context())
	})
}

// The phase counts from 1970 in UTC: the hour that daylight saving takes or gives does not touch it.
func TestDaylightChange(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/New_York")
	assert.NoError(t, err)
	for _, change := range []time.Time{
		time.Date(2026, 3, 8, 1, 30, 0, 0, zone), time.Date(2026, 11, 1, 0, 30, 0, 0, zone),
	} {
		const interval = 7 * time.Minute
		hash := hashing.Murmur3([]byte("task"))
		slot := nextSlot(hash, interval.Milliseconds(), change.UnixMilli())
		first := time.UnixMilli(slot).In(zone)
		for i := range 60 {
			at := time.UnixMilli(slot).In(zone)
			assert.Equal(t, time.Duration(i)*interval, at.Sub(first))
			slot = slotAfterRun(hash, interval.Milliseconds(), slot)
		}
	}
}

// The clock's daemon may slew; that is no step, and neither is what time.Now rounds.
func TestSmallDifferencesAreNoStep(t *testing.T) {
	t.Parallel()
	c := newClock()
	wall := c.wall()
	c.since = func(time.Time) time.Duration { return 0 }
	for _, off := range []time.Duration{0, 999 * time.Millisecond, -999 * time.Millisecond} {
		c.wall = func() time.Time { return c.base.Add(off) }
		assert.Zero(t, c.step(), off)
	}
	c.wall = func() time.Time { return wall.Add(-time.Minute) }
	assert.InDelta(t, -time.Minute, c.step(), float64(time.Second))
	assert.Zero(t, c.step(), "once")
}
