package panoptesrateprocessor

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// sweepEvery is how often a part of the state is searched for series that have expired, and sweepParts the number of
// parts: a series goes at most a minute after its time.
const (
	sweepEvery = time.Second
	sweepParts = 60
)

// rateProcessor adds rates to what passes through. ConsumeMetrics may be called from many goroutines.
type rateProcessor struct {
	next      consumer.Metrics
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder

	state   *ratestate.Store
	hasher  ratestate.Hasher
	rules   *rules
	plans   *plans
	plugins *plugins
	passes  sync.Pool
	refused refusals
	// lastSent is how many rates the last call noted in case they are refused: the next one has room for as many.
	lastSent atomic.Int64
	keeping
	sharding sharding
	keys     atomic.Uint64 // grows when the hasher changes

	hide []func() // from boards

	told       *logs.Hourly
	debugLines *logs.PerMinute

	start, stop sync.Once
	done        chan struct{}
	workers     sync.WaitGroup
}

var _ processor.Metrics = (*rateProcessor)(nil)

func newRateProcessor(set component.TelemetrySettings, cfg *Config, next consumer.Metrics) (*rateProcessor, error) {
	rules, err := newRules(cfg)
	if err != nil {
		return nil, err
	}
	telemetry, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, err
	}
	state := ratestate.New(ratestate.Settings{MaxSeries: cfg.MaxSeries})
	p := &rateProcessor{
		next:       next,
		logger:     logs.WithoutStacks(set.Logger),
		telemetry:  telemetry,
		state:      state,
		rules:      rules,
		plugins:    newPlugins(),
		keeping:    keeping{storage: cfg.Storage},
		sharding:   sharding{id: cfg.Sharding},
		told:       logs.NewHourly(),
		debugLines: logs.NewPerMinute(time.Now),
		done:       make(chan struct{}),
	}
	p.setHasher(state.Hasher())
	err = telemetry.RegisterPanoptesRateSeriesCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(int64(state.Len()))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("register panoptes_rate_series: %w", err)
	}
	return p, nil
}

// Capabilities implements consumer.Metrics.
func (p *rateProcessor) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

// Start restores the state and begins to sweep and to save it. The context is for the call alone.
func (p *rateProcessor) Start(ctx context.Context, host component.Host) (err error) {
	p.start.Do(func() {
		var label []byte
		if label, err = p.openState(ctx, host); err != nil {
			return
		}
		p.setHasher(p.state.Hasher())
		if err = p.join(ctx, host, label); err != nil {
			return
		}
		p.show(host)
		p.workers.Go(p.sweep)
		if p.keeper != nil {
			p.workers.Go(p.save)
		}
	})
	return err
}

// setHasher makes everything use the keys of the state.
func (p *rateProcessor) setHasher(h ratestate.Hasher) {
	p.hasher = h
	p.plans = newPlans(h, p.rules)
	p.keys.Add(1)
}

func (p *rateProcessor) sweep() {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-ticker.C:
			p.state.Sweep(sweepParts)
			p.refused.age(time.Now())
			p.warnUnmatched(time.Now())
		}
	}
}

// Shutdown saves the state. It may be called twice, and without Start.
func (p *rateProcessor) Shutdown(ctx context.Context) (err error) {
	p.stop.Do(func() {
		for _, hide := range p.hide {
			hide()
		}
		p.quit()
		close(p.done)
		p.workers.Wait()
		err = p.closeState(ctx)
		p.telemetry.Shutdown()
	})
	return err
}

// ConsumeMetrics adds the rates and hands the data on. It fails only where what comes next fails; the same data sent again
// gets the same rates again.
func (p *rateProcessor) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	c := p.begin()
	defer c.end()
	empty := md.ResourceMetrics().Len() == 0
	c.consume(md)
	p.sharding.using.RUnlock()
	c.report(ctx)
	c.forget()
	p.settle(ctx)
	if !empty && md.ResourceMetrics().Len() == 0 {
		return nil // all of it were counters to be replaced, and none has a rate yet
	}
	err := p.next.ConsumeMetrics(ctx, md)
	c.passedOn(err)
	if err != nil {
		p.refused.note(c.sent, time.Now())
	}
	return err
}
