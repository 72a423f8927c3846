package exporterkit

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/extension/xextension/storage"
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

// locked is an exporter whose queue does not open, the storage of that, and the host.
type locked struct {
	exporter.Metrics
	storage.Extension
	start func(component.Host)
}

func (l *locked) Start(_ context.Context, host component.Host) error {
	if l.start != nil {
		l.start(host)
	}
	return errors.New("timeout")
}

func (l *locked) Shutdown(context.Context) error { return nil }

func (l *locked) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{component.MustNewID("file_storage"): l}
}

// TestQueueInUse: an exporter whose queue another process has open says so, and what to do.
func TestQueueInUse(t *testing.T) {
	t.Parallel()
	id := component.MustNewID("file_storage")
	d, l := NewDrain(), &locked{}
	e := d.Exporter(l, d.GiveUp)
	require.EqualError(t, e.Start(t.Context(), l), "timeout", "that of something else")
	l.start = func(host component.Host) {
		d.Queue(host, configoptional.Some(exporterhelper.QueueBatchConfig{StorageID: &id}), zap.NewNop())
	}
	require.EqualError(t, e.Start(t.Context(), l), `storage "file_storage": timeout: another process has the file of this queue open: `+
		"stop it, or give each Collector a folder of its own")
}
