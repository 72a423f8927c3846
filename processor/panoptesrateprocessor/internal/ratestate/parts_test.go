package ratestate

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// sealed appends the checksum.
func sealed(b []byte) []byte {
	b = bytes.Clone(b)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// partKey is the key of a series of a part.
func partKey(s *Store, name string, part uint16) Key { return key(s, name).In(part) }

// exported is what a store hands over of parts.
func exported(s *Store, parts ...int) (states map[int][]byte, series int) {
	states = map[int][]byte{}
	s.Export(parts, func(part int, state []byte, n int) {
		states[part] = bytes.Clone(state)
		series += n
	})
	return states, series
}

func TestPartsMove(t *testing.T) {
	t.Parallel()
	const n = 20_000
	part := func(i int) uint16 { return uint16(i % 3) }
	from, c := newStore(0)
	c.advance(time.Hour)
	for i := range n {
		from.Observe(partKey(from, fmt.Sprint(i), part(i)), IntPoint(1000, int64(i)), every(60), from.Time())
	}
	from.Observe(partKey(from, "expired", 1), IntPoint(1000, 0), every(1), from.Time())
	c.advance(10 * time.Second)

	states, total := exported(from, 0, 1, 7)
	require.Len(t, states, 2)
	size := len(states[0]) + len(states[1])
	assert.LessOrEqual(t, size, 40*total)
	from.Forget([]int{0, 1, 7})
	require.Equal(t, n-total, from.Len())
	nothing, _ := exported(from, 0, 1)
	assert.Empty(t, nothing)

	to, c2 := newStore(0)
	to.Observe(partKey(to, "1", 1), IntPoint(2000, 7), every(60), to.Time())       // later
	to.Observe(partKey(to, "3", 0), IntPoint(500, 7), every(60), to.Time())        // older
	to.Observe(partKey(to, "own", NoPart), IntPoint(500, 7), every(60), to.Time()) // not theirs
	taken, known := 0, 0
	for _, state := range states {
		in, err := to.Import(state)
		require.NoError(t, err)
		taken, known = taken+in.Taken, known+in.Known
	}
	require.Equal(t, []int{total - 1, 1}, []int{taken, known})
	require.Equal(t, total+1, to.Len())
	c2.advance(171 * time.Second)
	to.Sweep(1)
	require.Equal(t, total+1, to.Len(), "they expire when they would have: 182 seconds after they were touched, 10 of which had passed")
	for i := range n {
		switch k := partKey(to, fmt.Sprint(i), part(i)); {
		case i == 1:
			assert.Equal(t, Result{Rate: 1}, said(to.Observe(k, IntPoint(3000, 8), every(60), to.Time())))
		case part(i) < 2:
			require.Equal(t, Result{Rate: float64(i)}, said(to.Observe(k, IntPoint(2000, int64(2*i)), every(60), to.Time())))
		default:
			k := partKey(from, fmt.Sprint(i), part(i))
			require.Equal(t, Result{Rate: float64(i)}, said(from.Observe(k, IntPoint(2000, int64(2*i)), every(60), from.Time())), "it stayed")
		}
	}
}

// TestMovesWithoutRates: what moves is a quarter less without the rates of last points, and what an uptime says moves as it is.
func TestMovesWithoutRates(t *testing.T) {
	t.Parallel()
	from, _ := newStore(0)
	series, uptime := partKey(from, "series", 1), partKey(from, "uptime", 1)
	gap := every(60).Gap
	var before Uptime
	for i, up := range []int64{1000, 5, 6} { // it fell once
		millis := int64(1_700_000_000_000 + 60_007*i)
		from.Observe(series, IntPoint(millis, int64(i*i)), every(60), from.Time())
		before, _ = from.ObserveUptime(uptime, IntPoint(millis, up), gap, from.Time())
	}
	require.True(t, before.Fell)
	states, n := exported(from, 1)
	require.Equal(t, 2, n)
	to, _ := newStore(0)
	_, err := to.Import(states[1])
	require.NoError(t, err)
	assert.Equal(t, before, to.Uptime(uptime, to.Time()))
	last := IntPoint(1_700_000_120_014, 4)
	assert.Equal(t, Result{Outcome: Duplicate}, said(to.Observe(series, last, every(60), to.Time())))
	assert.Equal(t, Rate, from.Observe(series, last, every(60), from.Time()).Outcome)
	assert.Equal(t, Rate, to.Observe(series, IntPoint(1_700_000_180_000, 9), every(60), to.Time()).Outcome)
}

func TestBadStates(t *testing.T) {
	t.Parallel()
	from, _ := newStore(0)
	for i := range 3 {
		from.Observe(partKey(from, fmt.Sprint(i), 5), IntPoint(1000, int64(i)), every(60), from.Time())
	}
	states, series := exported(from, 5)
	require.Equal(t, 3, series)
	data := states[5]
	to, _ := newStore(2)
	in, err := to.Import(data)
	require.NoError(t, err)
	assert.Equal(t, Imported{Taken: 3, Evicted: 1}, in)
	for n := 1; n < len(data); n++ {
		to, _ := newStore(0)
		_, err := to.Import(data[:n])
		require.ErrorContains(t, err, "chunk 0 is cut off", "%d bytes", n)
	}
	other := New(Settings{Seed: Key{5, 5}})
	_, err = other.Import(data)
	require.EqualError(t, err, "import the rate state: chunk 0: it was written with another seed, so its series have other keys")
	_, err = to.Import([]byte{255, 255, 255, 255, 0})
	require.EqualError(t, err, "import the rate state: chunk 0 is cut off")
}

// TestForgetFindsAll: whatever the order of slots, those that stay are found and the others are not.
func TestForgetFindsAll(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, _ := newStore(100)
		n := rapid.IntRange(0, 200).Draw(t, "series")
		for i := range n {
			s.Observe(partKey(s, fmt.Sprint(i), uint16(i%4)), IntPoint(1000, 1), every(60), s.Time())
		}
		held := map[int]bool{}
		for i := range n {
			held[i] = s.shards[0].find(partKey(s, fmt.Sprint(i), uint16(i%4))) != nil
		}
		s.Forget([]int{1, 2})
		left := 0
		for i := range n {
			want := held[i] && i%4 != 1 && i%4 != 2
			if want {
				left++
			}
			if found := s.shards[0].find(partKey(s, fmt.Sprint(i), uint16(i%4))) != nil; found != want {
				t.Fatalf("series %d: %t", i, found)
			}
		}
		if s.Len() != left {
			t.Fatalf("%d instead of %d", s.Len(), left)
		}
	})
}

