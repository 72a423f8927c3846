package schedule

import "math"

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

// rebuild changes all entries, or drops those for which change returns false.
func (a *agenda) rebuild(change func(*heapEntry) bool) {
	all := make([]heapEntry, 0, a.size)
	keep := func(list []heapEntry) {
		for _, e := range list {
			if change(&e) {
				all = append(all, e)
			}
		}
	}
	keep(a.soon)
	for _, bucket := range a.later {
		keep(bucket)
	}
	*a = newAgenda()
	for _, e := range all {
		a.push(e)
	}
}
