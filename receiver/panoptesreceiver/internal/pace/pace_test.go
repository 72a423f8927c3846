package pace

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New()
		var flushed atomic.Int64
		ended := make(chan struct{})
		go func() {
			p.Run(time.Second, func() { flushed.Add(1) })
			close(ended)
		}()
		after := func(d time.Duration) int64 {
			<-time.After(d)
			synctest.Wait()
			return flushed.Load()
		}
		assert.EqualValues(t, 0, after(time.Hour), "nothing came")
		p.First()
		assert.EqualValues(t, 0, after(999*time.Millisecond))
		assert.EqualValues(t, 1, after(time.Millisecond), "the delay is over")
		p.Full()
		assert.EqualValues(t, 2, after(0), "there is enough")
		p.First()
		p.Stop()
		p.Stop()
		<-ended
		assert.GreaterOrEqual(t, flushed.Load(), int64(3), "what is left")
	})
}
