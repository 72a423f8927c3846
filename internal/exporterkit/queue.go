package exporterkit

import (
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/state"
)

// fullAfter is how long a batch waits for its place in a queue before the queue is logged as full.
const fullAfter = 5 * time.Second

// Queue is in front of exporterhelper's queue, which says nothing while it is full and lets those before it wait: here that is
// logged. It is safe for concurrent use.
type Queue struct {
	logger *zap.Logger
	full   atomic.Bool
}

// Queue tells of the queue of the exporter when it starts, before data come. It has its damaged files put aside.
func (d *Drain) Queue(host component.Host, cfg configoptional.Optional[exporterhelper.QueueBatchConfig], logger *zap.Logger) {
	if !cfg.HasValue() {
		return
	}
	c := cfg.Get()
	d.storage = c.StorageID
	state.HealFor(host, c.StorageID, logger, "batches that waited in the queue")
	if c.BlockOnOverflow && !c.WaitForResult {
		d.queue.Store(&Queue{logger: logger})
	}
}

// offer has a batch queued.
func (q *Queue) offer(enqueue func() error) error {
	timer := time.AfterFunc(fullAfter, q.tellFull)
	err := enqueue()
	if timer.Stop() && err == nil && q.full.CompareAndSwap(true, false) {
		q.logger.Info("The queue of the exporter has room again")
	}
	return err
}

func (q *Queue) tellFull() {
	if q.full.CompareAndSwap(false, true) {
		q.logger.Warn("The queue of the exporter is full: it lets what is before it wait, and so the other exporters of its pipelines",
			zap.String("next", "see why it does not deliver, or give it a larger sending_queue"))
	}
}
