package ratestate

import "slices"

// Batch holds points that a Store takes together, and what came of each. To take many at once is cheaper than one
// after the other: a shard is locked once for all of its points, and the memory of their slots, which is in no cache
// where there are many series, is fetched for several at a time.
//
// The zero value is empty and ready for use. A Batch is for one goroutine.
type Batch struct {
	// Points are those added since the last Reset, in that order.
	Points []Observation
	terms  []Terms
	order  []uint32 // of Points, by shard
	ends   [1 << maxShardBits]uint32
	read   uint64
}

// Observation is a point of a Batch.
type Observation struct {
	Series Key
	Point  Point
	// Rate, Apart, Outcome and Evicted are the Result.
	Rate    float64
	Apart   int64
	terms   uint32 // index of the terms; 0 where the result needs no state
	Outcome Outcome
	Evicted bool
	// Tag is the caller's own.
	Tag uint8
}

// Identity tells the point apart from all others of all series.
func (o *Observation) Identity() Key {
	when := uint64(o.Point.Millis) << 1
	if o.Point.float {
		when |= 1
	}
	// Two points of one series differ by one part or the other; keys of different series lie far apart.
	return o.Series.Add(Key{o.Point.bits, when})
}

// Reset makes the batch empty.
func (b *Batch) Reset() { b.Points, b.terms = b.Points[:0], b.terms[:0] }

// SetTerms sets the terms of the points that are added from now on.
func (b *Batch) SetTerms(t *Terms) {
	if len(b.terms) == 0 {
		b.terms = append(b.terms, Terms{})
	}
	if len(b.terms) == 1 || b.terms[len(b.terms)-1] != *t {
		b.terms = append(b.terms, *t)
	}
}

// Add adds the next point of a series. There must be terms.
func (b *Batch) Add(k Key, p Point) {
	o := b.next()
	o.Series, o.Point, o.Tag, o.terms = k, p, 0, uint32(len(b.terms)-1)
}

// AddKnown adds a point of which the outcome is known without the state.
func (b *Batch) AddKnown(p Point, rate float64, outcome Outcome) {
	*b.next() = Observation{Point: p, Rate: rate, Outcome: outcome}
}

// next returns the place of a further point, which has what was left there.
func (b *Batch) next() *Observation {
	n := len(b.Points)
	b.Points = slices.Grow(b.Points, 1)[:n+1]
	return &b.Points[n]
}

// fewPoints are not worth sorting.
const fewPoints = 32

// ObserveBatch does what Observe does for all points of a batch. The points of a series are taken in their order. Those of
// different series are not, and points that other goroutines observe may come in between.
func (s *Store) ObserveBatch(b *Batch, now Time) {
	if len(b.Points) < fewPoints {
		for i := range b.Points {
			if o := &b.Points[i]; o.terms != 0 {
				o.note(s.Observe(o.Series, o.Point, &b.terms[o.terms], now))
			}
		}
		return
	}
	b.sort(s.shift)
	from := uint32(0)
	for i, to := range b.ends[:len(s.shards)] {
		if from < to {
			s.observeShard(&s.shards[i], b, b.order[from:to], now)
		}
		from = to
	}
}

// sort makes order list the points by shard, those of one shard as they came, and ends where the shards' parts end.
func (b *Batch) sort(shift uint) {
	clear(b.ends[:])
	for i := range b.Points {
		if o := &b.Points[i]; o.terms != 0 {
			b.ends[o.Series.A>>shift&(1<<maxShardBits-1)]++
		}
	}
	at := uint32(0)
	for i, n := range b.ends {
		b.ends[i] = at // the beginning, until all is in place
		at += n
	}
	b.order = slices.Grow(b.order[:0], len(b.Points))[:at]
	for i := range b.Points {
		if o := &b.Points[i]; o.terms != 0 {
			end := &b.ends[o.Series.A>>shift&(1<<maxShardBits-1)]
			b.order[*end] = uint32(i)
			*end++
		}
	}
}

// fetched is for how many points the slots are fetched at once: about as many reads as a core has under way.
const fetched = 16

func (s *Store) observeShard(sh *shard, b *Batch, order []uint32, now Time) {
	sh.Lock()
	defer sh.Unlock()
	for len(order) > 0 {
		n := min(len(order), fetched)
		b.read += sh.fetch(b.Points, order[:n])
		for _, i := range order[:n] {
			o := &b.Points[i]
			o.note(s.observe(sh, o.Series, o.Point, &b.terms[o.terms], now))
		}
		order = order[n:]
	}
}

// fetch reads where the search for each of the points begins, so that it is in the cache then. No read waits for another.
// It returns something made of all of them, or else the compiler would leave them out.
func (sh *shard) fetch(points []Observation, order []uint32) (read uint64) {
	if len(sh.slots) == 0 {
		return 0
	}
	last := len(sh.slots) - 1
	for _, i := range order {
		home := sh.home(points[i].Series)
		s, next := &sh.slots[home], &sh.slots[min(home+1, last)]
		// The first and the last field, since a slot may lie in two lines of the cache.
		read += s.key.A + uint64(s.touched) + uint64(next.touched)
	}
	return read
}

func (o *Observation) note(r Result) {
	o.Rate, o.Apart, o.Outcome, o.Evicted = r.Rate, r.Apart, r.Outcome, r.Evicted
}
