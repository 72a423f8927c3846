package batch

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestSignals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBatcher(pipeline[int]{})
		var flushed atomic.Int64
		b.start(time.Second, func() { flushed.Add(1) })
		after := func(d time.Duration) int64 {
			<-time.After(d)
			synctest.Wait()
			return flushed.Load()
		}
		assert.EqualValues(t, 0, after(time.Hour), "nothing came")
		signal(b.first)
		assert.EqualValues(t, 0, after(999*time.Millisecond))
		assert.EqualValues(t, 1, after(time.Millisecond), "the delay is over")
		signal(b.full)
		assert.EqualValues(t, 2, after(0), "there is enough")
		signal(b.first)
		b.stop()
		b.stop()
		assert.GreaterOrEqual(t, flushed.Load(), int64(3), "what is left")
	})
}
