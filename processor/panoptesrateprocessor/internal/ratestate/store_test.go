package ratestate

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// clock is a clock that stands until it is told.
type clock struct {
	sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Unix(1_700_000_000, 0)} }

func (c *clock) now() time.Time {
	c.Lock()
	defer c.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.Lock()
	defer c.Unlock()
	c.at = c.at.Add(d)
}

func newStore(maxSeries int) (*Store, *clock) {
	c := newClock()
	return New(Settings{MaxSeries: maxSeries, Now: c.now, Seed: Key{1, 2}}), c
}

// every are the terms of points that come at an interval in seconds.
func every(interval int64) *Terms { return &Terms{Gap: GapOf(interval)} }

// said is a result without the time between the points.
func said(r Result) Result {
	r.Apart = 0
	return r
}

func key(s *Store, name string) Key {
	h := s.Hasher()
	return h.String(name)
}

func TestObserve(t *testing.T) {
	t.Parallel()
	type step struct {
		point Point
		want  Result
	}
	at := func(s float64, v int64) Point { return IntPoint(int64(s*1000), v) }
	tests := map[string][]step{
		"first, then rates": {
			{at(0, 1000), Result{Outcome: First}},
			{at(60, 7000), Result{Rate: 100}},
			{at(120, 7000), Result{Rate: 0}},
		},
		"an older point never replaces": {
			{at(60, 600), Result{Outcome: First}},
			{at(0, 0), Result{Outcome: OutOfOrder}},
			{at(120, 1200), Result{Rate: 10}},
			{at(119, 0), Result{Outcome: OutOfOrder}},
			{at(180, 1800), Result{Rate: 10}},
		},
		"an equal time with another value replaces": {
			{at(0, 1000), Result{Outcome: First}},
			{at(0, 2000), Result{Outcome: Duplicate}},
			{at(60, 8000), Result{Rate: 100}},
			{at(60, 2600), Result{Outcome: Duplicate}},
			{at(60, 2600), Result{Outcome: Duplicate}},
			{at(120, 3200), Result{Rate: 10}},
		},
		"the same point again has the same rate": {
			{at(0, 1000), Result{Outcome: First}},
			{at(0, 1000), Result{Outcome: Duplicate}},
			{at(60, 7000), Result{Rate: 100}},
			{at(60, 7000), Result{Rate: 100}},
			{at(60, 7000), Result{Rate: 100}},
			{at(120, 7600), Result{Rate: 10}},
		},
		"a reset replaces": {
			{at(0, 1000), Result{Outcome: First}},
			{at(60, 10), Result{Outcome: Reset}},
			{at(60, 10), Result{Outcome: Duplicate}},
			{at(120, 610), Result{Rate: 10}},
		},
		"a gap replaces": {
			{at(0, 0), Result{Outcome: First}},
			{at(180, 18000), Result{Rate: 100}},
			{at(360.001, 18000), Result{Outcome: Gap}},
			{at(360.001, 18000), Result{Outcome: Duplicate}},
			{at(420.001, 24000), Result{Rate: 100}},
		},
		"double and integer are different values": {
			{at(0, 0), Result{Outcome: First}},
			{FloatPoint(0, 0), Result{Outcome: Duplicate}},
			{FloatPoint(60_000, 30), Result{Rate: 0.5}},
			{FloatPoint(60_000, 30), Result{Rate: 0.5}},
			{at(60, 30), Result{Outcome: Duplicate}},
		},
		"minus zero is zero": {
			{FloatPoint(0, -60), Result{Outcome: First}},
			{FloatPoint(60_000, 0), Result{Rate: 1}},
			{FloatPoint(60_000, math.Copysign(0, -1)), Result{Rate: 1}},
		},
		"a difference beyond doubles replaces": {
			{FloatPoint(0, -math.MaxFloat64), Result{Outcome: First}},
			{FloatPoint(60_000, math.MaxFloat64), Result{Outcome: NotANumber}},
			{FloatPoint(120_000, math.MaxFloat64), Result{Rate: 0}},
		},
		"the end of time": {
			{IntPoint(18446744073709, 1), Result{Outcome: First}},
			{IntPoint(18446744073709, 1), Result{Outcome: Duplicate}},
			{IntPoint(0, 1), Result{Outcome: OutOfOrder}},
		},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := newStore(0)
			for i, st := range steps {
				require.Equal(t, st.want, said(s.Observe(key(s, "x"), st.point, every(60), s.Time())), "step %d", i)
			}
			assert.Equal(t, 1, s.Len())
		})
	}
}

