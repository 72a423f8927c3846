package schedule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// Whenever a process ends and the next one begins: no slot is used twice, and no task waits for a whole extra interval.
func TestResume(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		hash := rapid.Uint32().Draw(t, "hash")
		interval := time.Duration(rapid.Int64Range(1, 100_000).Draw(t, "interval")) * time.Second
		first := rapid.Int64Range(1_700_000_000_000, 1_700_100_000_000).Draw(t, "first")
		end := first + rapid.Int64Range(0, 5*interval.Milliseconds()).Draw(t, "life")
		actual := first
		for next := first; next <= end; next = slotAfterRun(hash, interval.Milliseconds(), next) {
			actual = next
		}
		now := end + rapid.Int64Range(1, 3*interval.Milliseconds()).Draw(t, "away")
		const save = 10_000
		saved := max(end-rapid.Int64Range(0, save-1).Draw(t, "since"), first)
		if rapid.Bool().Draw(t, "clean") {
			saved = end
			assert.Equal(t, actual, LastSlot(hash, interval, time.UnixMilli(first), time.UnixMilli(saved)).UnixMilli())
		} else {
			saved = min(saved+save, now) // it may have lived on for as long
		}
		last := LastSlot(hash, interval, time.UnixMilli(first), time.UnixMilli(saved))
		assert.GreaterOrEqual(t, last.UnixMilli(), actual)
		next := firstRun(hash, interval, time.UnixMilli(now), last).UnixMilli()
		assert.GreaterOrEqual(t, next, now)
		assert.LessOrEqual(t, next-now, interval.Milliseconds(), "a whole extra interval")
		assert.GreaterOrEqual(t, 2*(next-actual), interval.Milliseconds()-1, "twice in a slot")
		assert.Greater(t, next, actual)
	})
}
