package ratestate

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// goldenSlots are one of each kind.
func goldenSlots() []slot {
	slots := []slot{
		{key: Key{1, 2}, expires: 1000},
		{key: Key{math.MaxUint64, 1 << 63}, expires: maxTime},
		{key: Key{3, 4}, expires: 1},
		{key: Key{5, 6}, expires: 1182},
		{key: Key{7, 8}, expires: 1182},
	}
	slots[0].set(IntPoint(1_700_000_000_123, 123_456_789), 12.5, Rate)
	slots[1].set(IntPoint(MaxMillis, math.MinInt64), 0, First)
	slots[2].set(IntPoint(0, 0), 0, Rate)
	slots[3].set(FloatPoint(1_700_000_000_000, -math.Pi), 0, Reset)
	slots[4].set(FloatPoint(1_700_000_060_000, 8), math.MaxFloat64, Rate)
	return slots
}

func goldenIndex() index {
	return index{
		seed: Key{0x0102030405060708, 0x1112131415161718}, generation: 0x2122232425262728, clock: 1000,
		entries: []entry{{id: 1, n: 5, clock: 1000, crc: 0xdeadbeef}, {id: maxChunk, n: maxRecords, clock: 990, crc: 1}},
	}
}

func encodeChunk(seed Key, clock Time, slots []slot) []byte {
	var w chunkWriter
	w.begin(seed, clock)
	for i := range slots {
		w.add(&slots[i])
	}
	data, _ := w.end()
	return data
}

func decodeChunk(data []byte) (chunk, []slot, error) {
	c, err := parseChunk(data)
	if err != nil {
		return c, nil, err
	}
	var slots []slot
	err = c.each(func(s *slot) { slots = append(slots, *s) })
	return c, slots, err
}

// TestVersion1 pins what this and the next release must be able to read. Never write these files anew.
func TestVersion1(t *testing.T) {
	t.Parallel()
	golden := goldenIndex()
	for name, data := range map[string][]byte{
		"chunk.v1": encodeChunk(golden.seed, 1000, goldenSlots()),
		"index.v1": golden.encode(),
	} {
		want, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		assert.Equal(t, want, data, name)
	}
	data, err := os.ReadFile("testdata/chunk.v1")
	require.NoError(t, err)
	c, slots, err := decodeChunk(data)
	require.NoError(t, err)
	assert.Equal(t, golden.seed, c.seed)
	assert.EqualValues(t, 1000, c.clock)
	assert.Equal(t, goldenSlots(), slots)
	data, err = os.ReadFile("testdata/index.v1")
	require.NoError(t, err)
	x, err := parseIndex(data)
	require.NoError(t, err)
	assert.Equal(t, golden, x)
}

// TestHeadersMayGrow: a later release may add to a header, and this one reads it.
func TestHeadersMayGrow(t *testing.T) {
	t.Parallel()
	grown := func(data []byte) []byte {
		b := bytes.Clone(data[:len(data)-crcLen])
		b[5] += 3
		b = append(b[:prefixLen+headerLen], append([]byte("new"), b[prefixLen+headerLen:]...)...)
		return sealed(b)
	}
	golden := goldenIndex()
	x, err := parseIndex(grown(golden.encode()))
	require.NoError(t, err)
	assert.Equal(t, golden, x)
	_, slots, err := decodeChunk(grown(encodeChunk(golden.seed, 1000, goldenSlots())))
	require.NoError(t, err)
	assert.Equal(t, goldenSlots(), slots)
}