func TestIntervalIsBounded(t *testing.T) {
	t.Parallel()
	s, _ := newStore(0)
	for i, interval := range []int64{math.MinInt64, -1, 0, math.MaxInt64} {
		k := key(s, fmt.Sprint(i))
		require.Equal(t, First, s.Observe(k, IntPoint(0, 0), every(interval), 0).Outcome)
		require.Equal(t, Rate, s.Observe(k, IntPoint(3000, 0), every(interval), 0).Outcome)
	}
	require.Equal(t, Gap, s.Observe(key(s, "0"), IntPoint(6001, 0), every(0), 0).Outcome)
	require.Equal(t, First, s.Observe(key(s, "late"), IntPoint(0, 0), every(math.MaxInt64), maxTime-1).Outcome)
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	s, c := newStore(0)
	k := key(s, "x")
	observe := func(millis int64) Outcome { return s.Observe(k, IntPoint(millis, millis), every(60), s.Time()).Outcome }
	require.Equal(t, First, observe(0))
	c.advance(180 * time.Second)
	require.Equal(t, Rate, observe(60_000), "three intervals are not too many")
	c.advance(150 * time.Second)
	require.Equal(t, Rate, observe(60_000), "a resend keeps the series alive")
	c.advance(150 * time.Second)
	require.Equal(t, Rate, observe(120_000))
	c.advance(150 * time.Second)
	require.Equal(t, OutOfOrder, observe(0), "an old point does not")
	c.advance(33 * time.Second)
	require.Equal(t, First, observe(180_000), "expired, though its own time is no gap")

	require.Zero(t, s.Sweep(1))
	c.advance(183 * time.Second)
	require.Equal(t, 1, s.Len())
	require.Equal(t, 1, s.Sweep(1))
	require.Zero(t, s.Len())
	require.Equal(t, Gap, observe(240_000), "it was there not long ago")
}

func TestSweepInParts(t *testing.T) {
	t.Parallel()
	s, c := newStore(0)
	const n, parts = 50_000, 60
	for i := range n {
		interval := int64(60)
		if i%2 == 0 {
			interval = 600
		}
		s.Observe(key(s, fmt.Sprint(i)), IntPoint(0, 0), every(interval), s.Time())
	}
	c.advance(200 * time.Second)
	removed, most := 0, 0
	for range parts {
		r := s.Sweep(parts)
		removed += r
		most = max(most, r)
	}
	// A slot that moved back over the end of its shard waits for the next round.
	assert.InDelta(t, n/2, removed, 20)
	assert.Less(t, most, n/10, "each part is small")
	removed += s.Sweep(1)
	assert.Equal(t, n/2, removed)
	assert.Equal(t, n/2, s.Len())
	for i := range n {
		outcome := s.Observe(key(s, fmt.Sprint(i)), IntPoint(1000, 0), every(600), s.Time()).Outcome
		require.Equal(t, i%2 == 0, outcome == Rate)
	}

	c.advance(time.Hour)
	s.Sweep(1)
	for range 30 {
		s.Sweep(1)
	}
	slots := 0
	for i := range s.shards {
		slots += len(s.shards[i].slots)
	}
	assert.LessOrEqual(t, slots, len(s.shards)*minSlots, "memory is given back")
}

func TestMaxSeriesEvictsTheOldest(t *testing.T) {
	t.Parallel()
	s, _ := newStore(3)
	millis := int64(0)
	observe := func(name string) Result {
		millis++
		return s.Observe(key(s, name), IntPoint(millis, millis), every(60), s.Time())
	}
	for _, name := range []string{"a", "b", "c"} {
		require.Equal(t, Result{Outcome: First}, observe(name))
	}
	require.Equal(t, Rate, observe("a").Outcome)                          // now b is the oldest
	require.Equal(t, Result{Outcome: First, Evicted: true}, observe("d")) // instead of b
	require.Equal(t, 3, s.Len())
	for _, name := range []string{"a", "c", "d"} {
		require.Equal(t, Rate, observe(name).Outcome, name)
	}
	require.Equal(t, Result{Outcome: Evicted, Evicted: true}, observe("b")) // instead of a
	require.Equal(t, Result{Outcome: Evicted, Evicted: true}, observe("a")) // instead of c
	require.Equal(t, Rate, observe("d").Outcome)
}