// TestImportIsSaved: what was imported is kept like anything else, and what it replaced is no longer trusted.
func TestImportIsSaved(t *testing.T) {
	t.Parallel()
	disk, c := newMemory(), newClock()
	k, _ := keep(t, disk, c, 0)
	k.fill(10, 60)
	k.save(t)
	from := New(Settings{Now: c.now, Seed: k.Store.seed})
	from.Observe(key(from, "3"), IntPoint(12_000, 0), every(60), from.Time())
	part := int(key(from, "3").Part())
	states, _ := exported(from, part)
	_, err := k.Import(states[part])
	require.NoError(t, err)
	require.NoError(t, k.Settle(t.Context()))
	_, r := keep(t, disk.reopened(), c, 0)
	require.Zero(t, r.Series)
	k.save(t)
	k, r = keep(t, disk.reopened(), c, 0)
	require.Equal(t, 10, r.Series)
	assert.Equal(t, 7.0, k.Observe(key(k.Store, "3"), IntPoint(13_000, 7), every(60), k.Time()).Rate)
}

// TestLabelIsAsOldAsTheState: whatever is restored, the label that comes with it was set before it, and none of what was
// forgotten since comes back.
func TestLabelIsAsOldAsTheState(t *testing.T) {
	t.Parallel()
	disk, c := newMemory(), newClock()
	k, _ := keep(t, disk, c, 0)
	k.fill(10, 60)
	k.SetLabel([]byte("first"))
	k.save(t)
	_, r := keep(t, disk.reopened(), c, 0)
	require.Equal(t, "first", string(r.Label))
	require.Equal(t, 10, r.Series)

	part := int(key(k.Store, "3").Part())
	k.Forget([]int{part})
	k.SetLabel([]byte("second"))
	require.NoError(t, k.Settle(t.Context()))
	_, r = keep(t, disk.reopened(), c, 0)
	assert.Equal(t, "second", string(r.Label))
	assert.Zero(t, r.Series, "all were in one chunk")
	k.save(t)
	_, r = keep(t, disk.reopened(), c, 0)
	assert.Equal(t, 9, r.Series)
	assert.Equal(t, "second", string(r.Label))
}

// TestReseed: a store that gets another seed begins anew, in the storage, too.
func TestReseed(t *testing.T) {
	t.Parallel()
	disk, c := newMemory(), newClock()
	k, _ := keep(t, disk, c, 0)
	k.fill(10, 60)
	k.SetLabel([]byte("old"))
	k.save(t)
	require.NoError(t, k.Keeper.Reseed(t.Context(), Key{7, 8}))
	assert.Zero(t, k.Store.Len())
	assert.Equal(t, NewHasher(Key{7, 8}), k.Hasher())
	_, r := keep(t, disk.reopened(), c, 0)
	assert.Zero(t, r.Series)
	assert.Empty(t, r.Label)
	k.fill(3, 60)
	k.save(t)
	k2, r := keep(t, disk.reopened(), c, 0)
	assert.Equal(t, 3, r.Series)
	assert.Equal(t, Key{7, 8}, k2.seed)
}

// FuzzImport: no bytes make the reader panic or use much memory.
func FuzzImport(f *testing.F) {
	from, _ := newStore(0)
	from.Observe(partKey(from, "x", 1), IntPoint(1000, 5), every(60), from.Time())
	states, _ := exported(from, 1)
	f.Add(states[1])
	f.Fuzz(func(t *testing.T, data []byte) {
		to, _ := newStore(10)
		in, err := to.Import(data)
		require.True(t, err == nil || to.Len() <= in.Taken)
	})
}
