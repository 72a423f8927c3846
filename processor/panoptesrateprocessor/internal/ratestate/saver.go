package ratestate

import (
	"context"
	"fmt"
	"math/bits"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// saver is one run of Keeper.Save.
type saver struct {
	k   *Keeper
	ctx context.Context
	now Time

	open    map[cohort]*openChunk
	full    []*openChunk
	ids     map[chunkID]struct{} // all that were begun
	added   []entry
	written int
	err     error
}

// openChunk is a chunk that is being filled.
type openChunk struct {
	chunkWriter
	id chunkID
}

// run visits all slots and writes the chunks. They count once they are in the index.
func (s *saver) run() error {
	s.ids, s.open = map[chunkID]struct{}{}, map[cohort]*openChunk{}
	for i := range s.k.store.shards {
		sh := &s.k.store.shards[i]
		sh.Lock()
		sh.unsaved(s.now, s.add)
		sh.Unlock()
		s.write(chunksPerWrite)
		if s.err != nil {
			return s.err
		}
	}
	for _, c := range s.open {
		s.full = append(s.full, c)
	}
	s.write(1)
	return s.err
}

// cohort names series that are likely to come again at about the same time: those that expire at about the same time,
// for of one interval these came at the same time. About is a 16th to a 32nd of the time that is left.
type cohort struct {
	width uint8 // log 2, in seconds
	at    Time
}

func (s *saver) cohortOf(sl *slot) cohort {
	width := max(5, bits.Len32(uint32(sl.expires-s.now))) - 5
	return cohort{uint8(width), sl.expires >> width}
}

// add puts a slot into a chunk of its cohort.
func (s *saver) add(sl *slot) chunkID {
	of := s.cohortOf(sl)
	c := s.open[of]
	if c == nil {
		if c = s.begin(); c == nil {
			return 0
		}
		s.open[of] = c
	}
	c.add(sl)
	if c.n == maxRecords {
		s.full = append(s.full, c)
		delete(s.open, of)
	}
	return c.id
}

// begin returns an empty chunk, or nil after an error.
func (s *saver) begin() *openChunk {
	if s.err != nil {
		return nil
	}
	var id chunkID
	if n := len(s.k.free); n > 0 {
		id, s.k.free = s.k.free[n-1], s.k.free[:n-1]
	} else if s.k.top < maxChunk {
		s.k.top++
		id = s.k.top
	} else {
		s.err = fmt.Errorf("the rate state has more than %d chunks", maxChunk)
		return nil
	}
	s.ids[id] = struct{}{}
	s.k.store.outdated.renew(id)
	c := &openChunk{id: id} // not used again: a storage may keep what it is given
	c.begin(s.k.store.seed, s.now)
	return c
}

// write hands the full chunks to the storage if there are at least n.
func (s *saver) write(n int) {
	for len(s.full) >= n && s.err == nil {
		batch := s.full[:min(len(s.full), chunksPerWrite)]
		ops := make([]*storage.Operation, len(batch))
		for i, c := range batch {
			data, crc := c.end()
			ops[i] = storage.SetOperation(s.k.chunkKey(c.id), data)
			s.added = append(s.added, entry{id: c.id, n: c.n, clock: s.now, crc: crc})
			s.written += len(data)
		}
		if err := s.k.client.Batch(s.ctx, ops...); err != nil {
			s.err = fmt.Errorf("write chunks of the rate state: %w", err)
			return
		}
		s.full = s.full[len(batch):]
	}
}