func TestMaxSeriesPrefersTheExpired(t *testing.T) {
	t.Parallel()
	s, c := newStore(2)
	s.Observe(key(s, "long"), IntPoint(0, 0), every(600), s.Time())
	s.Observe(key(s, "short"), IntPoint(0, 0), every(1), s.Time())
	c.advance(10 * time.Second)
	assert.Equal(t, Result{Outcome: First}, s.Observe(key(s, "new"), IntPoint(0, 0), every(60), s.Time()), "nobody is evicted")
	assert.Equal(t, Rate, s.Observe(key(s, "long"), IntPoint(1, 0), every(600), s.Time()).Outcome)
}

func TestMaxSeriesOfManyShards(t *testing.T) {
	t.Parallel()
	const limit = 1 << 16
	s, _ := newStore(limit)
	require.Len(t, s.shards, 64)
	evicted := 0
	for i := range 3 * limit {
		if s.Observe(key(s, fmt.Sprint(i)), IntPoint(0, 0), every(60), 0).Evicted {
			evicted++
		}
		require.LessOrEqual(t, s.Len(), limit)
	}
	assert.Equal(t, 2*limit, evicted)
	young := 0
	for i := 3*limit - 1; i >= 2*limit; i-- { // the youngest first, since each one that is missing costs the oldest
		if s.Observe(key(s, fmt.Sprint(i)), IntPoint(1000, 0), every(60), 0).Outcome == Rate {
			young++
		}
	}
	assert.Greater(t, young, limit*3/4, "it is mostly the old ones that go")
}

// TestStoreAgainstMap drives a store with few slots and keys against a map of all that it should know.
func TestStoreAgainstMap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, c := newStore(0)
		type entry struct {
			last    Point
			rate    float64
			hasRate bool
			expires Time
		}
		model := map[Key]*entry{}
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			if rapid.IntRange(0, 9).Draw(t, "what") == 0 {
				c.advance(time.Duration(rapid.IntRange(0, 200).Draw(t, "pause")) * time.Second)
				s.Sweep(rapid.IntRange(1, 5).Draw(t, "parts"))
				continue
			}
			// Few bits, so that many keys have one home.
			k := Key{rapid.Uint64Range(0, 1).Draw(t, "a") << 63, rapid.Uint64Range(0, 40).Draw(t, "b") << 58}
			p := IntPoint(rapid.Int64Range(0, 40).Draw(t, "time")*10_000, rapid.Int64Range(-3, 100).Draw(t, "value"))
			now := s.Time()
			got := s.Observe(k, p, every(60), now)
			e := model[k]
			want := Result{}
			switch {
			case e == nil || e.expires <= now:
				want.Outcome = First
				if got.Outcome == Gap { // that it was there once is known for some time
					want.Outcome = Gap
				}
				e = &entry{}
				model[k] = e
			case p.Millis < e.last.Millis:
				want.Outcome = OutOfOrder
			case p == e.last && e.hasRate:
				want.Rate = e.rate
			case p.Millis == e.last.Millis:
				want.Outcome = Duplicate
			case p.Millis-e.last.Millis > 180_000:
				want.Outcome = Gap
			case int64(p.bits) < int64(e.last.bits):
				want.Outcome = Reset
			default:
				want.Rate = float64(p.bits-e.last.bits) * 1000 / float64(p.Millis-e.last.Millis)
			}
			if want != said(got) {
				t.Fatalf("%+v after %+v: %+v instead of %+v", p, e, got, want)
			}
			if want.Outcome != OutOfOrder {
				*e = entry{p, want.Rate, want.Outcome == Rate, now + 182}
			}
		}
		held := 0
		for i := range s.shards {
			used := 0
			for j := range s.shards[i].slots {
				if s.shards[i].slots[j].when != 0 {
					used++
				}
			}
			if used != s.shards[i].used {
				t.Fatalf("shard %d counts %d, has %d", i, s.shards[i].used, used)
			}
			held += used
		}
		if held != s.Len() {
			t.Fatalf("counts %d, has %d", s.Len(), held)
		}
	})
}

func TestStoreIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	s, _ := newStore(5000)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			h := s.Hasher()
			for i := range 4000 {
				k := h.String(fmt.Sprint(g, i%1000))
				r := s.Observe(k, IntPoint(int64(i), int64(i)), every(60), s.Time())
				if i%500 == 0 {
					s.Sweep(7)
				}
				assert.Contains(t, []Outcome{First, Rate, Evicted}, r.Outcome)
			}
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, s.Len(), 5000)
}

func TestObserveDoesNotAllocate(t *testing.T) { // not parallel: it counts the allocations of the process
	s, _ := newStore(0)
	k, millis := key(s, "x"), int64(0)
	s.Observe(k, IntPoint(0, 0), every(60), 0)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		millis += 1000
		s.Observe(k, IntPoint(millis, millis), every(60), 0)
	}))
}
