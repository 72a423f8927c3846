package ratestate

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Export writes the series for whose keys pick is true, or all where it is nil: chunks as a Keeper stores them, each
// after its length as an uvarint, and a length of 0 at the end. The store may be in use meanwhile; each series is
// written as it was at some time during the call. It returns the number of series.
func (s *Store) Export(w io.Writer, pick func(Key) bool) (series int, err error) {
	now := s.Time()
	var full [][]byte
	c := &chunkWriter{}
	c.begin(s.seed, now)
	end := func() {
		if c.n > 0 {
			data, _ := c.end()
			full = append(full, data)
			series += c.n
			c = &chunkWriter{}
			c.begin(s.seed, now)
		}
	}
	for i := range s.shards {
		s.shards[i].each(now, func(sl *slot) {
			if pick != nil && !pick(sl.key) {
				return
			}
			if c.add(sl); c.n == maxRecords {
				end()
			}
		})
		if i == len(s.shards)-1 {
			end()
		}
		for _, data := range full {
			if err := writeFrame(w, data); err != nil {
				return series, fmt.Errorf("export the rate state: %w", err)
			}
		}
		full = full[:0]
	}
	if err := writeFrame(w, nil); err != nil {
		return series, fmt.Errorf("export the rate state: %w", err)
	}
	return series, nil
}

func writeFrame(w io.Writer, data []byte) error {
	if _, err := w.Write(binary.AppendUvarint(nil, uint64(len(data)))); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
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

// Imported says what came of an Import.
type Imported struct {
	// Taken is the number of series taken over, Known that of those of which the store had a point as late, and Evicted
	// that of series forgotten for others.
	Taken, Known, Evicted int
}

// Import takes over what Export wrote from a store with the same seed. A series that is known keeps the later point of
// the two. What was read before an error stays. The store may be in use meanwhile. No more than a chunk is held at a
// time; r may be read a little beyond the end.
func (s *Store) Import(r io.Reader) (Imported, error) {
	var in Imported
	br := bufio.NewReader(r)
	var data []byte
	for i := 0; ; i++ {
		n, err := binary.ReadUvarint(br)
		switch {
		case err != nil:
			return in, fmt.Errorf("import the rate state: after %d chunks: %w", i, noEOF(err))
		case n == 0:
			return in, nil
		case n > maxChunkLen:
			return in, fmt.Errorf("import the rate state: chunk %d has %d bytes, limit is %d", i, n, maxChunkLen)
		}
		if uint64(cap(data)) < n {
			data = make([]byte, n)
		}
		data = data[:n]
		if _, err := io.ReadFull(br, data); err != nil {
			return in, fmt.Errorf("import the rate state: chunk %d: %w", i, noEOF(err))
		}
		if err := s.importChunk(data, &in); err != nil {
			return in, fmt.Errorf("import the rate state: chunk %d: %w", i, err)
		}
	}
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

// noEOF makes an end that comes too early an error of its own.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
