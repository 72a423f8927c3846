package ratestate

import (
	"slices"
	"sync"
	"sync/atomic"
)

// chunkID names a chunk: a part of the state as it was saved. 0 is none.
type chunkID uint16

const maxChunk = 1<<chunkBits - 1

// outdated notes the chunks in which one record or more is no longer the last of its series. A chunk is noted once;
// that is all the rate path ever does about saving. It is safe for concurrent use.
type outdated struct {
	// noted has a bit for each chunk.
	noted [(maxChunk + 1) / 32]atomic.Uint32
	// waiting is the number of chunks that the storage still has to hear of. It rises before the bit is set: who sees
	// the bit and then no one waiting knows that the storage has heard.
	waiting atomic.Int64

	mu  sync.Mutex
	ids []chunkID
}

func (o *outdated) has(id chunkID) bool { return o.noted[id/32].Load()&(1<<(id%32)) != 0 }

func (o *outdated) note(id chunkID) {
	if o.has(id) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.has(id) {
		return
	}
	o.ids = append(o.ids, id)
	o.waiting.Add(1)
	o.noted[id/32].Or(1 << (id % 32))
}

func (o *outdated) empty() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ids = nil
	o.waiting.Store(0)
	for i := range o.noted {
		o.noted[i].Store(0)
	}
}

// list returns the chunks that wait.
func (o *outdated) list() []chunkID {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.ids)
}

// heard takes the first n off the list.
func (o *outdated) heard(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ids = slices.Delete(o.ids, 0, n)
	o.waiting.Add(int64(-n))
}

// renew makes a chunk's name fit for a new chunk.
func (o *outdated) renew(id chunkID) { o.noted[id/32].And(^uint32(1 << (id % 32))) }
