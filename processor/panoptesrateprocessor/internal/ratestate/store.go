package ratestate

import (
	"hash/maphash"
	"sync/atomic"
	"time"
)

// GapIntervals is the number of intervals after which a value is too old to make a rate with, and its state expires
// (docs/panoptes/formats.md, section 6: the time to live of 3 * interval).
const GapIntervals = 3

// MaxInterval is the longest interval, in seconds, that is told apart: three years.
const MaxInterval = 100_000_000

// Time is seconds on a store's own clock, which stands at 0 when the store is made and is monotonic.
type Time uint32

// Settings are what a Store is made of.
type Settings struct {
	// MaxSeries bounds the number of series; 0 or less means no bound.
	MaxSeries int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Seed is the seed of the keys; the zero Key means a random one.
	Seed Key
}

// Store holds the last point of each series. It is safe for concurrent use; points of one series should come in order.
type Store struct {
	now    func() time.Time
	start  time.Time
	hasher Hasher
	max    int64
	held   atomic.Int64
	shift  uint // of a key's A, to get the shard
	shards []shard
}

const (
	maxShardBits = 6
	// seriesPerShard keeps shards large enough for the bound: a small store has one shard, and evicts exactly the oldest.
	seriesPerShard = 1024
	// evictionProbe is the number of slots among which a store of many shards looks for the oldest: a microsecond's work,
	// and what it finds is among the oldest two in a hundred. More series than the bound are no time to be slow.
	evictionProbe = 128
)

// New returns an empty Store.
func New(set Settings) *Store {
	if set.Now == nil {
		set.Now = time.Now
	}
	if set.Seed == (Key{}) {
		set.Seed = Key{randomWord(), randomWord()}
	}
	shardBits := maxShardBits
	for set.MaxSeries > 0 && shardBits > 0 && set.MaxSeries>>shardBits < seriesPerShard {
		shardBits--
	}
	return &Store{
		now:    set.Now,
		start:  set.Now(),
		hasher: NewHasher(set.Seed),
		max:    int64(set.MaxSeries),
		shift:  uint(64 - shardBits),
		shards: make([]shard, 1<<shardBits),
	}
}

func randomWord() uint64 {
	return maphash.String(maphash.MakeSeed(), "")
}

// Hasher returns what computes the keys of this store.
func (s *Store) Hasher() Hasher { return s.hasher }

// Len is the number of series held, including those that have expired and wait for the sweep.
func (s *Store) Len() int { return int(s.held.Load()) }

// Time reads the store's clock. Read it once a batch and pass it to Observe.
func (s *Store) Time() Time {
	d := s.now().Sub(s.start) / time.Second
	return Time(max(0, min(d, maxTime)))
}

// Result is what Observe says of a point.
type Result struct {
	// Rate is per second; it counts only when Outcome is Rate.
	Rate    float64
	Outcome Outcome
	// Evicted is true when another series was forgotten for this one.
	Evicted bool
}

// Observe takes the next point of a series and returns its rate. The interval, in seconds, says what a gap is.
//
// An older point never replaces the stored one. A point with the same time and another value does, and so do a reset
// and a gap: what comes next is compared with them. The very same point again has the rate it had at first, so that a
// batch that was refused further down can be sent again.
func (s *Store) Observe(k Key, p Point, interval int64, now Time) Result {
	interval = max(1, min(interval, MaxInterval))
	sh := &s.shards[k.A>>s.shift]
	sh.Lock()
	defer sh.Unlock()
	sl := sh.find(k)
	if sl == nil {
		evicted := s.makeRoom(sh, now)
		sl = sh.insert(k)
		sl.set(p, 0, First)
		sh.touch(sl, expiry(now, interval))
		return Result{Outcome: First, Evicted: evicted}
	}
	if sl.expires <= now {
		sl.set(p, 0, First)
		sh.touch(sl, expiry(now, interval))
		return Result{Outcome: First}
	}
	old := sl.point()
	dt := p.Millis - old.Millis
	if dt < 0 {
		return Result{Outcome: OutOfOrder}
	}
	// From here on the series is known to be alive.
	sh.touch(sl, expiry(now, interval))
	switch {
	case dt == 0 && old.sameValue(p):
		if sl.when&flagRate != 0 {
			return Result{Rate: sl.rate}
		}
		return Result{Outcome: Duplicate}
	case dt == 0:
		sl.set(p, 0, Duplicate)
		return Result{Outcome: Duplicate}
	case dt > GapIntervals*1000*interval:
		sl.set(p, 0, Gap)
		return Result{Outcome: Gap}
	}
	rate, outcome := between(old, p)
	sl.set(p, rate, outcome)
	return Result{Rate: rate, Outcome: outcome}
}

// makeRoom counts a series that is about to be inserted into sh, and evicts another when there are too many.
func (s *Store) makeRoom(sh *shard, now Time) (evicted bool) {
	if held := s.held.Add(1); s.max <= 0 || held <= s.max {
		return false
	}
	n := evictionProbe
	if len(s.shards) == 1 {
		n = len(sh.slots)
	}
	removed, expired := sh.evict(now, n)
	if removed {
		s.held.Add(-1)
	}
	return removed && !expired
}

// grace is added to the time to live because the clock ticks in seconds and a point of exactly three intervals, which
// still has a rate, may arrive a little late.
const grace = 2

func expiry(now Time, interval int64) Time {
	return Time(min(int64(now)+GapIntervals*interval+grace, maxTime))
}

// Sweep removes the expired series of one of so many parts of the store, and returns how many there were. Called parts
// times it has seen all of the store; the work of one call is bounded, and so is the time for which a shard is locked.
func (s *Store) Sweep(parts int) (removed int) {
	now := s.Time()
	for i := range s.shards {
		sh := &s.shards[i]
		sh.Lock()
		removed += sh.sweep(now, (len(sh.slots)+parts-1)/max(1, parts))
		sh.Unlock()
	}
	s.held.Add(int64(-removed))
	return removed
}
