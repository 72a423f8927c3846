package schedule

import (
	"math"
	"slices"
)

// bucketBits is the width of a bucket: 1024 milliseconds.
const bucketBits = 10

// spareBuckets is how many emptied buckets are kept to be filled again.
const spareBuckets = 128

// agenda holds due times. Those of the next second or two are a heap; later ones lie in buckets, in no order, until
// their second comes: a heap of a million entries does not fit into a processor's cache.
type agenda struct {
	soon    heap                  // due before horizon
	later   map[int64][]heapEntry // by due >> bucketBits
	horizon int64
	size    int
	spare   [][]heapEntry
}

func newAgenda() agenda { return agenda{later: map[int64][]heapEntry{}} }

func (a *agenda) push(e heapEntry) {
	a.size++
	if e.due < a.horizon {
		a.soon.push(e)
		return
	}
	key := e.due >> bucketBits
	bucket := a.later[key]
	if n := len(a.spare); bucket == nil && n > 0 {
		bucket, a.spare = a.spare[n-1], a.spare[:n-1]
	}
	a.later[key] = append(bucket, e)
}

// pop takes the earliest entry that is due by now.
func (a *agenda) pop(now int64) (heapEntry, bool) {
	if now >= a.horizon {
		a.advance(now)
	}
	if len(a.soon) == 0 || a.soon[0].due > now {
		return heapEntry{}, false
	}
	a.size--
	return a.soon.pop(), true
}

// advance moves the buckets up to and with the second after now to the heap.
func (a *agenda) advance(now int64) {
	last := now>>bucketBits + 1
	first := a.horizon >> bucketBits
	if last-first < int64(len(a.later)) {
		for key := first; key <= last; key++ {
			a.open(key)
		}
	} else {
		for key := range a.later {
			if key <= last {
				a.open(key)
			}
		}
	}
	a.horizon = (last + 1) << bucketBits
}

func (a *agenda) open(key int64) {
	bucket, ok := a.later[key]
	if !ok {
		return
	}
	for _, e := range bucket {
		a.soon.push(e)
	}
	delete(a.later, key)
	if len(a.spare) < spareBuckets {
		a.spare = append(a.spare, bucket[:0])
	}
}

// next is when to look again: the earliest due time, or the beginning of the earliest bucket.
func (a *agenda) next() (due int64, ok bool) {
	if len(a.soon) > 0 {
		return a.soon[0].due, true
	}
	due = math.MaxInt64
	for key := range a.later {
		due = min(due, key<<bucketBits)
	}
	return due, a.size > 0
}

// sweep drops the entries of some bucket that are not live, and says how many these were. Those that are due soon are
// left to be popped.
func (a *agenda) sweep(live func(heapEntry) bool) (dropped int) {
	for key, bucket := range a.later { // which comes first is up to chance
		kept := bucket[:0]
		for _, e := range bucket {
			if live(e) {
				kept = append(kept, e)
			}
		}
		dropped = len(bucket) - len(kept)
		a.size -= dropped
		if a.later[key] = kept; len(kept) == 0 {
			delete(a.later, key)
		}
		break
	}
	return dropped
}

// shift moves all due times.
func (a *agenda) shift(by int64) {
	all := slices.Clone([]heapEntry(a.soon))
	for _, bucket := range a.later {
		all = append(all, bucket...)
	}
	*a = newAgenda()
	for _, e := range all {
		e.due += by
		a.push(e)
	}
}
