package schedule

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

var testBreaker = Breaker{Failures: 3, Backoff: time.Minute, MaxBackoff: 10 * time.Minute}

func TestLimitsOfGroups(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(pause(time.Second))
		s := rec.scheduler(100)
		lane := s.OpenLane(0, 0)
		endpoint := s.OpenGroup(3, 0)
		a, b := s.OpenGroup(2, endpoint), s.OpenGroup(2, endpoint)
		s.Start()
		for i := range 10 {
			group := a
			if i >= 5 {
				group = b
			}
			s.Add(lane, Spec{Hash: Hash([]byte("same")), Interval: 30 * time.Second, Group: group}, fmt.Sprint(i))
		}
		advance(10 * time.Minute)
		assert.Equal(t, 3, rec.most, "of the endpoint")
		for i := range 10 {
			assert.InDelta(t, 20, rec.count(fmt.Sprint(i)), 2)
			assert.Zero(t, rec.missed[fmt.Sprint(i)])
		}

		// A resource that moves to another endpoint takes its runs along.
		s.MoveGroup(b, 0)
		s.CloseGroups(endpoint)
		s.MoveGroup(a, 0)
		rec.mu.Lock()
		rec.most = 0
		rec.mu.Unlock()
		advance(10 * time.Minute)
		assert.Equal(t, 4, rec.most, "two of each resource")
		s.Stop(t.Context())
		assert.Zero(t, s.groups.list[a].running)
		assert.Empty(t, s.parked)
	})
}

func TestLimitOfALane(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(pause(time.Second))
		s := rec.scheduler(100)
		lane := s.OpenLane(0, 2)
		s.Start()
		for i := range 10 {
			s.Add(lane, spec("same", 30*time.Second), fmt.Sprint(i))
		}
		advance(10 * time.Minute)
		s.Stop(t.Context())
		assert.Equal(t, 2, rec.most)
		assert.InDelta(t, 20, rec.count("7"), 2)
	})
}

// A third of the resources swallows every packet. They would take all places for ever; yet the others keep their cadence.
func TestDeadResourcesLeaveTheOthersAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(func(ctx context.Context, r Run[string]) {
			d := 100 * time.Millisecond
			if strings.HasPrefix(r.Value, "dead") {
				d = 75 * time.Second
			}
			pause(d)(ctx, r)
		})
		rec.verdict = func(value string) Verdict {
			if strings.HasPrefix(value, "dead") {
				return VerdictDead
			}
			return VerdictAlive
		}
		s := rec.scheduler(40)
		lane := s.OpenLane(0, 0)
		for i := range 300 {
			name := fmt.Sprint("alive", i)
			if i%10 < 3 {
				name = fmt.Sprint("dead", i)
			}
			s.Add(lane, Spec{Hash: Hash([]byte(name)), Interval: time.Minute, Group: s.OpenGroup(2, 0)}, name)
		}
		s.Start()
		advance(10 * time.Minute) // until all that live were seen once
		before := map[string]int{}
		rec.mu.Lock()
		for value, runs := range rec.runs {
			before[value] = len(runs)
		}
		clear(rec.missed)
		rec.mu.Unlock()
		advance(time.Hour)
		s.Stop(canceled(t))
		dead, most := 0, 0
		for value, runs := range rec.runs {
			if strings.HasPrefix(value, "dead") {
				dead++
				most = max(most, len(runs)-before[value])
				continue
			}
			assert.InDelta(t, 60, len(runs)-before[value], 1, value)
			assert.Zero(t, rec.missed[value], value)
			for _, r := range runs[before[value]:] {
				assert.Less(t, r.Lateness, time.Second, value)
			}
		}
		assert.Equal(t, 90, dead, "all are tried")
		assert.LessOrEqual(t, most, 14, "and left alone for longer and longer")
		assert.NotZero(t, rec.skipped[ReasonBreaker])
		assert.Equal(t, 90, s.Broken())
	})
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// One run that finds the resource alive closes the breaker, and so does a reset.
func TestBreakerCloses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var verdict atomic.Int32
		answer := func(v Verdict) { verdict.Store(int32(v)) }
		answer(VerdictDead)
		rec := newRecorder(nil)
		rec.verdict = func(string) Verdict { return Verdict(verdict.Load()) }
		s := rec.scheduler(4)
		group := s.OpenGroup(0, 0)
		s.Add(s.OpenLane(0, 0), Spec{Hash: Hash([]byte("task")), Interval: time.Second, Group: group}, "task")
		s.Start()
		advance(5 * time.Second)
		assert.Equal(t, 1, s.Broken())
		assert.Equal(t, 3, rec.count("task"))
		advance(42 * time.Second)
		assert.Equal(t, 3, rec.count("task"), "at least three quarters of the wait")
		advance(20 * time.Second)
		assert.Equal(t, 4, rec.count("task"))
		answer(VerdictQuick)
		advance(2 * time.Minute)
		assert.Equal(t, 5, rec.count("task"), "a failure at once does not close it")
		answer(VerdictAlive)
		advance(3 * time.Minute)
		assert.Zero(t, s.Broken())
		n := rec.count("task")
		advance(10 * time.Second)
		assert.Equal(t, n+10, rec.count("task"))

		answer(VerdictDead)
		advance(10 * time.Second)
		n = rec.count("task")
		answer(VerdictAlive)
		s.ResetBreakers()
		advance(10 * time.Second)
		assert.Equal(t, n+10, rec.count("task"))
		s.Stop(t.Context())
	})
}

