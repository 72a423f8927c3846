package ratestate

import (
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
// Keeper stores them, each after its length in four bytes. The store may be in use meanwhile; each series is handed over
// as it was at some time during the call.
func (s *Store) Export(parts []int, write func(part int, state []byte, series int)) {
	now := s.Time()
	which := make([]uint16, 1<<16) // of exports, by part; the first one is of all other parts, and stays empty
	exports := make([]export, 1+len(parts))
	for i, p := range parts {
		which[p] = uint16(i + 1)
	}
	for i := range s.shards {
		s.shards[i].each(now, func(sl *slot) { exports[which[sl.key.Part()]].expected++ })
	}
	for i := range s.shards {
		s.shards[i].each(now, func(sl *slot) {
			if at := which[sl.key.Part()]; at != 0 {
				exports[at].add(sl, s.seed, now)
			}
		})
	}
	for i, p := range parts {
		e := &exports[i+1]
		if e.end(); e.series > 0 {
			write(p, e.chunk.buf, e.series)
		}
	}
}

// export is the state of a part that is being written.
type export struct {
	chunk            chunkWriter
	expected, series int
}

const (
	lengthLen = 4
	// usualRecordLen is how much memory is kept ready for a record.
	usualRecordLen = 36
)

func (e *export) add(sl *slot, seed Key, now Time) {
	c := &e.chunk
	if c.buf == nil {
		chunks := e.expected/maxRecords + 1
		c.buf = make([]byte, 0, chunks*(lengthLen+prefixLen+headerLen+crcLen)+e.expected*usualRecordLen)
	}
	if c.n == 0 {
		c.buf = append(c.buf, make([]byte, lengthLen)...)
		c.begin(seed, now)
	}
	if c.add(sl); c.n == maxRecords {
		e.end()
	}
}

// end ends the chunk that was begun, if one was.
func (e *export) end() {
	c := &e.chunk
	if c.n == 0 {
		return
	}
	data, _ := c.end()
	binary.LittleEndian.PutUint32(c.buf[c.from-lengthLen:], uint32(len(data)))
	e.series += c.n
	c.n = 0
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
		if len(state) < lengthLen || uint64(binary.LittleEndian.Uint32(state)) > uint64(len(state)-lengthLen) {
			return in, fmt.Errorf("import the rate state: chunk %d is cut off", i)
		}
		end := lengthLen + int(binary.LittleEndian.Uint32(state))
		if err := s.importChunk(state[lengthLen:end], &in); err != nil {
			return in, fmt.Errorf("import the rate state: chunk %d: %w", i, err)
		}
		state = state[end:]
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
