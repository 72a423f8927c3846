package ratestate

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// kept is a store with a keeper over a storage in memory.
type kept struct {
	*Store
	*Keeper
	clock *clock
	disk  *memory
}

func keep(t testing.TB, disk *memory, c *clock, maxSeries int) (kept, Restored) {
	t.Helper()
	s := New(Settings{Now: c.now, MaxSeries: maxSeries})
	k, r, err := OpenKeeper(t.Context(), disk, s)
	require.NoError(t, err)
	return kept{s, k, c, disk}, r
}

func (k kept) save(t testing.TB) int {
	t.Helper()
	n, err := k.Save(t.Context())
	require.NoError(t, err)
	return n
}

// fill observes two points of each of so many series, ten seconds apart, at a rate of their number.
func (k kept) fill(n int, interval int64) {
	for i := range n {
		k.Observe(key(k.Store, fmt.Sprint(i)), IntPoint(1000, int64(i)), every(interval), k.Time())
		k.Observe(key(k.Store, fmt.Sprint(i)), IntPoint(11_000, int64(11*i)), every(interval), k.Time())
	}
}

// next observes the next point of a series of fill, which has the same rate.
func (k kept) next(i int, interval int64) Result {
	return k.Observe(key(k.Store, fmt.Sprint(i)), IntPoint(21_000, int64(21*i)), every(interval), k.Time())
}

func TestPlannedRestart(t *testing.T) {
	t.Parallel()
	const n = 10_000
	disk, c := newMemory(), newClock()
	k, r := keep(t, disk, c, 0)
	require.Equal(t, Restored{}, r)
	c.advance(1000 * time.Second)
	k.fill(n, 60)
	k.Observe(key(k.Store, "float"), FloatPoint(5000, math.Pi), every(60), k.Time())
	k.Observe(key(k.Store, "negative"), IntPoint(5000, math.MinInt64), every(60), k.Time())
	k.Observe(key(k.Store, "far"), IntPoint(MaxMillis, math.MaxInt64), every(1<<30), k.Time())
	k.save(t)

	c.advance(-time.Hour) // the clock of the machine may go back, and much time may pass
	k, r = keep(t, disk.reopened(), c, 0)
	require.Equal(t, Restored{Found: true, Series: n + 3}, r)
	require.Equal(t, n+3, k.held())
	require.EqualValues(t, 1000, k.Time(), "nothing expired meanwhile")
	for i := range n {
		again := k.Observe(key(k.Store, fmt.Sprint(i)), IntPoint(11_000, int64(11*i)), every(60), k.Time())
		require.Equal(t, Result{Rate: float64(i)}, said(again), "a resend")
		require.Equal(t, float64(i), k.next(i, 60).Rate)
	}
	assert.Equal(t, math.Pi, k.Observe(key(k.Store, "float"), FloatPoint(6000, 2*math.Pi), every(60), k.Time()).Rate)
	assert.Equal(t, 1.0, k.Observe(key(k.Store, "negative"), IntPoint(6000, math.MinInt64+1), every(60), k.Time()).Rate)
	assert.Equal(t, OutOfOrder, k.Observe(key(k.Store, "far"), IntPoint(0, 0), every(60), k.Time()).Outcome)
	c.advance(183 * time.Second)
	k.Sweep(1)
	assert.Equal(t, 1, k.held(), "what was restored expires")
}

func (k kept) held() int { return k.Store.Len() }

