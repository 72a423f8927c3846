package ratestate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
	"slices"
)

// State outside the process comes in chunks of records. A chunk stands for itself: the same bytes are stored, and sent
// from one Collector to another. All numbers are little-endian.
//
//	chunk:  magic "PRSc" | version | header length | header | records | crc32c of all before
//	header: seed 16 | clock 4 | time of the first record in ms 8 | number of records 4
//	record: head 1 | key 16 | value 0-8 | rate 0 or 8 | time - header's, zigzag varint | expires - clock, zigzag varint
//	head:   recordFloat, recordRate, recordHasRate; the length of the value << 4
//
// Which chunks count is in the index:
//
//	index:  magic "PRSi" | version | header length | header | entries | crc32c of all before
//	header: seed 16 | generation 8 | clock 4 | number of entries 4
//	entry:  id 2 | number of records 2 | clock when saved 4 | the chunk's crc32c 4
//
// A header may grow at its end: readers skip what they do not know of it. Any other change is a new version, and a
// release only writes versions that the release before can read; so a new version is at first only read.
const (
	formatVersion = 1

	chunkMagic = "PRSc"
	indexMagic = "PRSi"

	prefixLen = 4 + 1 + 1
	headerLen = 32 // of both
	entryLen  = 12
	crcLen    = 4

	// maxRecords bounds a chunk, at about 150 KB: small enough for any storage, and a chunk is all that is lost to
	// trust with one series that changes.
	maxRecords   = 4096
	maxRecordLen = 1 + 16 + 8 + 8 + binary.MaxVarintLen64 + binary.MaxVarintLen64
	maxChunkLen  = prefixLen + math.MaxUint8 + maxRecords*maxRecordLen + crcLen
)

// The bits of a record's head.
const (
	recordFloat = 1 << iota
	recordRate
	recordHasRate

	recordKnown   = recordFloat | recordRate | recordHasRate
	valueLenShift = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errVersion is wrapped by the errors of data that another release wrote.
var errVersion = errors.New("another version of the format")

// chunkWriter makes a chunk between begin and end, behind what is in buf already.
type chunkWriter struct {
	buf    []byte
	from   int // where the chunk begins
	clock  Time
	millis int64
	n      int
}

func (w *chunkWriter) begin(seed Key, clock Time) {
	w.from = len(w.buf)
	w.buf = append(w.buf, chunkMagic...)
	w.buf = append(w.buf, formatVersion, headerLen)
	w.buf = appendKey(w.buf, seed)
	w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(clock))
	w.buf = append(w.buf, make([]byte, 12)...) // for end to fill in
	w.clock, w.n = clock, 0
}

func (w *chunkWriter) add(s *slot) {
	millis := s.point().Millis
	if w.n == 0 {
		w.millis = millis
	}
	w.n++
	head := byte(0)
	value := s.value
	if s.when&flagFloat != 0 {
		head |= recordFloat
		value = bits.ReverseBytes64(value) // it is the low end of doubles that is often zero
	}
	if s.when&flagRate != 0 {
		head |= recordRate
	}
	rate := math.Float64bits(s.rate)
	if rate != 0 {
		head |= recordHasRate
	}
	valueLen := (bits.Len64(value) + 7) / 8
	head |= byte(valueLen) << valueLenShift
	b := append(w.buf, head)
	b = appendKey(b, s.key)
	b = binary.LittleEndian.AppendUint64(b, value)
	b = b[:len(b)-8+valueLen]
	if rate != 0 {
		b = binary.LittleEndian.AppendUint64(b, rate)
	}
	b = binary.AppendVarint(b, millis-w.millis)
	w.buf = binary.AppendVarint(b, int64(s.expires)-int64(w.clock))
}

// end returns the chunk and its checksum.
func (w *chunkWriter) end() ([]byte, uint32) {
	at := w.from + prefixLen + 16 + 4
	binary.LittleEndian.PutUint64(w.buf[at:], uint64(w.millis))
	binary.LittleEndian.PutUint32(w.buf[at+8:], uint32(w.n))
	crc := crc32.Checksum(w.buf[w.from:], castagnoli)
	w.buf = binary.LittleEndian.AppendUint32(w.buf, crc)
	return w.buf[w.from:], crc
}

func appendKey(b []byte, k Key) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, k.A), k.B)
}

func readKey(b []byte) Key {
	return Key{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}
}

// chunk is a chunk whose checksum fits.
type chunk struct {
	seed    Key
	clock   Time
	crc     uint32
	millis  int64
	n       int
	records []byte
}

func parseChunk(data []byte) (chunk, error) {
	header, rest, crc, err := open(data, chunkMagic)
	if err != nil {
		return chunk{}, err
	}
	c := chunk{
		seed:    readKey(header),
		clock:   Time(binary.LittleEndian.Uint32(header[16:])),
		crc:     crc,
		millis:  int64(binary.LittleEndian.Uint64(header[20:])),
		n:       int(binary.LittleEndian.Uint32(header[28:])),
		records: rest,
	}
	if c.n > maxRecords {
		return chunk{}, fmt.Errorf("chunk says it has %d records, limit is %d", c.n, maxRecords)
	}
	return c, nil
}

