package batch

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.uber.org/zap"
)

// Reasons for which data are dropped here. With the reasons of the mapping they are the values of metrics' attributes.
const (
	// ReasonPermanent: the pipeline refused the batch for good.
	ReasonPermanent = "permanent"
	// ReasonRetriesExhausted: the pipeline refused the batch for as long as it is offered.
	ReasonRetriesExhausted = "retries_exhausted"
	// ReasonShutdown: the pipeline did not take the batch, and the Collector stops.
	ReasonShutdown = "shutdown"
	// ReasonQueueFull: the pipeline is slower than plugins log.
	ReasonQueueFull = "queue_full"
	// ReasonRunLimit: the run has logged more than MaxPerRun lines.
	ReasonRunLimit = "run_limit"
)

// A batch that the pipeline refuses for now is offered again after firstPause, then after pauses that double up to maxPause.
const (
	firstPause = 100 * time.Millisecond
	maxPause   = 5 * time.Second
	// hurryFor is what the pipeline gets for a batch once the Collector stops.
	hurryFor = 3 * time.Second
)

// pipeline is where a batcher's batches go, and what becomes of those that it does not take.
type pipeline[B any] struct {
	// consume offers a batch, for the first time or again.
	consume func(ctx context.Context, b B) error
	// dropped is told of a batch that the pipeline did not take.
	dropped func(b B, reason string, err error)
	// retryFor is for how long in all a batch is offered, jittered whether pauses are a bit longer or shorter each time.
	retryFor time.Duration
	jittered bool
	// refuses and takes are what the log says when the pipeline begins to refuse batches, and when it takes them again.
	refuses, takes string
	logger         *zap.Logger
}

// batcher says when what is gathered goes out, and offers batches to the pipeline one after the other, so that the points of
// a series stay in order. The signals first and full may be given from any goroutine; offer is called by flush alone.
type batcher[B any] struct {
	pipeline[B]
	since   atomic.Int64 // when the batch under way was offered first, in milliseconds since the epoch; 0: there is none
	refused string       // the text of the last refusal; "" while the pipeline takes what it gets

	first   chan struct{} // something came where nothing was
	full    chan struct{} // there is enough
	stopped chan struct{}
	once    sync.Once
	wg      sync.WaitGroup

	ctx     context.Context // of all calls to the pipeline
	abandon context.CancelFunc
	hurried context.Context // ends when the Collector stops
	hurry   context.CancelFunc
}

func newBatcher[B any](p pipeline[B]) *batcher[B] {
	b := &batcher[B]{pipeline: p, first: make(chan struct{}, 1), full: make(chan struct{}, 1), stopped: make(chan struct{})}
	//nolint:gosec // stop calls both
	b.ctx, b.abandon = context.WithCancel(context.Background())
	b.hurried, b.hurry = context.WithCancel(context.Background()) //nolint:gosec // as above
	return b
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// start calls flush when it is time, and a last time when the batcher stops. A signal that is left over from what is gone
// already does no harm: the delay then runs early, for less than there could have been.
func (b *batcher[B]) start(delay time.Duration, flush func()) {
	b.wg.Go(func() {
		timer := time.NewTimer(time.Hour)
		timer.Stop()
		defer timer.Stop()
		for {
			select {
			case <-b.first:
				timer.Reset(delay)
			case <-timer.C:
				flush()
			case <-b.full:
				flush()
			case <-b.stopped:
				flush()
				return
			}
		}
	})
}

// stop has what is left sent and returns when the pipeline has it, or when it is dropped some seconds later. It may be
// called twice.
func (b *batcher[B]) stop() {
	b.hurry()
	b.once.Do(func() { close(b.stopped) })
	defer time.AfterFunc(hurryFor, b.abandon).Stop()
	b.wg.Wait()
	b.abandon()
}

// offer offers a batch until the pipeline has taken it or it is dropped. Once the Collector stops it does so for hurryFor: an
// exporter whose queue blocks while it is full would hold up the end for ever.
func (b *batcher[B]) offer(ctx context.Context, batch B) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.hurried, func() { time.AfterFunc(hurryFor, cancel) })()
	begun, pause := time.Now(), firstPause
	b.since.Store(begun.UnixMilli())
	defer b.since.Store(0)
	for {
		err := b.consume(ctx, batch)
		left := b.retryFor - time.Since(begun)
		switch {
		case err == nil:
			b.taken()
			return nil
		case consumererror.IsPermanent(err):
			return b.drop(batch, ReasonPermanent, err)
		case left <= 0:
			return b.drop(batch, ReasonRetriesExhausted, err)
		}
		b.refusal(err)
		wait := min(pause, left)
		if b.jittered { // a quarter more or less, so that receivers do not come back together
			wait = wait*3/4 + rand.N(wait/2+1)
		}
		if !b.pause(ctx, wait) {
			return b.drop(batch, ReasonShutdown, err)
		}
		pause = min(2*pause, maxPause)
	}
}

// pause waits, less long where the Collector stops, and says whether to try again.
func (b *batcher[B]) pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-b.hurried.Done():
	}
	select {
	case <-time.After(min(d, firstPause)):
		return true
	case <-ctx.Done():
		return false
	}
}

func (b *batcher[B]) drop(batch B, reason string, err error) error {
	b.dropped(batch, reason, err)
	b.refused = err.Error()
	return err
}

// refusal logs that the pipeline begins to refuse, not each time that it does.
func (b *batcher[B]) refusal(err error) {
	if b.refused == "" {
		b.logger.Warn(b.refuses, zap.Duration("for_at_most", b.retryFor), zap.Error(err),
			zap.String("next", "look at what the processors and exporters behind the receiver say"))
	}
	b.refused = err.Error()
}

func (b *batcher[B]) taken() {
	if b.refused != "" {
		b.logger.Info(b.takes)
	}
	b.refused = ""
}
