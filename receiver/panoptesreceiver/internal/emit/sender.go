package emit

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

// Reasons for which data points are dropped here. With the reasons of the mapping they are the values of a metric's
// attribute.
const (
	// ReasonPermanent: the pipeline refused the batch for good.
	ReasonPermanent = "permanent"
	// ReasonRetriesExhausted: the pipeline refused the batch for retryFor.
	ReasonRetriesExhausted = "retries_exhausted"
	// ReasonShutdown: the pipeline refused the batch, and the Collector stops.
	ReasonShutdown = "shutdown"
)

// A batch that the pipeline refuses for now is offered again after firstPause, then after pauses that double up to
// maxPause, for retryFor in all: long enough for a memory_limiter to relax or an exporter's queue to empty. A longer
// outage is the business of the exporter's queue, which can lie on disk.
const (
	firstPause = 100 * time.Millisecond
	maxPause   = 5 * time.Second
	retryFor   = time.Minute
	// hurryFor is what the pipeline gets for a batch once the Collector stops.
	hurryFor = 3 * time.Second
)

// sender offers batches to the pipeline, one after the other, so that the points of a series stay in order.
type sender struct {
	settings Settings
	since    atomic.Int64 // when the batch under way was offered first, in milliseconds since the epoch; 0: there is none
	refused  string       // the text of the last refusal; "" while the pipeline takes what it gets
	digest   *logs.Digest

	ctx     context.Context // of all calls to the pipeline
	abandon context.CancelFunc
	hurried context.Context // ends when the Collector stops
	hurry   context.CancelFunc
}

func newSender(s Settings) *sender {
	out := &sender{settings: s, digest: logs.NewDigest()}
	out.ctx, out.abandon = context.WithCancel(context.Background())
	out.hurried, out.hurry = context.WithCancel(context.Background())
	return out
}

// send offers a batch until the pipeline has taken it or it is dropped. Once the Collector stops it does so for
// hurryFor: an exporter whose queue blocks while it is full would hold up the end for ever.
func (s *sender) send(b batch) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	defer context.AfterFunc(s.hurried, func() { time.AfterFunc(hurryFor, cancel) })()
	ctx = s.settings.Obs.StartMetricsOp(ctx)
	err := s.offer(ctx, b)
	s.settings.Obs.EndMetricsOp(ctx, "panoptes", b.points, err)
}

func (s *sender) offer(ctx context.Context, b batch) error {
	pause, tried := firstPause, time.Now()
	s.since.Store(tried.UnixMilli())
	defer s.since.Store(0)
	for {
		err := s.settings.Next.ConsumeMetrics(ctx, b.metrics)
		switch {
		case err == nil:
			s.taken()
			return nil
		case consumererror.IsPermanent(err):
			return s.drop(b, ReasonPermanent, err)
		case time.Since(tried) >= retryFor:
			return s.drop(b, ReasonRetriesExhausted, err)
		}
		s.refusal(err)
		if !s.pause(ctx, jitter(min(pause, time.Until(tried.Add(retryFor))))) {
			return s.drop(b, ReasonShutdown, err)
		}
		pause = min(2*pause, maxPause)
		b.metrics = s.again(b)
	}
}

// pause waits, less long where the Collector stops, and says whether to try again.
func (s *sender) pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-s.hurried.Done():
	}
	select {
	case <-time.After(min(d, firstPause)):
		return true
	case <-ctx.Done():
		return false
	}
}

// again makes the batch anew: what the pipeline was given belongs to it.
func (s *sender) again(b batch) pmetric.Metrics {
	builder := pdata.NewBuilder(s.settings.Mapping)
	for _, g := range b.groups {
		builder.Add(*g.scope, g.group)
	}
	return builder.Take()
}

// jitter is d, a quarter more or less, so that receivers do not come back together.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2+1)
}

func (s *sender) drop(b batch, reason string, err error) error {
	s.settings.Dropped(reason, b.points)
	if reason != ReasonPermanent || s.refused != err.Error() {
		s.digest.Note(reason, func(held int) {
			s.settings.Logger.Error("Dropped metrics that the pipeline refused", zap.String("reason", reason),
				zap.Int("data_points", b.points), zap.Int("others", held), zap.Error(err),
				zap.String("next", "look at what the processors and exporters behind the receiver say"))
		})
	}
	s.refused = err.Error()
	return err
}

// refusal logs that the pipeline begins to refuse, not each time that it does.
func (s *sender) refusal(err error) {
	if s.refused == "" {
		s.settings.Logger.Warn("The pipeline refuses metrics; they are offered again, and runs wait meanwhile",
			zap.Duration("for_at_most", retryFor), zap.Error(err))
	}
	s.refused = err.Error()
}

func (s *sender) taken() {
	if s.refused != "" {
		s.settings.Logger.Info("The pipeline takes metrics again")
	}
	s.refused = ""
}