// TestSaveWritesWhatHasChanged: series that come together are saved together, and only those are written again.
func TestSaveWritesWhatHasChanged(t *testing.T) {
	t.Parallel()
	disk, c := newMemory(), newClock()
	k, _ := keep(t, disk, c, 0)
	k.fill(20_000, 60)
	all := k.save(t)
	assert.LessOrEqual(t, all, 40*20_000)
	chunks, series := k.Keeper.Len()
	require.Equal(t, []int{5, 20_000}, []int{chunks, series})
	writes := disk.writes
	require.Zero(t, k.save(t))
	require.Equal(t, writes, disk.writes, "there is nothing to write")

	// One series strikes one chunk, at once.
	require.Equal(t, Rate, k.next(7, 60).Outcome)
	require.NoError(t, k.Settle(t.Context()))
	require.Equal(t, writes+1, disk.writes)
	require.NoError(t, k.Settle(t.Context()))
	require.Equal(t, writes+1, disk.writes)
	_, series = k.Keeper.Len()
	assert.GreaterOrEqual(t, series, 20_000-maxRecords)

	assert.Less(t, k.save(t), all/3)
	_, series = k.Keeper.Len()
	require.Equal(t, 20_000, series)

	// A process that is killed now knows all of it, and after a further point all but a chunk.
	require.Equal(t, Rate, k.next(8, 60).Outcome)
	require.NoError(t, k.Settle(t.Context()))
	_, r := keep(t, disk.reopened(), c, 0)
	assert.GreaterOrEqual(t, r.Series, 20_000-maxRecords)
	assert.Less(t, r.Series, 20_000)
	assert.Empty(t, r.Damage)
}

func TestChunksOfSeriesThatSeldomComeAreMerged(t *testing.T) {
	t.Parallel()
	disk, c := newMemory(), newClock()
	k, _ := keep(t, disk, c, 0)
	for i := range 4 * maxSmall {
		k.Observe(key(k.Store, fmt.Sprint(i)), IntPoint(int64(i), 0), every(86400), k.Time())
		require.NoError(t, k.Settle(t.Context()))
		k.save(t)
		c.advance(10 * time.Second)
	}
	chunks, series := k.Keeper.Len()
	assert.LessOrEqual(t, chunks, maxSmall+1)
	assert.Equal(t, 4*maxSmall, series)
	assert.LessOrEqual(t, len(disk.data), maxSmall+200, "what is not needed is deleted")
	_, r := keep(t, disk.reopened(), c, 0)
	assert.Equal(t, Restored{Found: true, Series: 4 * maxSmall}, r)
}

func TestRestoreWithFewerSeries(t *testing.T) {
	t.Parallel()
	disk, c := newMemory(), newClock()
	k, _ := keep(t, disk, c, 0)
	for i := range 100 {
		k.Observe(key(k.Store, fmt.Sprint(i)), IntPoint(1000, 0), every(60), k.Time())
		if i == 49 {
			k.save(t)
			c.advance(time.Second)
		}
	}
	k.save(t)
	k, r := keep(t, disk.reopened(), c, 50)
	require.Equal(t, Restored{Found: true, Series: 100, Evicted: 50}, r)
	for i := 50; i < 100; i++ {
		require.Equal(t, Rate, k.next(i, 60).Outcome, "those that came last are still there")
	}
	require.NoError(t, k.Settle(t.Context()))
	k.save(t)
	_, r = keep(t, disk.reopened(), c, 0)
	require.Equal(t, Restored{Found: true, Series: 50}, r, "the evicted stay away")
}

// TestStorageRefuses: while nothing can be written the rates go on, and afterwards all of it is saved.
func TestStorageRefuses(t *testing.T) {
	t.Parallel()
	disk, c := newMemory(), newClock()
	k, _ := keep(t, disk, c, 0)
	k.fill(5000, 60)
	k.save(t)
	disk.broken = true
	for i := range 2500 {
		require.Equal(t, Rate, k.next(i, 60).Outcome)
	}
	require.ErrorIs(t, k.Settle(t.Context()), errDisk)
	disk.broken = false
	require.ErrorIs(t, k.Settle(t.Context()), errDisk, "it is left alone for a while")
	disk.broken = true
	for range 3 {
		_, err := k.Save(t.Context())
		require.ErrorIs(t, err, errDisk)
	}
	disk.broken = false
	c.advance(retryAfter)
	require.NoError(t, k.Settle(t.Context()))
	k.save(t)
	_, series := k.Keeper.Len()
	require.Equal(t, 5000, series)
	k, r := keep(t, disk.reopened(), c, 0)
	require.Equal(t, Restored{Found: true, Series: 5000}, r)
	for i := 2500; i < 5000; i++ {
		require.Equal(t, float64(i), k.next(i, 60).Rate)
	}
}

