package ratestate

import (
	"hash/maphash"
	"sync/atomic"
	"time"
)

// GapIntervals is the number of intervals after which a value is too old to make a rate with, and its state expires
// (docs/panoptes/formats.md, section 6: the time to live of 3 * interval).
const GapIntervals = 3

// MaxGap is the longest Terms.Gap, in milliseconds, that is told apart: nine years.
const MaxGap = 300_000_000_000

// GapOf returns the Terms.Gap of metrics that come at an interval in seconds.
func GapOf(interval int64) int64 {
	return GapIntervals * 1000 * max(1, min(interval, MaxGap/1000/GapIntervals))
}

// Time is seconds on a store's own clock, which stands at 0 when the store is made and is monotonic. Where the state is
// kept it goes on, after a restart, from where it stopped: while a Collector is down nothing expires.
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
	before Time // what the clock showed at start
	seed   Key
	hasher Hasher
	max    int64
	held   atomic.Int64
	gone   forgotten
	shift  uint // of a key's A, to get the shard
	shards []shard

	outdated outdated
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
	s := &Store{
		now:    set.Now,
		start:  set.Now(),
		seed:   set.Seed,
		hasher: NewHasher(set.Seed),
		max:    int64(set.MaxSeries),
		gone:   forgotten{size: forgottenSize(set.MaxSeries)},
		shift:  uint(64 - shardBits),
		shards: make([]shard, 1<<shardBits),
	}
	for i := range s.shards {
		s.shards[i].outdated = &s.outdated
	}
	return s
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
	return Time(max(0, min(int64(s.before)+int64(d), maxTime)))
}

// Result is what Observe says of a point.
type Result struct {
	// Rate is per second; it counts only when Outcome is Rate.
	Rate    float64
	Outcome Outcome
	// Evicted is true when another series was forgotten for this one.
	Evicted bool
	// Apart is the time from the last point to this one in milliseconds, and more than Terms.Gap if the series had
	// expired not long ago. It is 0 where there was no last point, or it was not older.
	Apart int64
}

// Observe takes the next point of a series and returns its rate.
//
// An older point never replaces the stored one. A point with the same time and another value does, and so do a reset
// and a gap: what comes next is compared with them. The very same point again has the rate it had at first, so that a
// batch that was refused further down can be sent again.
func (s *Store) Observe(k Key, p Point, t *Terms, now Time) Result {
	sh := &s.shards[k.A>>s.shift]
	sh.Lock()
	defer sh.Unlock()
	return s.observe(sh, k, p, t, now)
}

// observe is Observe for a key of a shard. It needs the shard's lock.
func (s *Store) observe(sh *shard, k Key, p Point, t *Terms, now Time) Result {
	sl := sh.find(k)
	if sl == nil {
		r := s.recall(k, t, now) // before another one is forgotten in its place
		r.Evicted = s.makeRoom(sh, now)
		sl = sh.insert(k)
		sl.set(p, 0, First)
		sh.touch(sl, expiry(now, t.Gap))
		return r
	}
	if sl.expires <= now {
		r := Result{Outcome: First}
		if p.Millis-sl.point().Millis > t.Gap {
			r = returned(sl.expires, t, now)
		}
		sl.set(p, 0, First)
		sh.touch(sl, expiry(now, t.Gap))
		return r
	}
	old := sl.point()
	dt := p.Millis - old.Millis
	if dt < 0 {
		return Result{Outcome: OutOfOrder}
	}
	// From here on the series is known to be alive.
	sh.touch(sl, expiry(now, t.Gap))
	switch {
	case dt == 0 && old.sameValue(p):
		if sl.when&flagRate != 0 {
			return Result{Rate: sl.rate}
		}
		return Result{Outcome: Duplicate}
	case dt == 0:
		sl.set(p, 0, Duplicate)
		return Result{Outcome: Duplicate}
	case dt > t.Gap:
		sl.set(p, 0, Gap)
		return Result{Outcome: Gap, Apart: dt}
	}
	rate, outcome := between(old, p, t)
	sl.set(p, rate, outcome)
	return Result{Rate: rate, Outcome: outcome, Apart: dt}
}

// recall says what the first point of a series means that is not held: whether it was once.
func (s *Store) recall(k Key, t *Terms, now Time) Result {
	expires, ok := s.gone.recall(k)
	switch {
	case !ok:
		return Result{Outcome: First}
	case expires > now:
		return Result{Outcome: Evicted}
	}
	return returned(expires, t, now)
}

// returned is the result of the first point after the state expired: a gap, unless the series was gone for so long that it
// is as good as new.
func returned(expires Time, t *Terms, now Time) Result {
	if int64(now-expires)*1000 > GapIntervals*t.Gap {
		return Result{Outcome: First}
	}
	return Result{Outcome: Gap, Apart: t.Gap + 1}
}

// ObserveUptime takes the next point of an uptime metric and returns what it says of its device. Its state is that of
// any series, except the rate, whose place has Uptime.Since.
func (s *Store) ObserveUptime(k Key, p Point, gap int64, now Time) (u Uptime, evicted bool) {
	sh := &s.shards[k.A>>s.shift]
	sh.Lock()
	defer sh.Unlock()
	sl := sh.find(k)
	if sl == nil {
		evicted = s.makeRoom(sh, now)
		sl = sh.insert(k)
	}
	old := sl.point()
	switch {
	case sl.when == 0 || sl.expires <= now:
		sl.set(p, float64(p.Millis), First)
	case p.Millis <= old.Millis:
		return sl.uptime(), false
	case fell(old, p):
		sl.set(p, float64(p.Millis), Rate)
	default:
		u := sl.uptime()
		outcome := First
		if u.Fell {
			outcome = Rate
		}
		sl.set(p, float64(u.Since), outcome)
	}
	sh.touch(sl, expiry(now, gap))
	return sl.uptime(), evicted
}

// Uptime returns what the last point of an uptime metric said, and the zero Uptime where there is none.
func (s *Store) Uptime(k Key, now Time) Uptime {
	sh := &s.shards[k.A>>s.shift]
	sh.Lock()
	defer sh.Unlock()
	if sl := sh.find(k); sl != nil && sl.expires > now {
		return sl.uptime()
	}
	return Uptime{}
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
	removed, expired := sh.evict(now, n, &s.gone)
	if removed {
		s.held.Add(-1)
	}
	return removed && !expired
}

// grace is added to the time to live because the clock ticks in seconds and a point of exactly three intervals, which
// still has a rate, may arrive a little late.
const grace = 2

func expiry(now Time, gap int64) Time {
	return Time(min(int64(now)+(gap+999)/1000+grace, maxTime))
}

// Sweep removes the expired series of one of so many parts of the store, and returns how many there were. Called parts
// times it has seen all of the store; the work of one call is bounded, and so is the time for which a shard is locked.
func (s *Store) Sweep(parts int) (removed int) {
	now := s.Time()
	for i := range s.shards {
		sh := &s.shards[i]
		sh.Lock()
		removed += sh.sweep(now, (len(sh.slots)+parts-1)/max(1, parts), &s.gone)
		sh.Unlock()
	}
	s.held.Add(int64(-removed))
	return removed
}