// Tasks that hang against a resource do not hold back one that gets its answers from it.
func TestBreakerSparesTasksThatAreAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		rec := newRecorder(nil)
		rec.verdict = func(value string) Verdict {
			if value == "good" && !down.Load() {
				return VerdictAlive
			}
			return VerdictDead
		}
		s := rec.scheduler(8)
		group := s.OpenGroup(0, 0)
		lane := s.OpenLane(0, 0)
		s.Add(lane, Spec{Hash: Hash([]byte("good")), Interval: 10 * time.Second, Group: group}, "good")
		s.Start()
		advance(20 * time.Second)
		for i := range 12 {
			name := fmt.Sprintf("hangs %d", i)
			s.Add(lane, Spec{Hash: Hash([]byte(name)), Interval: time.Second, Group: group}, name)
		}
		n := rec.count("good")
		advance(10 * time.Minute)
		assert.InDelta(t, n+60, rec.count("good"), 1)
		down.Store(true)
		advance(10 * time.Second)
		n = rec.count("good")
		advance(40 * time.Second)
		assert.Equal(t, n, rec.count("good"), "once it fails itself it is held back")
		s.Stop(t.Context())
	})
}

func TestBreakerWait(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		failures := rapid.IntRange(3, 1<<15).Draw(t, "failures")
		full := testBreaker.MaxBackoff
		if n := failures - 3; n < 4 {
			full = min(full, time.Minute<<n)
		}
		d := testBreaker.wait(failures)
		assert.LessOrEqual(t, d, full)
		assert.GreaterOrEqual(t, d, full*3/4-1)
	})
}

// While the pipeline refuses data the tasks that come again soonest are shed first.
func TestPressure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(nil)
		var refused atomic.Int64 // since when, in milliseconds; 0: not
		s := New(Settings[string]{
			MaxConcurrent: 4, Classes: []Class{{Places: 4}}, Run: rec.run, Missed: rec.miss, Skipped: rec.skip,
			Pressure: func() time.Duration {
				if since := refused.Load(); since > 0 {
					return time.Since(time.UnixMilli(since))
				}
				return 0
			},
		})
		lane := s.OpenLane(0, 0)
		s.Add(lane, spec("short", time.Second), "short")
		s.Add(lane, spec("middle", time.Minute), "middle")
		s.Add(lane, spec("long", time.Hour), "long")
		s.Start()
		advance(2 * time.Hour)
		refused.Store(time.Now().UnixMilli())
		n := rec.count("short")
		middle, long := rec.count("middle"), rec.count("long")
		advance(14 * time.Minute)
		assert.LessOrEqual(t, rec.count("short"), n+1)
		assert.LessOrEqual(t, rec.count("middle"), middle+1)
		refused.Store(time.Now().UnixMilli())
		advance(14 * time.Minute)
		refused.Store(time.Now().UnixMilli())
		advance(14 * time.Minute)
		refused.Store(time.Now().UnixMilli())
		advance(14 * time.Minute)
		assert.InDelta(t, long, rec.count("long"), 1)
		assert.Greater(t, rec.count("long"), long-1)
		refused.Store(0)
		n = rec.count("short")
		advance(10 * time.Second)
		assert.Equal(t, n+10, rec.count("short"))
		assert.Zero(t, rec.missed["short"], "shed is not missed")
		assert.NotZero(t, rec.skipped[ReasonPipeline])
		s.Stop(t.Context())
	})
}

// What waits behind a task that is removed meanwhile is not forgotten.
func TestParkedTaskIsRemoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(pause(3 * time.Second))
		s := rec.scheduler(10)
		lane := s.OpenLane(0, 0)
		group := s.OpenGroup(1, 0)
		s.Start()
		var ids []ID
		for i := range 4 {
			ids = append(ids, s.Add(lane, Spec{Hash: Hash([]byte("same")), Interval: time.Minute, Group: group}, fmt.Sprint(i)))
		}
		for rec.count("0")+rec.count("1")+rec.count("2")+rec.count("3") == 0 {
			advance(time.Second)
		}
		first := 0
		for rec.count(fmt.Sprint(first)) == 0 {
			first++
		}
		kept := (first + 3) % 4
		for i := range 4 {
			if i != first && i != kept {
				s.Remove(ids[i])
			}
		}
		advance(10 * time.Second)
		assert.Equal(t, 1, rec.count(fmt.Sprint(kept)))
		assert.Empty(t, s.parked)
		s.Stop(t.Context())
	})
}