// TestIndexThatWasWrittenAfterAll: a storage may fail after it has written.
func TestIndexThatWasWrittenAfterAll(t *testing.T) {
	t.Parallel()
	disk, c := newMemory(), newClock()
	k, _ := keep(t, disk, c, 0)
	k.fill(10, 60)
	k.Keeper.client = failsAfter{disk}
	_, err := k.Save(t.Context())
	require.ErrorIs(t, err, errDisk)
	k.Keeper.client = disk
	// All of it is in the storage, but for all we know it is not; a series changes, and the process is killed.
	require.Equal(t, Rate, k.next(3, 60).Outcome)
	c.advance(retryAfter)
	require.NoError(t, k.Settle(t.Context()))
	_, r := keep(t, disk.reopened(), c, 0)
	require.Equal(t, Restored{Found: true}, r)
}

// failsAfter writes an index, and says that it failed.
type failsAfter struct{ *memory }

func (f failsAfter) Batch(ctx context.Context, ops ...*storage.Operation) error {
	err := f.memory.Batch(ctx, ops...)
	if ops[0].Key == indexKey {
		return errDisk
	}
	return err
}

func TestDamage(t *testing.T) {
	t.Parallel()
	chunkOf := func(m *memory) string {
		for name := range m.data {
			if strings.HasSuffix(name, "/1") {
				return name
			}
		}
		return ""
	}
	for name, tt := range map[string]struct {
		damage func(*memory)
		want   string // of the message
		aside  string // key of the copy
		series int
	}{
		"index of another version": {
			func(m *memory) { m.data[indexKey][4] = 2 },
			`index of the rate state, put aside as "aside": version 2 instead of 1: another version of the format`, asideKey, 0,
		},
		"index cut off": {
			func(m *memory) { m.data[indexKey] = m.data[indexKey][:50] }, `put aside as "aside": checksum is`, asideKey, 0,
		},
		"index empty": {
			func(m *memory) { m.data[indexKey] = []byte{} }, `put aside as "aside": 0 bytes do not begin as "PRSi" does`, asideKey, 0,
		},
		"chunk of another version": {
			func(m *memory) { m.data[chunkOf(m)][4] = 9 }, `version 9 instead of 1`, "aside/", 10_000 - maxRecords,
		},
		"chunk damaged": {
			func(m *memory) { m.data[chunkOf(m)][5000] ^= 1 }, `chunk 1 of the rate state, 4096 series, put aside as "aside/`, "aside/", 10_000 - maxRecords,
		},
		"chunk missing": {
			func(m *memory) { delete(m.data, chunkOf(m)) }, `chunk 1 of the rate state, 4096 series: is missing`, "", 10_000 - maxRecords,
		},
		"an older chunk of the name": {
			func(m *memory) {
				w := chunkWriter{}
				w.begin(Key{1, 2}, 3)
				m.data[chunkOf(m)], _ = w.end()
			}, `is not the one that the index names`, "aside/", 10_000 - maxRecords,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk, c := newMemory(), newClock()
			k, _ := keep(t, disk, c, 0)
			k.fill(10_000, 60)
			k.save(t)
			for name, data := range disk.data {
				disk.data[name] = bytes.Clone(data)
			}
			tt.damage(disk)
			damaged := map[string][]byte{}
			for name, data := range disk.data {
				damaged[name] = bytes.Clone(data)
			}
			k, r := keep(t, disk.reopened(), c, 0)
			require.Len(t, r.Damage, 1)
			assert.ErrorContains(t, r.Damage[0], tt.want)
			assert.Equal(t, tt.series, r.Series)
			if tt.aside != "" {
				i := slices.IndexFunc(keysOf(disk), func(key string) bool { return strings.HasPrefix(key, tt.aside) })
				require.GreaterOrEqual(t, i, 0)
				original := strings.TrimPrefix(keysOf(disk)[i], asideKey+"/")
				if original == asideKey {
					original = indexKey
				}
				assert.Equal(t, damaged[original], disk.data[keysOf(disk)[i]])
			}
			// It goes on.
			k.fill(10_000, 60)
			require.NoError(t, k.Settle(t.Context()))
			k.save(t)
			_, r = keep(t, disk.reopened(), c, 0)
			assert.Equal(t, Restored{Found: true, Series: 10_000}, r)
		})
	}
}

