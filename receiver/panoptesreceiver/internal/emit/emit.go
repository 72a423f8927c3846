package emit

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
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/pace"
)

// Settings are what New takes.
type Settings struct {
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

// Emitter collects groups from many runs. Its methods are safe for concurrent use.
type Emitter struct {
	settings Settings
	sender   *sender
	pace     *pace.Pace
	wg       sync.WaitGroup

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

type batch struct {
	metrics pmetric.Metrics
	points  int
	groups  []scoped
}

// New returns an Emitter that runs until Stop.
func New(s Settings) *Emitter {
	e := &Emitter{
		settings: s,
		sender:   newSender(s),
		pace:     pace.New(),
		builder:  pdata.NewBuilder(s.Mapping),
	}
	e.room = sync.NewCond(&e.mu)
	e.wg.Go(func() { e.pace.Run(s.MaxDelay, e.flush) })
	return e
}

// Add adds the groups of one run, and returns the number of data points they became. It waits while the batch is
// full and the pipeline still busy with the one before. The groups must not change afterwards.
func (e *Emitter) Add(scope *pdata.Scope, groups []*pluginsdk.MetricsGroup) (points int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, g := range groups {
		for e.builder.Points() >= e.settings.MaxPoints {
			e.room.Wait()
		}
		n := e.builder.Add(*scope, g)
		if n == 0 {
			continue
		}
		points += n
		e.groups = append(e.groups, scoped{scope, g})
		e.added++
		if e.builder.Points() >= e.settings.MaxPoints {
			e.pace.Full()
		} else if len(e.groups) == 1 {
			e.pace.First()
		}
	}
	if points > 0 {
		e.filling.Store(e.builder.Points() >= (e.settings.MaxPoints+1)/2)
	}
	return points
}

// patience is how long the pipeline may take for a batch: less than that is no refusal.
const patience = 5 * time.Second

// Pressure says for how long the pipeline has not taken the batch that it was offered, beyond some seconds, while the
// next one fills up; 0 where there is room.
func (e *Emitter) Pressure() time.Duration {
	if !e.filling.Load() {
		return 0
	}
	since := e.sender.since.Load()
	if since == 0 {
		return 0
	}
	return max(time.Since(time.UnixMilli(since))-patience, 0)
}

// flush sends what there is.
func (e *Emitter) flush() {
	b, dropped := e.take()
	for reason, n := range dropped {
		if reason.Dropped() {
			e.settings.Dropped(string(reason), n)
		}
	}
	if b.points > 0 {
		e.sender.send(b)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sent += len(b.groups)
	e.room.Broadcast()
}

// Flush sends what there is without delay, and returns when the pipeline has all that was added before, or it was dropped,
// or ctx is done.
func (e *Emitter) Flush(ctx context.Context) {
	defer context.AfterFunc(ctx, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.room.Broadcast()
	})()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pace.Full()
	for all := e.added; e.sent < all && ctx.Err() == nil; {
		e.room.Wait()
	}
}

func (e *Emitter) take() (batch, pdata.Report) {
	e.mu.Lock()
	defer e.mu.Unlock()
	b := batch{points: e.builder.Points(), metrics: e.builder.Take(), groups: e.groups}
	e.groups = make([]scoped, 0, len(b.groups))
	e.filling.Store(false)
	e.room.Broadcast()
	return b, e.builder.Dropped()
}

// Hurry makes the Emitter give up within seconds on each batch that the pipeline refuses: call it before waiting for
// runs to end, which may be waiting for room here.
func (e *Emitter) Hurry() { e.sender.hurry() }

// Abandon makes the Emitter give up at once on what the pipeline refuses: each batch is offered once.
func (e *Emitter) Abandon() {
	e.sender.hurry()
	e.sender.abandon()
}

// Stop sends what is left and returns when the pipeline has it, or when it is dropped some seconds later. All calls of
// Add must have returned. Stop may be called twice.
func (e *Emitter) Stop() {
	e.Hurry()
	e.pace.Stop()
	defer time.AfterFunc(hurryFor, e.sender.abandon).Stop()
	e.wg.Wait()
	e.sender.digest.Stop()
	e.sender.abandon()
}
