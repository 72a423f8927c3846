package exporterkit

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// TestFullQueue: a queue in which batches wait long for their place is logged once, and so is the end of that.
func TestFullQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		q := &Queue{logger: zap.New(core)}
		slow := func(d time.Duration, err error) func() error {
			return func() error {
				time.Sleep(d) // of the bubble
				return err
			}
		}
		require.NoError(t, q.offer(slow(4*time.Second, nil)))
		assert.Zero(t, logs.Len())
		for range 2 {
			go func() { _ = q.offer(slow(20*time.Second, nil)) }()
		}
		require.NoError(t, q.offer(slow(time.Minute, nil)))
		failure := errors.New("shut down")
		require.ErrorIs(t, q.offer(slow(0, failure)), failure)
		require.Len(t, logs.All(), 1)
		assert.Contains(t, logs.All()[0].Message, "is full")
		require.NoError(t, q.offer(slow(0, nil)))
		require.NoError(t, q.offer(slow(0, nil)))
		require.Len(t, logs.All(), 2)
		assert.Contains(t, logs.All()[1].Message, "has room again")
	})
}
