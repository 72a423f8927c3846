package ratestate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// history is what one series really did: the points that left the processor, in order, and those that were lost with
// a process since.
type history struct {
	interval int64
	last     *Point
	lost     []Point
	maybe    bool // a rate may be missing: since the last one the process was killed
}

// rates are the rates that are right for p.
func (h *history) rates(p Point) []float64 {
	var rates []float64
	for _, base := range append(slices.Clip(h.lost), *h.last) {
		if base.Millis < p.Millis && base.bits <= p.bits {
			rates = append(rates, float64(p.bits-base.bits)*1000/float64(p.Millis-base.Millis))
		}
	}
	return rates
}

// world is a processor that lives, ends and is killed, and what its series really did.
type world struct {
	t      require.TestingT
	disk   *memory
	clock  *clock
	store  *Store
	keeper *Keeper
	max    int
	series []*history
	millis int64
	rated  int
}

func newWorld(t require.TestingT, disk *memory, intervals ...int64) *world {
	w := &world{t: t, disk: disk, clock: newClock(), millis: 1_600_000_000_000}
	for _, interval := range intervals {
		w.series = append(w.series, &history{interval: interval})
	}
	w.start()
	return w
}

func (w *world) start() {
	w.store = New(Settings{Now: w.clock.now, MaxSeries: w.max})
	var r Restored
	var err error
	w.keeper, r, err = OpenKeeper(context.Background(), w.disk, w.store)
	require.NoError(w.t, err)
	require.Empty(w.t, r.Damage)
}

// kill ends the process at once.
func (w *world) kill() {
	for _, h := range w.series {
		h.maybe = true
	}
	w.disk = w.disk.reopened()
	w.start()
}

func (w *world) restart() {
	_, err := w.keeper.Save(context.Background())
	require.NoError(w.t, err)
	w.disk = w.disk.reopened()
	w.start()
}

func (w *world) advance(d time.Duration) {
	w.clock.advance(d)
	w.millis += d.Milliseconds()
}

// batch is one call of ConsumeMetrics: a point for each of some series, and then what came of it leaves the processor,
// unless that is killed before.
func (w *world) batch(points map[int]int64) {
	type made struct {
		series int
		point  Point
		result Result
	}
	var all []made
	for i, value := range points {
		p := IntPoint(w.millis, value)
		all = append(all, made{i, p, w.observe(i, p)})
	}
	if err := w.keeper.Settle(context.Background()); err != nil {
		require.ErrorIs(w.t, err, errCrashed)
		for _, m := range all {
			w.series[m.series].lost = append(w.series[m.series].lost, m.point)
		}
		w.kill()
		return
	}
	for _, m := range all {
		w.check(w.series[m.series], m.point, m.result)
	}
}

func (w *world) observe(series int, p Point) Result {
	return w.store.Observe(key(w.store, fmt.Sprint(series)), p, every(w.series[series].interval), w.store.Time())
}

// check compares a point that left the processor with what really happened.
func (w *world) check(h *history, p Point, r Result) {
	switch {
	case h.last == nil, p.Millis-h.last.Millis > 3*h.interval*1000:
		require.NotEqual(w.t, Rate, r.Outcome)
	case r.Outcome == Rate:
		require.Contains(w.t, h.rates(p), r.Rate, "%+v after %+v", p, h)
		w.rated++
	case p.bits < h.last.bits:
		// A reset, or the first value after a kill.
		require.Contains(w.t, []Outcome{Reset, First}, r.Outcome)
	default:
		require.True(w.t, h.maybe, "%v is missing for %+v after %+v", r.Outcome, p, *h.last)
	}
	h.last, h.lost, h.maybe = &p, nil, false
}

// TestKilledAtEveryWrite kills a process before each single thing that it writes, in a run with many kinds of writes.
func TestKilledAtEveryWrite(t *testing.T) {
	t.Parallel()
	run := func(disk *memory, killAfter int) (writes, rated int) {
		w := newWorld(t, disk, 10, 10, 60, 60, 60, 600)
		disk.left = killAfter
		random := rand.New(rand.NewPCG(1, 2))
		killed := false
		for second := 0; second < 400; second += 5 {
			points := map[int]int64{}
			for i, h := range w.series {
				if int64(second+5*i)%h.interval == 0 {
					points[i] = int64(second * (i + 1))
					if random.IntN(4) == 0 {
						points[i] = random.Int64N(100) // a reset, most of the time
					}
				}
			}
			if len(points) > 0 {
				w.batch(points)
			}
			if second%15 == 0 {
				if _, err := w.keeper.Save(t.Context()); err != nil {
					require.ErrorIs(t, err, errCrashed)
					require.False(t, killed)
					killed = true
					w.kill()
				}
			}
			w.advance(5 * time.Second)
			w.store.Sweep(3)
		}
		return disk.writes, w.rated
	}
	for _, atomic := range []bool{false, true} {
		disk := newMemory()
		disk.atomic = atomic
		writes, rated := run(disk, -1)
		require.Greater(t, writes, 50)
		require.Greater(t, rated, 40)
		for i := range writes {
			disk := newMemory()
			disk.atomic = atomic
			_, got := run(disk, i)
			require.GreaterOrEqual(t, got, rated-6, "killed after %d writes", i)
		}
	}
}

