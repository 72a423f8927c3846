package schedule

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/hashing"
)

// The first run of a task comes when Panoptes' uniform scheduler would run it, also where a run before a restart is known.
func TestFirstRunVectors(t *testing.T) {
	t.Parallel()
	f, err := os.Open("../../testdata/vectors/splay.jsonl")
	require.NoError(t, err)
	defer f.Close()
	rows := bufio.NewScanner(f)
	n := 0
	for ; rows.Scan(); n++ {
		var row struct {
			TaskName string   `json:"task_name"`
			Interval int      `json:"interval"`
			Now      float64  `json:"now"`
			Last     *float64 `json:"last_uniformly_scheduled_at"`
			RunAt    float64  `json:"run_at"`
			Murmur   uint32   `json:"murmur3_32"`
			Splay    *float64 `json:"splay"`
			Carried  bool     `json:"carried_over"`
		}
		require.NoError(t, json.Unmarshal(rows.Bytes(), &row))
		interval := time.Duration(row.Interval) * time.Second
		assert.Equal(t, row.Murmur, hashing.Murmur3([]byte(row.TaskName)), row.TaskName)
		if row.Splay != nil && !row.Carried {
			assert.InDelta(t, *row.Splay, firstDelay(Hash([]byte(row.TaskName)), interval).Seconds(), 0, row.TaskName)
		}
		var last time.Time
		if row.Last != nil {
			last = unix(*row.Last)
		}
		assert.Equal(t, unix(row.RunAt), firstRun(Hash([]byte(row.TaskName)), interval, unix(row.Now), last), rows.Text())
	}
	require.NoError(t, rows.Err())
	assert.Positive(t, n)
}

func unix(seconds float64) time.Time { return time.UnixMilli(int64(seconds * 1000)) }

func TestFirstRunAfterRestart(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_600_000_000, 0)
	splay := firstDelay(Hash([]byte("x")), time.Minute)
	for name, tt := range map[string]struct {
		last time.Time
		want time.Time
	}{
		"goes on":               {now.Add(-10 * time.Second), now.Add(50 * time.Second)},
		"due right now":         {now.Add(-time.Minute), now},
		"too long ago":          {now.Add(-61 * time.Second), now.Add(splay)},
		"in the future":         {now.Add(time.Second), now.Add(splay)},
		"not known":             {time.Time{}, now.Add(splay)},
		"now, as a clock stops": {now, now.Add(splay)},
	} {
		assert.Equal(t, tt.want, firstRun(Hash([]byte("x")), time.Minute, now, tt.last), name)
	}
}

func TestFirstDelayOfShortIntervals(t *testing.T) {
	t.Parallel()
	hash := hashing.Murmur3([]byte("x"))
	assert.Equal(t, time.Duration(hash%250)*time.Millisecond, firstDelay(Hash([]byte("x")), 250*time.Millisecond))
	assert.Equal(t, time.Duration(0), firstDelay(Hash([]byte("x")), 1500*time.Millisecond))
	assert.Zero(t, firstDelay(Hash([]byte("x")), 0))
}

// Slots are one interval apart, in the task's phase, whatever the time they are counted from.
func TestNextSlot(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		hash := rapid.Uint32().Draw(t, "hash")
		interval := rapid.Int64Range(1, 40*24*3600*1000).Draw(t, "interval")
		after := rapid.Int64Range(0, 4e12).Draw(t, "after")
		slot := nextSlot(hash, interval, after)
		assert.Greater(t, slot, after)
		assert.LessOrEqual(t, slot, after+interval)
		assert.Zero(t, (slot-int64(hash))%interval)
		assert.Equal(t, slot+interval, nextSlot(hash, interval, slot))

		second := slotAfterRun(hash, interval, after)
		assert.GreaterOrEqual(t, second, after+interval/2)
		assert.Less(t, second, after+interval+interval/2+1)
		assert.Equal(t, second+interval, slotAfterRun(hash, interval, second))
	})
}
