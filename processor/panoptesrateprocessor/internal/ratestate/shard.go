package ratestate

import (
	"math"
	"math/bits"
	"sync"
)

// slot is the state of one series: 48 bytes, no pointers.
type slot struct {
	key     Key
	value   uint64
	rate    float64 // the rate that the last point had, if flagRate
	when    uint64  // milliseconds << millisShift | chunk << flagBits | flags; 0 when the slot is free
	expires Time
	touched uint32 // the shard's turn when the slot was written last
}

const (
	flagUsed = 1 << iota
	flagFloat
	flagRate

	flagBits    = 4
	chunkBits   = 15
	millisShift = flagBits + chunkBits
	chunkMask   = (1<<chunkBits - 1) << flagBits
)

func (s *slot) point() Point {
	return Point{Millis: int64(s.when >> millisShift), bits: s.value, float: s.when&flagFloat != 0}
}

// chunk is where the slot is saved, as it is now; 0 where it is not.
func (s *slot) chunk() chunkID { return chunkID(s.when & chunkMask >> flagBits) }

func (s *slot) setChunk(id chunkID) { s.when = s.when&^chunkMask | uint64(id)<<flagBits }

// set makes p the last point. Where the slot is saved is for touch to forget.
func (s *slot) set(p Point, rate float64, outcome Outcome) {
	s.value, s.rate = p.bits, rate
	s.when = uint64(p.Millis)<<millisShift | s.when&chunkMask | flagUsed
	if p.float {
		s.when |= flagFloat
	}
	if outcome == Rate {
		s.when |= flagRate
	}
}

// uptime is what the slot of an uptime metric says.
func (s *slot) uptime() Uptime {
	return Uptime{Since: int64(s.rate), Last: s.point().Millis, Fell: s.when&flagRate != 0}
}

// A table is at most maxLoad full and grows by a quarter: 60 to 75 bytes a series.
const (
	minSlots     = 16
	maxLoadNum   = 4
	maxLoadDenom = 5
	growthNum    = 5
	growthDenom  = 4
	shrinkBelow  = 4 // shrink when less than a quarter is used
)

// shard is one part of the store. All its methods need the lock.
type shard struct {
	sync.Mutex
	slots []slot
	used  int
	turn  uint32 // counts writes: the order in which slots were touched
	hand  int    // where the next sweep begins
	probe int    // where the next search for an eviction begins

	outdated *outdated // where to note that a saved slot has changed

	_ [64]byte // keeps the locks of two shards off one cache line
}

// home is the slot at which the search for a key begins. The shard is chosen by A, so B is independent of it.
func (sh *shard) home(k Key) int {
	hi, _ := bits.Mul64(k.B, uint64(len(sh.slots)))
	return int(hi)
}

func (sh *shard) next(i int) int {
	if i++; i == len(sh.slots) {
		return 0
	}
	return i
}

// find returns the slot of a key, or nil.
func (sh *shard) find(k Key) *slot {
	if len(sh.slots) == 0 {
		return nil
	}
	for i := sh.home(k); ; i = sh.next(i) {
		s := &sh.slots[i]
		if s.when == 0 {
			return nil
		}
		if s.key == k {
			return s
		}
	}
}

// insert returns a free slot, marked with the key. The key must not be there yet. It may move all other slots.
func (sh *shard) insert(k Key) *slot {
	if (sh.used+1)*maxLoadDenom > len(sh.slots)*maxLoadNum {
		sh.resize(max(minSlots, len(sh.slots)*growthNum/growthDenom))
	}
	sh.used++
	return sh.place(k)
}

func (sh *shard) place(k Key) *slot {
	i := sh.home(k)
	for sh.slots[i].when != 0 {
		i = sh.next(i)
	}
	sh.slots[i] = slot{key: k}
	return &sh.slots[i]
}

func (sh *shard) resize(n int) {
	old := sh.slots
	sh.slots = make([]slot, n)
	for i := range old {
		if old[i].when != 0 {
			*sh.place(old[i].key) = old[i]
		}
	}
	sh.hand, sh.probe = 0, 0
}

// remove frees slot i and moves back what follows, up to the next free slot, so that every search still finds its key
// without passing a free slot.
func (sh *shard) remove(i int) {
	sh.used--
	sh.outdate(&sh.slots[i])
	for j := sh.next(i); sh.slots[j].when != 0; j = sh.next(j) {
		// The slot at j may move to i unless its home lies after i, up to j: a search for it begins there.
		home := sh.home(sh.slots[j].key)
		stays := i < home && home <= j
		if j < i { // the stretch from i to j passes the end of the array
			stays = i < home || home <= j
		}
		if stays {
			continue
		}
		sh.slots[i] = sh.slots[j]
		i = j
	}
	sh.slots[i] = slot{}
}

// touch notes that s was written now, and when it expires. Every change of a slot that was there goes with a touch.
func (sh *shard) touch(s *slot, expires Time) {
	sh.turn++
	s.touched, s.expires = sh.turn, expires
	sh.outdate(s)
}

// outdate notes that what is saved of s is no longer what the store knows.
func (sh *shard) outdate(s *slot) {
	if id := s.chunk(); id != 0 {
		sh.outdated.note(id)
		s.setChunk(0)
	}
}

// sweep removes what has expired among the next n slots, and notes it as forgotten.
func (sh *shard) sweep(now Time, n int, gone *forgotten) (removed int) {
	if len(sh.slots) == 0 {
		return 0
	}
	n = min(n, len(sh.slots))
	i := sh.hand % len(sh.slots)
	for range n {
		// Another slot may have moved to i, so look again.
		for sh.slots[i].when != 0 && sh.slots[i].expires <= now {
			gone.note(sh.slots[i].key, sh.slots[i].expires)
			sh.remove(i)
			removed++
		}
		i = sh.next(i)
	}
	sh.hand = i
	if len(sh.slots) > minSlots && sh.used < len(sh.slots)/shrinkBelow {
		sh.resize(max(minSlots, len(sh.slots)/2))
	}
	return removed
}

// evict removes one slot: an expired one, or else the one that was not touched for longest among the next n slots, or
// more where these are free. It notes it as forgotten, and says whether there was one and whether that had expired.
func (sh *shard) evict(now Time, n int, gone *forgotten) (removed, expired bool) {
	if sh.used == 0 {
		return false, false
	}
	oldest, age := -1, uint32(0)
	i := sh.probe % len(sh.slots)
	for seen := 0; seen < n && seen < len(sh.slots) || oldest < 0; seen++ {
		if s := &sh.slots[i]; s.when != 0 {
			if s.expires <= now {
				oldest, expired = i, true
				break
			}
			// The turn may have wrapped around; the difference has not.
			if a := sh.turn - s.touched; oldest < 0 || a > age {
				oldest, age = i, a
			}
		}
		i = sh.next(i)
	}
	sh.probe = i
	gone.note(sh.slots[oldest].key, sh.slots[oldest].expires)
	sh.remove(oldest)
	return true, expired
}

// maxTime is later than any time of a store.
const maxTime = math.MaxUint32
