package ratestate

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// TestBatchIsAsOneByOne gives the same points to a store in batches and to another one by one.
func TestBatchIsAsOneByOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		// Many shards, or one in which series are evicted: where there are many, it depends on their order which is.
		maxSeries := rapid.SampledFrom([]int{0, 5, 100}).Draw(t, "max")
		batches, clock := newStore(maxSeries)
		single, _ := newStore(maxSeries)
		single.now = clock.now
		var b Batch
		for range rapid.IntRange(1, 6).Draw(t, "batches") {
			b.Reset()
			var want []Result
			now := batches.Time()
			for i := range rapid.SampledFrom([]int{1, fewPoints - 1, fewPoints, 300}).Draw(t, "points") {
				p := IntPoint(1000*int64(rapid.IntRange(0, 500).Draw(t, "second")), int64(rapid.IntRange(0, 3).Draw(t, "value")))
				if rapid.IntRange(0, 9).Draw(t, "known") == 0 {
					b.AddKnown(p, 7, Gap)
					tag(t, &b.Points[i], i)
					want = append(want, Result{Rate: 7, Outcome: Gap})
					continue
				}
				terms := Terms{Gap: GapOf(int64(rapid.SampledFrom([]int{10, 60}).Draw(t, "interval")))}
				k := key(single, fmt.Sprint(rapid.IntRange(0, 20).Draw(t, "series")))
				b.SetTerms(&terms)
				b.Add(k, p)
				tag(t, &b.Points[i], i)
				want = append(want, single.Observe(k, p, &terms, now))
			}
			batches.ObserveBatch(&b, now)
			for i := range b.Points {
				o := &b.Points[i]
				got := Result{Rate: o.Rate, Outcome: o.Outcome, Evicted: o.Evicted, Apart: o.Apart}
				if got != want[i] {
					t.Fatalf("point %d of %d: %+v instead of %+v", i, len(want), got, want[i])
				}
				if o.Tag != uint8(i) {
					t.Fatalf("point %d has tag %d", i, o.Tag)
				}
			}
			clock.advance(time.Duration(rapid.IntRange(0, 100).Draw(t, "seconds")) * time.Second)
		}
		if batches.Len() != single.Len() {
			t.Fatalf("%d series instead of %d", batches.Len(), single.Len())
		}
	})
}

// tag tags a point that was just added, which has no tag of one before.
func tag(t *rapid.T, o *Observation, i int) {
	if o.Tag != 0 {
		t.Fatalf("point %d begins with tag %d", i, o.Tag)
	}
	o.Tag = uint8(i)
}

// TestBatchesAtOnce has batches of the same series come from several goroutines, while series expire and are evicted. Each
// counts by one a second, so whatever comes in between, a rate is 1.
func TestBatchesAtOnce(t *testing.T) {
	t.Parallel()
	const maxSeries, series, batches = 70_000, 80_000, 40
	s, clock := newStore(maxSeries)
	keys := make([]Key, series)
	for i := range keys {
		keys[i] = key(s, fmt.Sprint(i))
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			var b Batch
			for n := range batches {
				b.Reset()
				b.SetTerms(every(60))
				for i := range 5000 {
					b.Add(keys[(n*2500+i*(g+1))%series], IntPoint(int64(n)*1000, int64(n)))
				}
				s.ObserveBatch(&b, s.Time())
				for i := range b.Points {
					if o := &b.Points[i]; o.Outcome == Rate && o.Rate != 1 {
						t.Errorf("rate %v", o.Rate)
						return
					}
				}
			}
		})
	}
	for range 100 {
		clock.advance(time.Second)
		s.Sweep(10)
	}
	wg.Wait()
	held := 0
	for i := range s.shards {
		held += s.shards[i].used
	}
	assert.Equal(t, s.Len(), held)
	assert.LessOrEqual(t, held, maxSeries)
}

func TestTermsOfABatch(t *testing.T) {
	t.Parallel()
	var b Batch
	for range 2 {
		for _, interval := range []int64{60, 60, 10, 60} {
			b.SetTerms(every(interval))
			b.Add(Key{}, Point{})
		}
		var got []int64
		for i := range b.Points {
			got = append(got, b.terms[b.Points[i].terms].Gap)
		}
		assert.Equal(t, []int64{180_000, 180_000, 30_000, 180_000}, got)
		assert.Len(t, b.terms, 4, "equal terms in a row are kept once")
		b.Reset()
	}
}