func keysOf(m *memory) []string {
	var keys []string
	for name := range m.data {
		keys = append(keys, name)
	}
	slices.Sort(keys)
	return keys
}

// TestEveryBitCounts flips each bit of all that is stored: what is restored is true, or there is a complaint.
func TestEveryBitCounts(t *testing.T) {
	t.Parallel()
	disk, c := newMemory(), newClock()
	k, _ := keep(t, disk, c, 0)
	k.fill(3, 60)
	k.save(t)
	require.Len(t, disk.data, 2, "the index and a chunk")
	for name, data := range disk.data {
		for bit := range 8 * len(data) {
			broken := newMemory()
			for n, d := range disk.data {
				broken.data[n] = bytes.Clone(d)
			}
			broken.data[name][bit/8] ^= 1 << (bit % 8)
			_, r := keep(t, broken, c, 0)
			require.NotEmpty(t, r.Damage, "bit %d of %s", bit, name)
			require.Zero(t, r.Series)
		}
	}
}

func TestStorageCannotBeRead(t *testing.T) {
	t.Parallel()
	disk, c := newMemory(), newClock()
	k, _ := keep(t, disk, c, 0)
	k.fill(3, 60)
	k.save(t)
	_, _, err := OpenKeeper(t.Context(), unreadable{disk, indexKey}, New(Settings{}))
	require.ErrorIs(t, err, errDisk)
	_, _, err = OpenKeeper(t.Context(), unreadable{disk, "/"}, New(Settings{}))
	require.ErrorIs(t, err, errDisk)
}

// unreadable fails to read the keys that contain a text.
type unreadable struct {
	*memory
	text string
}

func (u unreadable) Get(ctx context.Context, key string) ([]byte, error) {
	if strings.Contains(key, u.text) {
		return nil, errDisk
	}
	return u.memory.Get(ctx, key)
}

func (u unreadable) Batch(ctx context.Context, ops ...*storage.Operation) error {
	if strings.Contains(ops[0].Key, u.text) {
		return errDisk
	}
	return u.memory.Batch(ctx, ops...)
}

// TestMostSeriesOutliveAKill: at an interval of a minute, with points a second early or late, most values are still known
// to be the last whenever the process is killed.
func TestMostSeriesOutliveAKill(t *testing.T) {
	t.Parallel()
	const n, interval = 1200, 60
	disk, c := newMemory(), newClock()
	k, _ := keep(t, disk, c, 0)
	random := rand.New(rand.NewPCG(1, 2))
	phase := func(i int) int { return i % interval }
	due := make([]int, n)
	for i := range due {
		due[i] = 2 + phase(i)
	}
	restored, kills, least := 0, 0, n
	for second := 1; second <= 8*interval; second++ {
		c.advance(time.Second)
		for i := range n {
			if second == due[i] {
				round := (second - phase(i)) / interval
				due[i] = (round+1)*interval + phase(i) + 1 + random.IntN(3)
				k.Observe(key(k.Store, fmt.Sprint(i)), IntPoint(int64(second)*1000, int64(second)), every(interval), k.Time())
			}
		}
		require.NoError(t, k.Settle(t.Context()))
		if second%10 == 0 {
			k.save(t)
		}
		if second > 4*interval && second%3 == 0 {
			_, r := keep(t, disk.reopened(), c, 0)
			restored, kills, least = restored+r.Series, kills+1, min(least, r.Series)
		}
	}
	t.Logf("%d %% on average, %d %% at least", 100*restored/kills/n, 100*least/n)
	assert.Greater(t, restored, kills*n/2)
}
