package ratestate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// A store may be divided into parts that come and go as a whole, as the shards of a fleet do. A key's part is in the low
// 16 bits of its A: the top ones choose the lock, and B the slot.
const (
	partMask = 1<<16 - 1
	// NoPart is that of series that stay.
	NoPart = partMask
)

// In makes a key one of a part.
func (k Key) In(part uint16) Key { return Key{k.A&^partMask | uint64(part), k.B} }

// Part is the part of a key that In made.
func (k Key) Part() uint16 { return uint16(k.A) }

// Export hands over what the store holds of some parts. It calls write for each of which there is anything, with chunks as a
// Keeper stores them, each after its length as an uvarint. The store may be in use meanwhile; each series is handed over
// as it was at some time during the call.
func (s *Store) Export(parts []int, write func(part int, state []byte, series int)) {
	type export struct {
		state  bytes.Buffer
		chunk  *chunkWriter
		series int
	}
	now := s.Time()
	exports := map[uint16]*export{}
	for _, p := range parts {
		exports[uint16(p)] = &export{}
	}
	end := func(e *export) {
		data, _ := e.chunk.end()
		e.state.Write(binary.AppendUvarint(nil, uint64(len(data))))
		e.state.Write(data)
		e.series += e.chunk.n
		e.chunk = nil
	}
	for i := range s.shards {
		s.shards[i].each(now, func(sl *slot) {
			e := exports[sl.key.Part()]
			if e == nil {
				return
			}
			if e.chunk == nil {
				e.chunk = &chunkWriter{}
				e.chunk.begin(s.seed, now)
			}
			if e.chunk.add(sl); e.chunk.n == maxRecords {
				end(e)
			}
		})
	}
	for _, p := range parts {
		e := exports[uint16(p)]
		if e.chunk != nil {
			end(e)
		}
		if e.series > 0 {
			write(p, e.state.Bytes(), e.series)
		}
	}
}

// each visits the series of a shard that have not expired.
func (sh *shard) each(now Time, visit func(*slot)) {
	sh.Lock()
	defer sh.Unlock()
	for i := range sh.slots {
		if s := &sh.slots[i]; s.when != 0 && s.expires > now {
			visit(s)
		}
	}
}

// Forget forgets the series of some parts.
func (s *Store) Forget(parts []int) {
	var gone [1 << 16 / 64]uint64
	for _, p := range parts {
		gone[p/64] |= 1 << (p % 64)
	}
	removed := 0
	for i := range s.shards {
		sh := &s.shards[i]
		sh.Lock()
		for at := 0; at < len(sh.slots); {
			p := sh.slots[at].key.Part()
			if sh.slots[at].when == 0 || gone[p/64]&(1<<(p%64)) == 0 {
				at++
				continue
			}
			sh.remove(at) // another slot may have moved to its place
			removed++
		}
		sh.Unlock()
	}
	s.held.Add(int64(-removed))
}

// Imported says what came of an Import.
type Imported struct {
	// Taken is the number of series taken over, Known that of those of which the store had a point as late, and Evicted
	// that of series forgotten for others.
	Taken, Known, Evicted int
}

// Import takes over what Export wrote from a store with the same seed. A series that is known keeps the later point of
// the two. What was read before an error stays. The store may be in use meanwhile.
func (s *Store) Import(state []byte) (Imported, error) {
	var in Imported
	for i := 0; len(state) > 0; i++ {
		n, used := binary.Uvarint(state)
		if used <= 0 || n > uint64(len(state)-used) {
			return in, fmt.Errorf("import the rate state: chunk %d is cut off", i)
		}
		if err := s.importChunk(state[used:used+int(n)], &in); err != nil {
			return in, fmt.Errorf("import the rate state: chunk %d: %w", i, err)
		}
		state = state[used+int(n):]
	}
	return in, nil
}

func (s *Store) importChunk(data []byte, in *Imported) error {
	c, err := parseChunk(data)
	if err != nil {
		return err
	}
	if c.seed != s.seed {
		return errors.New("it was written with another seed, so its series have other keys")
	}
	now := s.Time()
	return c.each(func(sl *slot) {
		if sl.expires <= c.clock {
			return
		}
		// The other store's clock began at another time.
		expires := Time(min(int64(now)+int64(sl.expires-c.clock), maxTime))
		taken, evicted := s.merge(sl, expires, now)
		if taken {
			in.Taken++
		} else {
			in.Known++
		}
		if evicted {
			in.Evicted++
		}
	})
}