// TestRatesAreTrueWhateverHappens lets points come, with and without resets, and processes end and be killed, in any
// order.
func TestRatesAreTrueWhateverHappens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		disk := newMemory()
		disk.atomic = rapid.Bool().Draw(t, "atomic")
		w := newWorld(t, disk, 10, 10, 60, 60, 600)
		value := make([]int64, len(w.series))
		points := func() map[int]int64 {
			points := map[int]int64{}
			for range rapid.IntRange(1, 4).Draw(t, "points") {
				i := rapid.IntRange(0, len(value)-1).Draw(t, "series")
				if rapid.IntRange(0, 3).Draw(t, "reset") == 0 {
					value[i] = rapid.Int64Range(0, 100).Draw(t, "value")
				} else {
					value[i] += rapid.Int64Range(0, 1000).Draw(t, "growth")
				}
				points[i] = value[i]
			}
			return points
		}
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			what := rapid.SampledFrom([]string{
				"points", "points", "points", "save", "save", "points in a save", "pass", "kill", "crash", "restart",
			}).Draw(t, "what")
			switch what {
			case "points":
				w.advance(time.Duration(rapid.IntRange(1, 12).Draw(t, "seconds")) * time.Second)
				w.batch(points())
			case "save", "points in a save":
				if what == "points in a save" {
					w.disk.during = func() {
						w.advance(time.Second)
						w.batch(points())
					}
				}
				disk := w.disk
				_, err := w.keeper.Save(context.Background())
				disk.during = nil
				if err != nil && disk == w.disk {
					w.kill()
				}
			case "pass":
				w.advance(time.Duration(rapid.IntRange(1, 700).Draw(t, "seconds")) * time.Second)
				w.store.Sweep(rapid.IntRange(1, 3).Draw(t, "parts"))
			case "kill":
				w.kill()
			case "crash": // soon, in the midst of what is then written
				w.disk.left = rapid.IntRange(0, 6).Draw(t, "writes")
			case "restart":
				if w.disk.left < 0 {
					w.restart()
				}
			}
		}
	})
}

// TestKilledWhileManyWork: while points come from all sides, and the state is saved and swept, whatever a kill leaves
// has no value older than the last one that had left the processor by then.
func TestKilledWhileManyWork(t *testing.T) {
	t.Parallel()
	const workers, each, rounds = 4, 300, 60
	disk, c := newMemory(), newClock()
	s := New(Settings{Now: c.now})
	k, _, err := OpenKeeper(t.Context(), disk, s)
	require.NoError(t, err)
	var left [workers * each]atomic.Int64 // the time of the last point that has left, by series
	var working, others sync.WaitGroup
	for w := range workers {
		working.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 0))
			for round := range int64(rounds) {
				first := random.IntN(each)
				n := random.IntN(each - first)
				for i := w*each + first; i < w*each+first+n; i++ {
					s.Observe(key(s, fmt.Sprint(i)), IntPoint(1+round, round), every(1+int64(i%100)), s.Time())
				}
				assert.NoError(t, k.Settle(t.Context()))
				for i := w*each + first; i < w*each+first+n; i++ {
					left[i].Store(1 + round)
				}
				if w == 0 { // the time is that of the work, or else all could expire where there is no processor for it
					c.advance(time.Second)
				}
			}
		})
	}
	done := make(chan struct{})
	others.Go(func() {
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
			}
			_, err := k.Save(t.Context())
			assert.NoError(t, err)
			s.Sweep(3)
		}
	})
	restored := 0
	kill := func() {
		var before [workers * each]int64
		for i := range before {
			before[i] = left[i].Load()
		}
		after := New(Settings{Now: c.now})
		_, r, err := OpenKeeper(t.Context(), disk.copied(), after)
		require.NoError(t, err)
		require.Empty(t, r.Damage)
		restored += r.Series
		for i, millis := range before {
			k := key(after, fmt.Sprint(i))
			if sl := after.shards[k.A>>after.shift].find(k); sl != nil {
				require.GreaterOrEqual(t, sl.point().Millis, millis, "series %d", i)
			}
		}
	}
	go func() {
		working.Wait()
		close(done)
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		kill()
	}
	others.Wait()
	kill()
	require.Positive(t, restored)
}
