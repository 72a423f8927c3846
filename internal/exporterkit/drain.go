package exporterkit

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/state"
)

// Drain bounds how long a shutdown waits: the queue of exporterhelper would try each batch that it has once, however long
// each try takes. It is what an exporter's attempts and its shutdown know of each other. It is safe for concurrent use.
type Drain struct {
	// Patience is how long a shutdown waits for the back end to take something of what is queued. It is not to be changed
	// once a shutdown has begun.
	Patience time.Duration

	// closing ends when attempts are given up.
	closing context.Context
	giveUp  context.CancelFunc
	// progress is sent to when the back end takes something; only a shutdown reads it.
	progress chan struct{}
	queue    atomic.Pointer[Queue]
	storage  *component.ID // of the queue; set while it starts
}

// NewDrain returns a Drain with a patience of ten seconds: leader elections and restarts mostly take less.
func NewDrain() *Drain {
	d := &Drain{Patience: 10 * time.Second, progress: make(chan struct{}, 1)}
	d.closing, d.giveUp = context.WithCancel(context.Background())
	return d
}

// Attempt returns the context of an attempt, which ends with ctx, with the function returned, and when attempts are
// given up.
func (d *Drain) Attempt(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(d.closing, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// Took is to be told when the back end took something.
func (d *Drain) Took() {
	select {
	case d.progress <- struct{}{}:
	default:
	}
}

// ErrNotRunning is the answer to what comes before the start, or once attempts are given up.
var ErrNotRunning = errors.New("the exporter is not running")

// GiveUp ends all attempts, those to come as well.
func (d *Drain) GiveUp() { d.giveUp() }

// GivenUp says whether it was called.
func (d *Drain) GivenUp() bool { return d.closing.Err() != nil }

// Exporter is an exporter as the Collector sees it. It adds to exporterhelper's that Shutdown may be called twice and
// before Start, and that a back end that takes nothing does not hold it up for ever.
type Exporter struct {
	exporter.Metrics
	Drain *Drain

	giveUp func()
	once   sync.Once
	err    error
}

// Exporter returns the exporter next, whose attempts are those of d. giveUp is called when the patience is at an end; it
// calls d.GiveUp.
func (d *Drain) Exporter(next exporter.Metrics, giveUp func()) *Exporter {
	return &Exporter{Metrics: next, Drain: d, giveUp: giveUp}
}

// Start starts the exporter and then its queue.
func (e *Exporter) Start(ctx context.Context, host component.Host) error {
	err := e.Metrics.Start(ctx, host)
	return state.InUse(host, e.Drain.storage, err)
}

// ConsumeMetrics queues md. It may be tried again after an error.
func (e *Exporter) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	q := e.Drain.queue.Load()
	if q == nil {
		return e.Metrics.ConsumeMetrics(ctx, md)
	}
	return q.offer(func() error { return e.Metrics.ConsumeMetrics(ctx, md) })
}

// Shutdown delivers what is queued, as long as the back end takes it. What is left stays in a persistent queue, or is lost
// with one in memory, which is logged.
func (e *Exporter) Shutdown(ctx context.Context) error {
	e.once.Do(func() {
		var watch sync.WaitGroup
		drained := make(chan struct{})
		watch.Go(func() { e.watch(ctx, drained) })
		e.err = e.Metrics.Shutdown(ctx)
		close(drained)
		watch.Wait()
	})
	return e.err
}

// watch gives up when nothing was delivered for the patience, or when ctx ends.
func (e *Exporter) watch(ctx context.Context, drained <-chan struct{}) {
	timer := time.NewTimer(e.Drain.Patience)
	defer timer.Stop()
	for {
		select {
		case <-drained:
			return
		case <-e.Drain.progress:
			timer.Reset(e.Drain.Patience)
			continue
		case <-timer.C:
		case <-ctx.Done():
		}
		e.giveUp()
		return
	}
}
