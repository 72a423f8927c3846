package ratestate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sealed appends the checksum.
func sealed(b []byte) []byte {
	b = bytes.Clone(b)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func TestExportAndImport(t *testing.T) {
	t.Parallel()
	const n = 20_000
	from, c := newStore(0)
	c.advance(time.Hour)
	for i := range n {
		from.Observe(key(from, fmt.Sprint(i)), IntPoint(1000, int64(i)), every(60), from.Time())
	}
	from.Observe(key(from, "expired"), IntPoint(1000, 0), every(1), from.Time())
	c.advance(10 * time.Second)

	// Two halves, by identity.
	var halves [2]bytes.Buffer
	total := 0
	for half := range halves {
		series, err := from.Export(&halves[half], func(k Key) bool { return int(k.B&1) == half })
		require.NoError(t, err)
		total += series
	}
	require.Equal(t, n, total)
	assert.LessOrEqual(t, halves[0].Len()+halves[1].Len(), 40*n)

	to, c2 := newStore(0)
	to.Observe(key(to, "1"), IntPoint(2000, 7), every(60), to.Time())  // later
	to.Observe(key(to, "2"), IntPoint(500, 7), every(60), to.Time())   // older
	to.Observe(key(to, "own"), IntPoint(500, 7), every(60), to.Time()) // not theirs
	taken, known := 0, 0
	for half := range halves {
		in, err := to.Import(iotest.OneByteReader(&halves[half]))
		require.NoError(t, err)
		taken, known = taken+in.Taken, known+in.Known
	}
	require.Equal(t, []int{n - 1, 1}, []int{taken, known})
	require.Equal(t, n+1, to.Len())
	c2.advance(171 * time.Second)
	to.Sweep(1)
	require.Equal(t, n+1, to.Len(), "they expire when they would have: 182 seconds after they were touched, 10 of which had passed")
	for i := range n {
		if i != 1 {
			require.Equal(t, Result{Rate: float64(i)}, said(to.Observe(key(to, fmt.Sprint(i)), IntPoint(2000, int64(2*i)), every(60), to.Time())))
		}
	}
	assert.Equal(t, Result{Rate: 1}, said(to.Observe(key(to, "1"), IntPoint(3000, 8), every(60), to.Time())))
}

func TestExportAll(t *testing.T) {
	t.Parallel()
	from, _ := newStore(0)
	for i := range 3 {
		from.Observe(key(from, fmt.Sprint(i)), IntPoint(1000, int64(i)), every(60), from.Time())
	}
	var b bytes.Buffer
	series, err := from.Export(&b, nil)
	require.NoError(t, err)
	require.Equal(t, 3, series)
	data := b.Bytes()

	to, _ := newStore(2)
	in, err := to.Import(bytes.NewReader(data))
	require.NoError(t, err)
	assert.Equal(t, Imported{Taken: 3, Evicted: 1}, in)

	for n := range len(data) {
		to, _ := newStore(0)
		_, err := to.Import(bytes.NewReader(data[:n]))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%d bytes", n)
	}
	other := New(Settings{Seed: Key{5, 5}})
	_, err = other.Import(bytes.NewReader(data))
	require.EqualError(t, err, "import the rate state: chunk 0: it was written with another seed, so its series have other keys")
	_, err = to.Import(bytes.NewReader(binary.AppendUvarint(nil, 1<<40)))
	require.EqualError(t, err, fmt.Sprintf("import the rate state: chunk 0 has 1099511627776 bytes, limit is %d", maxChunkLen))
	full := errors.New("disk full")
	_, err = from.Export(failingWriter{full}, nil)
	require.ErrorIs(t, err, full)
}

type failingWriter struct{ error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.error }

// TestImportIsSaved: what was imported is kept like anything else, and what it replaced is no longer trusted.
func TestImportIsSaved(t *testing.T) {
	t.Parallel()
	disk, c := newMemory(), newClock()
	k, _ := keep(t, disk, c, 0)
	k.fill(10, 60)
	k.save(t)
	from := New(Settings{Now: c.now, Seed: k.Store.seed})
	from.Observe(key(from, "3"), IntPoint(12_000, 0), every(60), from.Time())
	var b bytes.Buffer
	_, err := from.Export(&b, nil)
	require.NoError(t, err)
	_, err = k.Import(&b)
	require.NoError(t, err)
	require.NoError(t, k.Settle(t.Context()))
	_, r := keep(t, disk.reopened(), c, 0)
	require.Zero(t, r.Series)
	k.save(t)
	k, r = keep(t, disk.reopened(), c, 0)
	require.Equal(t, 10, r.Series)
	assert.Equal(t, 7.0, k.Observe(key(k.Store, "3"), IntPoint(13_000, 7), every(60), k.Time()).Rate)
}

// FuzzImport: no bytes make the reader panic or use much memory.
func FuzzImport(f *testing.F) {
	from, _ := newStore(0)
	from.Observe(key(from, "x"), IntPoint(1000, 5), every(60), from.Time())
	var b bytes.Buffer
	_, err := from.Export(&b, nil)
	require.NoError(f, err)
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		to, _ := newStore(10)
		in, err := to.Import(bytes.NewReader(data))
		require.True(t, err == nil || to.Len() <= in.Taken)
	})
}
