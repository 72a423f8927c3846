package ratestate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
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
// as it was at some time during the call, without the rate of its last point.
func (s *Store) Export(parts []int, write func(part int, state []byte, series int)) {
	now := s.Time()
	which := make([]uint16, 1<<16) // of exports, by part; the first one is of all other parts, and stays empty
	for i, p := range parts {
		which[p] = uint16(i + 1)
	}
	exports := make([][]export, min(runtime.GOMAXPROCS(0), len(s.shards), exporters))
	var running sync.WaitGroup
	for n := range exports {
		exports[n] = make([]export, 1+len(parts))
		running.Go(func() { s.exportShards(exports[n], which, now, n, len(exports)) })
	}
	running.Wait()
	for i, p := range parts {
		states, series := make([][]byte, len(exports)), 0
		for n := range exports {
			e := &exports[n][i+1]
			e.end()
			states[n] = e.chunk.buf
			series += e.series
		}
		if series > 0 {
			write(p, slices.Concat(states...), series)
		}
	}
}

// exporters is how many goroutines export at most: nothing is polled meanwhile.
const exporters = 4

// exportShards exports one in so many shards, from the first on.
func (s *Store) exportShards(to []export, which []uint16, now Time, first, every int) {
	for i := first; i < len(s.shards); i += every {
		s.shards[i].each(now, func(sl *slot) { to[which[sl.key.Part()]].expected++ })
	}
	for i := first; i < len(s.shards); i += every {
		s.shards[i].each(now, func(sl *slot) {
			if at := which[sl.key.Part()]; at != 0 {
				to[at].add(sl, s.seed, now)
			}
		})
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
	usualRecordLen = 30
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
	moved := *sl
	if moved.when&flagRate != 0 && moved.rate != math.Trunc(moved.rate) {
		// It is there for points that come again, which they do where the series was. What an uptime has there is whole.
		moved.rate = 0
		moved.when &^= flagRate
	}
	if c.add(&moved); c.n == maxRecords {
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
