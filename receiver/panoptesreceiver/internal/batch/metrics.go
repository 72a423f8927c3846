package batch

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// retryMetricsFor is long enough for a memory_limiter to relax or an exporter's queue to empty. A longer outage is the
// business of the exporter's queue, which can lie on disk.
const retryMetricsFor = time.Minute

// MetricsSettings are what NewMetrics takes.
type MetricsSettings struct {
	// Next is the pipeline.
	Next consumer.Metrics
	// Obs counts what the pipeline took and refused, once a batch.
	Obs *receiverhelper.ObsReport
	// Mapping says how groups become metrics.
	Mapping pdata.Options
	// MaxDelay is the longest time a group waits for others.
	MaxDelay time.Duration
	// MaxPoints is the number of data points at which a batch goes out at once.
	MaxPoints int
	// Logger gets a line when the pipeline begins to refuse data, drops some, or takes it again.
	Logger *zap.Logger
	// Dropped is told of data points that do not reach the pipeline, and why: one of the Reason constants, or a reason
	// of the mapping.
	Dropped func(reason string, points int)
}

// Metrics collects groups from many runs. Its methods are safe for concurrent use.
type Metrics struct {
	settings MetricsSettings
	*batcher[*metricsBatch]
	digest *logs.Digest

	mu      sync.Mutex
	room    *sync.Cond // the batch was taken, or sent
	builder *pdata.Builder
	groups  []scoped
	added   int // groups, ever
	sent    int // of them, or dropped

	filling atomic.Bool // the batch is at least half full
}

// scoped is a group with what is known of its plugin. A batch keeps its groups until the pipeline has taken it: what
// was offered once belongs to the pipeline, which may have changed it before it refused.
type scoped struct {
	scope *pdata.Scope
	group *pluginsdk.MetricsGroup
}

type metricsBatch struct {
	metrics pmetric.Metrics
	offered bool
	points  int
	groups  []scoped
}

// NewMetrics returns Metrics that run until Stop.
func NewMetrics(s MetricsSettings) *Metrics {
	m := &Metrics{settings: s, digest: logs.NewDigest(), builder: pdata.NewBuilder(s.Mapping)}
	m.room = sync.NewCond(&m.mu)
	m.batcher = newBatcher(pipeline[*metricsBatch]{
		consume: m.consume, dropped: m.drop, retryFor: retryMetricsFor, jittered: true, logger: s.Logger,
		refuses: "The pipeline refuses metrics; they are offered again, and runs wait meanwhile",
		takes:   "The pipeline takes metrics again",
	})
	m.start(s.MaxDelay, m.flush)
	return m
}

// Add adds the groups of one run, and returns the number of data points they became. It waits while the batch is
// full and the pipeline still busy with the one before. The groups must not change afterwards.
func (m *Metrics) Add(scope *pdata.Scope, groups []*pluginsdk.MetricsGroup) (points int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, g := range groups {
		for m.builder.Points() >= m.settings.MaxPoints {
			m.room.Wait()
		}
		n := m.builder.AddFirst(*scope, groups[i:])
		if n == 0 {
			continue
		}
		points += n
		m.groups = append(m.groups, scoped{scope, g})
		m.added++
		if m.builder.Points() >= m.settings.MaxPoints {
			signal(m.full)
		} else if len(m.groups) == 1 {
			signal(m.first)
		}
	}
	if points > 0 {
		m.filling.Store(m.builder.Points() >= (m.settings.MaxPoints+1)/2)
	}
	return points
}

// patience is how long the pipeline may take for a batch: less than that is no refusal.
const patience = 5 * time.Second

// Pressure says for how long the pipeline has not taken the batch that it was offered, beyond some seconds, while the
// next one fills up; 0 where there is room.
func (m *Metrics) Pressure() time.Duration {
	since := m.since.Load()
	if !m.filling.Load() || since == 0 {
		return 0
	}
	return max(time.Since(time.UnixMilli(since))-patience, 0)
}

// flush sends what there is.
func (m *Metrics) flush() {
	b, dropped := m.take()
	for reason, n := range dropped {
		if reason.Dropped() {
			m.settings.Dropped(string(reason), n)
		}
	}
	if b.points > 0 {
		ctx := m.settings.Obs.StartMetricsOp(m.ctx)
		m.settings.Obs.EndMetricsOp(ctx, "panoptes", b.points, m.offer(ctx, b))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent += len(b.groups)
	m.room.Broadcast()
}

// Flush sends what there is without delay, and returns when the pipeline has all that was added before, or it was dropped,
// or ctx is done.
func (m *Metrics) Flush(ctx context.Context) {
	defer context.AfterFunc(ctx, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.room.Broadcast()
	})()
	m.mu.Lock()
	defer m.mu.Unlock()
	signal(m.full)
	for all := m.added; m.sent < all && ctx.Err() == nil; {
		m.room.Wait()
	}
}

func (m *Metrics) take() (*metricsBatch, pdata.Report) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := &metricsBatch{points: m.builder.Points(), metrics: m.builder.Take(), groups: m.groups}
	m.groups = make([]scoped, 0, len(b.groups))
	m.filling.Store(false)
	m.room.Broadcast()
	return b, m.builder.Dropped()
}

// consume offers a batch, which is made anew where the pipeline was given it before: then it belongs to the pipeline.
func (m *Metrics) consume(ctx context.Context, b *metricsBatch) error {
	if b.offered {
		builder := pdata.NewBuilder(m.settings.Mapping)
		for _, g := range b.groups {
			builder.Add(*g.scope, g.group)
		}
		b.metrics = builder.Take()
	}
	b.offered = true
	return m.settings.Next.ConsumeMetrics(ctx, b.metrics)
}

func (m *Metrics) drop(b *metricsBatch, reason string, err error) {
	m.settings.Dropped(reason, b.points)
	if reason == ReasonPermanent && m.refused == err.Error() {
		return
	}
	m.digest.Note(reason, func(held int) {
		m.settings.Logger.Error("Dropped metrics that the pipeline refused", zap.String("reason", reason),
			zap.Int("data_points", b.points), zap.Int("others", held), zap.Error(err),
			zap.String("next", "look at what the processors and exporters behind the receiver say"))
	})
}

// Hurry makes Metrics give up within seconds on each batch that the pipeline refuses: call it before waiting for runs to
// end, which may be waiting for room here.
func (m *Metrics) Hurry() { m.hurry() }

// Abandon makes Metrics give up at once on what the pipeline refuses: each batch is offered once.
func (m *Metrics) Abandon() {
	m.hurry()
	m.abandon()
}

// Stop sends what is left and returns when the pipeline has it, or when it is dropped some seconds later. All calls of
// Add must have returned. Stop may be called twice.
func (m *Metrics) Stop() {
	m.stop()
	m.digest.Stop()
}