func TestBadFormat(t *testing.T) {
	t.Parallel()
	golden := goldenIndex()
	goodIndex, goodChunk := golden.encode(), encodeChunk(golden.seed, 1000, goldenSlots())
	change := func(data []byte, at int, to byte) []byte {
		b := bytes.Clone(data[:len(data)-crcLen])
		b[at] = to
		return sealed(b)
	}
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":           {nil, `0 bytes do not begin as "PRSi" does`},
		"a chunk":           {goodChunk, `do not begin as "PRSi" does`},
		"a later version":   {change(goodIndex, 4, 2), `version 2 instead of 1: another version of the format`},
		"a short header":    {change(goodIndex, 5, 31), `header of 31 bytes, expected 32 or more`},
		"a long header":     {change(goodIndex, 5, 255), `header of 255 bytes`},
		"too few entries":   {change(goodIndex, prefixLen+28, 3), `3 entries in 24 bytes`},
		"too many entries":  {change(goodIndex, prefixLen+31, 255), `entries in 24 bytes`},
		"chunk 0":           {change(goodIndex, prefixLen+headerLen, 0), `chunk 0 is out of range or comes twice`},
		"a chunk beyond":    {change(goodIndex, prefixLen+headerLen+1, 0x80), `chunk 32769 is out of range`},
		"a chunk two times": {change(change(goodIndex, prefixLen+headerLen+12, 1), prefixLen+headerLen+13, 0), `chunk 1 is out of range or comes twice`},
	} {
		_, err := parseIndex(tt.data)
		assert.ErrorContains(t, err, tt.want, name)
	}
	records := prefixLen + headerLen
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"an index":         {goodIndex, `do not begin as "PRSc" does`},
		"a bit":            {append([]byte("PRSc\x01\x21"), goodChunk[6:]...), `checksum is`},
		"too many records": {change(goodChunk, prefixLen+30, 1), `chunk says it has 65541 records, limit is 4096`},
		"one more record":  {change(goodChunk, prefixLen+28, 6), `record 5 of 6 is cut off`},
		"one less record":  {change(goodChunk, prefixLen+28, 4), `follow the last of 4 records`},
		"a long value":     {change(goodChunk, records, 0x97), `record 0 of 5 has an unknown head 0x97`},
		"an unknown head":  {change(goodChunk, records, 0x4f), `record 0 of 5 has an unknown head 0x4f`},
		"a time before 0":  {change(goodChunk, prefixLen+27, 0x80), `record 0 of 5 has a time out of range`},
		"no number":        {change(goodChunk, records+1+16+4+7, 0x7f), `time out of range`},
	} {
		_, _, err := decodeChunk(tt.data)
		if name == "no number" {
			// 12.5 with the largest exponent but one is a number yet; with all bits of it set it is none.
			b := bytes.Clone(goodChunk[:len(goodChunk)-crcLen])
			b[records+1+16+4+6], b[records+1+16+4+7] = 0xf0, 0x7f
			_, _, err = decodeChunk(sealed(b))
			tt.want = "record 0 of 5 is not a number"
		}
		assert.ErrorContains(t, err, tt.want, name)
	}
}

// TestChunksKeepAll: what is written is read, in at most 40 bytes a series as they usually are.
func TestChunksKeepAll(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.SliceOfN(rapid.Custom(drawSlot), 1, 20).Draw(t, "slots")
		seed, clock := Key{rapid.Uint64().Draw(t, "seed"), 1}, Time(rapid.Uint32().Draw(t, "clock"))
		c, got, err := decodeChunk(encodeChunk(seed, clock, slots))
		if err != nil {
			t.Fatal(err)
		}
		if c.seed != seed || c.clock != clock || len(got) != len(slots) {
			t.Fatalf("%+v", c)
		}
		for i := range got {
			if got[i] != slots[i] {
				t.Fatalf("%+v instead of %+v", got[i], slots[i])
			}
		}
	})
}

func drawSlot(t *rapid.T) slot {
	s := slot{key: Key{rapid.Uint64().Draw(t, "a"), rapid.Uint64().Draw(t, "b")}, expires: Time(rapid.Uint32().Draw(t, "expires"))}
	millis := rapid.Int64Range(0, MaxMillis).Draw(t, "millis")
	p := IntPoint(millis, rapid.Int64().Draw(t, "value"))
	if rapid.Bool().Draw(t, "float") {
		p = FloatPoint(millis, rapid.Float64().Draw(t, "value"))
	}
	outcome := First
	if rapid.Bool().Draw(t, "rated") {
		outcome = Rate
	}
	s.set(p, rapid.SampledFrom([]float64{0, 0.5, 1e300, 1600000000000}).Draw(t, "rate"), outcome)
	return s
}

// FuzzChunk: no bytes make the reader panic or use much memory, and what it reads it can write.
func FuzzChunk(f *testing.F) {
	golden := goldenIndex()
	good := encodeChunk(golden.seed, 1000, goldenSlots())
	f.Add(good[:len(good)-crcLen])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _, _ = decodeChunk(data)
		c, slots, err := decodeChunk(sealed(data)) // beyond the checksum
		if err != nil {
			return
		}
		_, again, err := decodeChunk(encodeChunk(c.seed, c.clock, slots))
		require.NoError(t, err)
		require.Equal(t, slots, again)
	})
}

// FuzzIndex is the same for the index.
func FuzzIndex(f *testing.F) {
	golden := goldenIndex()
	good := golden.encode()
	f.Add(good[:len(good)-crcLen])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = parseIndex(data)
		x, err := parseIndex(sealed(data))
		if err != nil {
			return
		}
		again, err := parseIndex(x.encode())
		require.NoError(t, err)
		require.Equal(t, x, again)
	})
}
