package schedule

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/panoptes-otel/panoptes-otel/internal/hashing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is what runs and misses come to in these tests. Under synctest all times are exact.
type recorder struct {
	mu      sync.Mutex
	runs    map[string][]Run[string]
	starts  map[string][]time.Time
	missed  map[string]int64
	skipped map[Reason]int
	verdict func(value string) Verdict
	took    func(value string) time.Duration
	most    int // runs at once
	now     map[string]int
	body    func(ctx context.Context, r Run[string])
	waits   bool // body itself says when a run begins
}

func newRecorder(body func(ctx context.Context, r Run[string])) *recorder {
	return &recorder{
		runs: map[string][]Run[string]{}, starts: map[string][]time.Time{}, missed: map[string]int64{},
		skipped: map[Reason]int{}, verdict: func(string) Verdict { return VerdictAlive },
		took: func(string) time.Duration { return 0 },
		now:  map[string]int{}, body: body,
	}
}

func (r *recorder) scheduler(limit int, classes ...int) *Scheduler[string] {
	if len(classes) == 0 {
		classes = []int{limit}
	}
	kinds := make([]Class, len(classes))
	for i, n := range classes {
		kinds[i].Places = n
	}
	s := New(Settings[string]{MaxConcurrent: limit, Classes: kinds, Breaker: testBreaker, Run: r.run, Missed: r.miss, Skipped: r.skip})
	s.maxStep = tick // so that each task starts in its slot, not with others
	return s
}

func (r *recorder) run(ctx context.Context, run Run[string]) Result {
	r.mu.Lock()
	r.runs[run.Value] = append(r.runs[run.Value], run)
	r.starts[run.Value] = append(r.starts[run.Value], time.Now())
	r.now[run.Value]++
	running := 0
	for name, n := range r.now {
		running += n
		if n > 1 {
			panic("two runs of " + name)
		}
	}
	r.most = max(r.most, running)
	r.mu.Unlock()
	if !r.waits {
		run.Begun()
	}
	if r.body != nil {
		r.body(ctx, run)
	}
	r.mu.Lock()
	r.now[run.Value]--
	r.mu.Unlock()
	return Result{Verdict: r.verdict(run.Value), Took: r.took(run.Value)}
}

func (r *recorder) skip(_ string, reason Reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skipped[reason]++
}

func (r *recorder) miss(value string, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.missed[value] += n
}

func (r *recorder) count(value string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.runs[value])
}

// pause is a run that takes a while, or until its context ends.
func pause(d time.Duration) func(context.Context, Run[string]) {
	return func(ctx context.Context, _ Run[string]) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	}
}

// advance lets the clock of the test's bubble go on, and everything happen that is due by then.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func spec(name string, interval time.Duration) Spec {
	return Spec{Hash: Hash([]byte(name)), Interval: interval}
}

func TestCadence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(pause(900 * time.Millisecond))
		s := rec.scheduler(4)
		start := time.Now()
		s.Add(s.OpenLane(0, 0), spec("task", 2*time.Second), "task")
		s.Start()
		advance(time.Hour)
		s.Stop(t.Context())

		starts := rec.starts["task"]
		assert.Equal(t, firstDelay(Hash([]byte("task")), 2*time.Second), starts[0].Sub(start))
		assert.GreaterOrEqual(t, starts[1].Sub(starts[0]), time.Second)
		assert.LessOrEqual(t, starts[1].Sub(starts[0]), 3*time.Second)
		phase := time.Duration(hashing.Murmur3([]byte("task"))%2000) * time.Millisecond
		for i, at := range starts[1:] {
			assert.Equal(t, starts[1].Add(time.Duration(i)*2*time.Second), at, "no drift")
			assert.Equal(t, phase, time.Duration(at.UnixNano())%(2*time.Second))
		}
		assert.InDelta(t, 1800, len(starts), 1)
		assert.Equal(t, starts, slices.Collect(Starts(Hash([]byte("task")), 2*time.Second, start, start.Add(time.Hour))), "as it can be told before")
		assert.Zero(t, rec.missed["task"])
		assert.Zero(t, rec.runs["task"][7].Lateness)
	})
}

func TestSlowRunsMissSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(pause(5 * time.Second))
		s := rec.scheduler(4)
		s.Add(s.OpenLane(0, 0), spec("task", 2*time.Second), "task")
		s.Start()
		advance(time.Minute)
		s.Stop(t.Context())
		starts := rec.starts["task"]
		for i := range starts[2:] {
			assert.Equal(t, 6*time.Second, starts[i+2].Sub(starts[i+1]))
		}
		assert.InDelta(t, 2*len(starts), rec.missed["task"], 2, "two slots pass in each run")
	})
}

func TestLimitMakesRunsLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(pause(100 * time.Millisecond))
		s := rec.scheduler(1)
		lane := s.OpenLane(0, 0)
		for i := range 3 {
			s.Add(lane, spec("same", 2*time.Second), fmt.Sprint(i))
		}
		s.Start()
		advance(time.Minute)
		assert.Equal(t, 3, s.Len())
		s.Stop(t.Context())
		assert.Equal(t, 1, rec.most)
		for _, value := range []string{"0", "1", "2"} {
			assert.InDelta(t, 30, len(rec.runs[value]), 2)
			assert.Zero(t, rec.missed[value])
		}
		late := map[time.Duration]bool{}
		for _, value := range []string{"0", "1", "2"} {
			late[rec.runs[value][5].Lateness] = true
		}
		assert.Equal(t, map[time.Duration]bool{0: true, 100 * time.Millisecond: true, 200 * time.Millisecond: true}, late)
	})
}

// A plugin that hangs against many resources takes neither the places of another kind nor all of its own.
func TestFairness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(func(ctx context.Context, r Run[string]) {
			if r.Value[0] == 'h' {
				<-ctx.Done()
			}
		})
		s := rec.scheduler(16, 16, 4)
		hang, good, other := s.OpenLane(1, 0), s.OpenLane(1, 0), s.OpenLane(0, 0)
		for i := range 100 {
			s.Add(hang, spec(fmt.Sprint("hang", i), time.Second), fmt.Sprint("hang", i))
		}
		s.Add(good, spec("good", time.Second), "good")
		s.Add(other, spec("other", time.Second), "other")
		s.Start()
		advance(time.Minute)
		assert.Equal(t, 3, s.Running(), "one place of four is left for others")
		assert.InDelta(t, 60, rec.count("good"), 1)
		assert.InDelta(t, 60, rec.count("other"), 1)
		assert.Zero(t, rec.missed["good"])

		// Alone in its class, it may have all places.
		s.Remove(ID(101))
		s.CloseLane(good)
		synctest.Wait()
		assert.Equal(t, 4, s.Running())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		s.Stop(ctx)
		assert.Equal(t, time.Second, time.Since(start), "Stop waits for its context, then ends the runs")
	})
}

func TestRemovedWhileRunning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(pause(10 * time.Second))
		s := rec.scheduler(4)
		lane := s.OpenLane(0, 0)
		s.Start()
		id := s.Add(lane, spec("task", time.Second), "task")
		advance(time.Second)
		assert.Equal(t, 1, s.Running())
		s.Remove(id)
		assert.Zero(t, s.Len())
		s.Remove(id)
		assert.Zero(t, s.Len(), "removed once")

		// It comes back while its run goes on: the same task, so the runs do not overlap (the recorder would panic).
		again := s.Add(lane, spec("task", time.Second), "task")
		assert.Equal(t, id, again)
		advance(30 * time.Second)
		assert.GreaterOrEqual(t, rec.count("task"), 3)

		s.Remove(again)
		advance(30 * time.Second)
		n := rec.count("task")
		advance(30 * time.Second)
		assert.Equal(t, n, rec.count("task"))
		assert.Zero(t, s.Running())
		assert.Empty(t, s.table.zombies)
		assert.Equal(t, id, s.Add(lane, spec("next", time.Hour), "next"), "the place is used again")
		s.Stop(t.Context())
	})
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(nil)
		s := rec.scheduler(4)
		lane, second := s.OpenLane(0, 0), s.OpenLane(0, 0)
		s.Start()
		id := s.Add(lane, spec("task", time.Hour), "a")
		advance(10 * time.Hour)
		n := rec.count("a")
		assert.InDelta(t, 10, n, 1)

		// The same name and interval: the slot stays, only the value changes.
		due := s.table.task(id).due
		s.Update(id, second, spec("task", time.Hour), "b")
		assert.Equal(t, due, s.table.task(id).due)
		s.Update(id, second, Spec{SameName: true, Interval: time.Hour}, "b")
		assert.Equal(t, due, s.table.task(id).due)

		// Another interval counts from the last run, not from the next one of the old interval.
		s.Update(id, second, spec("task", time.Second), "b")
		advance(time.Minute)
		assert.InDelta(t, 60, rec.count("b"), 1)
		assert.Equal(t, n, rec.count("a"))
		s.CloseLane(lane)
		s.Stop(t.Context())
	})
}

func TestStopWithoutStart(t *testing.T) {
	t.Parallel()
	s := newRecorder(nil).scheduler(1)
	s.Add(s.OpenLane(0, 0), spec("task", time.Second), "task")
	s.Stop(t.Context())
	s.Stop(t.Context())
	s.Start()
}