// each reads the records. What was visited before an error may be kept.
func (c *chunk) each(visit func(*slot)) error {
	b := c.records
	var s slot
	for i := range c.n {
		if len(b) < 1+16 {
			return fmt.Errorf("record %d of %d is cut off", i, c.n)
		}
		head := b[0]
		valueLen, rateLen := int(head>>valueLenShift), int(head&recordHasRate)/recordHasRate*8
		if head&(1<<valueLenShift-1)&^recordKnown != 0 || valueLen > 8 {
			return fmt.Errorf("record %d of %d has an unknown head %#x", i, c.n, head)
		}
		s = slot{key: readKey(b[1:])}
		b = b[1+16:]
		if len(b) < valueLen+rateLen {
			return fmt.Errorf("record %d of %d is cut off", i, c.n)
		}
		for j, v := range b[:valueLen] {
			s.value |= uint64(v) << (8 * j)
		}
		b = b[valueLen:]
		if rateLen > 0 {
			s.rate = math.Float64frombits(binary.LittleEndian.Uint64(b))
			b = b[rateLen:]
		}
		millis, n := binary.Varint(b)
		expires, m := binary.Varint(b[max(n, 0):])
		if n <= 0 || m <= 0 {
			return fmt.Errorf("record %d of %d is cut off", i, c.n)
		}
		b = b[n+m:]
		millis += c.millis
		expires += int64(c.clock)
		if millis < 0 || millis > MaxMillis || expires < 0 || expires > maxTime {
			return fmt.Errorf("record %d of %d has a time out of range", i, c.n)
		}
		s.when = uint64(millis)<<millisShift | flagUsed
		if head&recordFloat != 0 {
			s.when |= flagFloat
			s.value = bits.ReverseBytes64(s.value)
		}
		if head&recordRate != 0 {
			s.when |= flagRate
		}
		s.expires = Time(expires)
		if !finite(s.rate) || s.when&flagFloat != 0 && !finite(math.Float64frombits(s.value)) {
			return fmt.Errorf("record %d of %d is not a number", i, c.n)
		}
		visit(&s)
	}
	if len(b) > 0 {
		return fmt.Errorf("%d bytes follow the last of %d records", len(b), c.n)
	}
	return nil
}

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

// open checks what chunk and index have in common, and returns the header and what follows it.
func open(data []byte, magic string) (header, rest []byte, crc uint32, err error) {
	switch {
	case len(data) < prefixLen+crcLen || string(data[:4]) != magic:
		return nil, nil, 0, fmt.Errorf("%d bytes do not begin as %q does", len(data), magic)
	case data[4] != formatVersion:
		return nil, nil, 0, fmt.Errorf("version %d instead of %d: %w", data[4], formatVersion, errVersion)
	}
	end := len(data) - crcLen
	crc = binary.LittleEndian.Uint32(data[end:])
	if sum := crc32.Checksum(data[:end], castagnoli); sum != crc {
		return nil, nil, 0, fmt.Errorf("checksum is %08x instead of %08x", sum, crc)
	}
	n := int(data[5])
	if n < headerLen || prefixLen+n > end {
		return nil, nil, 0, fmt.Errorf("header of %d bytes, expected %d or more", n, headerLen)
	}
	return data[prefixLen : prefixLen+n], data[prefixLen+n : end], crc, nil
}

// index says which chunks are part of the state.
type index struct {
	seed       Key
	generation uint64
	clock      Time
	entries    []entry
}

// entry is a chunk in which every record is the last of its series.
type entry struct {
	id    chunkID
	n     int
	clock Time
	crc   uint32
}

func (x *index) encode() []byte {
	b := make([]byte, 0, prefixLen+headerLen+entryLen*len(x.entries)+crcLen)
	b = append(b, indexMagic...)
	b = append(b, formatVersion, headerLen)
	b = appendKey(b, x.seed)
	b = binary.LittleEndian.AppendUint64(b, x.generation)
	b = binary.LittleEndian.AppendUint32(b, uint32(x.clock))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(x.entries)))
	for _, e := range x.entries {
		b = binary.LittleEndian.AppendUint16(b, uint16(e.id))
		b = binary.LittleEndian.AppendUint16(b, uint16(e.n))
		b = binary.LittleEndian.AppendUint32(b, uint32(e.clock))
		b = binary.LittleEndian.AppendUint32(b, e.crc)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func parseIndex(data []byte) (index, error) {
	header, rest, _, err := open(data, indexMagic)
	if err != nil {
		return index{}, err
	}
	x := index{
		seed:       readKey(header),
		generation: binary.LittleEndian.Uint64(header[16:]),
		clock:      Time(binary.LittleEndian.Uint32(header[24:])),
	}
	n := int(binary.LittleEndian.Uint32(header[28:]))
	if n > maxChunk || n*entryLen != len(rest) {
		return index{}, fmt.Errorf("%d entries in %d bytes", n, len(rest))
	}
	seen := make([]bool, maxChunk+1)
	for b := range slices.Chunk(rest, entryLen) {
		e := entry{
			id:    chunkID(binary.LittleEndian.Uint16(b)),
			n:     int(binary.LittleEndian.Uint16(b[2:])),
			clock: Time(binary.LittleEndian.Uint32(b[4:])),
			crc:   binary.LittleEndian.Uint32(b[8:]),
		}
		if e.id == 0 || e.id > maxChunk || seen[e.id] {
			return index{}, fmt.Errorf("chunk %d is out of range or comes twice", e.id)
		}
		seen[e.id] = true
		x.entries = append(x.entries, e)
	}
	return x, nil
}