// A task that gets another name keeps its slot once more, whether it ran before or not, and then has the place that the
// name gives it.
func TestRename(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const interval = 10 * time.Minute
		rec := newRecorder(nil)
		s := rec.scheduler(4)
		lane := s.OpenLane(0, 0)
		s.Start()
		var young, old ID
		s.Apply([]Edit[string]{{ID: &old, Lane: lane, Spec: spec("a", interval), Value: "old"}})
		advance(2 * time.Hour)
		s.Apply([]Edit[string]{{ID: &young, Lane: lane, Spec: spec("b", interval), Value: "young"}})
		ran := rec.starts["old"]
		last, due := ran[len(ran)-1], map[string]int64{"old": s.table.task(old).due, "young": s.table.task(young).due}
		edits := []Edit[string]{
			{ID: &old, Lane: lane, Spec: spec("c", interval), Value: "old"},
			{ID: &young, Lane: lane, Spec: spec("d", interval), Value: "young"},
		}
		s.Apply(edits)
		assert.Equal(t, last.UnixMilli(), edits[0].Last.UnixMilli())
		assert.True(t, edits[1].Last.IsZero(), "it has not run")
		advance(2 * time.Hour)
		s.Stop(t.Context())
		for value, name := range map[string]string{"old": "c", "young": "d"} {
			starts := rec.starts[value]
			if value == "old" {
				starts = starts[len(ran):]
			}
			assert.Equal(t, due[value], starts[0].UnixMilli(), "%s: the slot stays", value)
			gap := starts[1].Sub(starts[0])
			assert.True(t, gap >= interval/2 && gap <= interval*3/2, "%s: %s", value, gap)
			phase := time.Duration(hashing.Murmur3([]byte(name))) * time.Millisecond % interval
			assert.Equal(t, phase, time.Duration(starts[1].UnixNano())%interval, value)
			assert.Equal(t, interval, starts[2].Sub(starts[1]), value)
			assert.Zero(t, rec.missed[value])
		}
	})
}

// Removing and adding for ever leaves no growing agenda behind.
func TestAgendaIsCompacted(t *testing.T) {
	t.Parallel()
	s := newRecorder(nil).scheduler(1)
	lane := s.OpenLane(0, 0)
	for i := range 200_000 {
		name := fmt.Sprint(i)
		s.Remove(s.Add(lane, spec(name, time.Hour), name))
	}
	assert.LessOrEqual(t, s.table.agenda.size, 4096)
	assert.Equal(t, 2, s.table.size)
	assert.Zero(t, s.Len())
}

func BenchmarkAddAMillion(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		s := New(Settings[*int]{MaxConcurrent: 1, Classes: []Class{{Places: 1}}})
		lane := s.OpenLane(0, 0)
		for i := range 1_000_000 {
			s.Add(lane, Spec{Hash: Hash([]byte(fmt.Sprint(i))), Interval: time.Minute}, nil)
		}
	}
}

func BenchmarkRun(b *testing.B) {
	s := New(Settings[int]{MaxConcurrent: 256, Classes: []Class{{Places: 256}}})
	lane := s.OpenLane(0, 0)
	for i := range 100_000 {
		s.Add(lane, Spec{Hash: Hash([]byte(fmt.Sprint(i))), Interval: time.Minute}, i)
	}
	b.ReportAllocs()
	for b.Loop() {
		due, _ := s.table.agenda.next()
		s.table.popDue(due, due, 1, s.queue.push)
		if run, place, begun, ok := s.take(); ok {
			s.end(run.Task, place, begun, Result{Verdict: VerdictAlive})
		}
	}
}

// A plugin that leaves and comes back starts as a new one, and then has the place that it had.
func TestPluginLeavesAndReturns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(pause(100 * time.Millisecond))
		s := rec.scheduler(4)
		s.Start()
		const interval = 10 * time.Minute
		lane := s.OpenLane(0, 0)
		id := s.Add(lane, spec("task", interval), "first")
		advance(2 * time.Hour)
		s.Remove(id)
		s.CloseLane(lane)
		n := rec.count("first")
		advance(time.Hour)
		assert.Equal(t, n, rec.count("first"), "while it is away nothing runs")
		back := time.Now()
		lane = s.OpenLane(0, 0)
		s.Add(lane, spec("task", interval), "second")
		advance(2 * time.Hour)
		s.Stop(t.Context())
		starts := rec.starts["second"]
		assert.Equal(t, firstDelay(Hash([]byte("task")), interval), starts[0].Sub(back))
		before := rec.starts["first"]
		assert.Zero(t, starts[1].Sub(before[len(before)-1])%interval, "its place is what it was")
	})
}
