package panoptesdiscoveryextension

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesdiscoveryextension/internal/discover"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesdiscoveryextension/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/resource"
)

// discoveryExtension is a resource.Discovery, which receivers find by the extension's id.
type discoveryExtension struct {
	id        component.ID
	cfg       *Config
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder
	jobs      []runningJob // from Start on

	changed chan struct{} // has room for one: some source knows something new
	cancel  context.CancelFunc
	running sync.WaitGroup
	stop    sync.Once
}

// runningJob is a block of scrape_configs.
type runningJob struct {
	config  *ScrapeConfig
	sources []*discover.Source
}

var (
	_ extension.Extension = (*discoveryExtension)(nil)
	_ resource.Discovery  = (*discoveryExtension)(nil)
)

func newExtension(set extension.Settings, cfg *Config) (*discoveryExtension, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &discoveryExtension{
		id: set.ID, cfg: cfg, logger: logs.WithoutStacks(set.Logger), telemetry: telemetry,
		changed: make(chan struct{}, 1), cancel: func() {},
	}, nil
}

// Start implements component.Component. It does not wait for any server.
func (e *discoveryExtension) Start(start context.Context, host component.Host) error {
	for i := range e.cfg.ScrapeConfigs {
		cfg := &e.cfg.ScrapeConfigs[i]
		job, err := cfg.job()
		if err != nil {
			return fmt.Errorf("scrape_configs::%d: %w", i, err)
		}
		if len(job.Ignored) > 0 {
			e.logger.Info("Keys of a scrape configuration that say how Prometheus scrapes have no effect here",
				zap.String("job", job.Name), zap.Strings("keys", job.Ignored))
		}
		attrs := metric.WithAttributeSet(attribute.NewSet(attribute.String("job", job.Name)))
		sources, err := job.Sources(start, e.logger, discover.Hooks{
			Failed: func() { e.telemetry.PanoptesDiscoveryFailures.Add(context.Background(), 1, attrs) }, Changed: e.poke,
		})
		if err != nil {
			return fmt.Errorf("scrape_configs::%d: %w", i, err)
		}
		e.jobs = append(e.jobs, runningJob{config: cfg, sources: sources})
	}
	ctx, cancel := context.WithCancel(context.Background())
	e.cancel = cancel
	for _, job := range e.jobs {
		for _, source := range job.sources {
			e.running.Go(func() { source.Run(ctx) })
		}
	}
	e.running.Go(func() { e.report(ctx, host) })
	return e.telemetry.RegisterPanoptesDiscoveryTargetsCallback(e.observe)
}

// Shutdown implements component.Component.
func (e *discoveryExtension) Shutdown(context.Context) error {
	e.stop.Do(func() {
		e.cancel()
		e.running.Wait()
		e.telemetry.Shutdown()
	})
	return nil
}

// Provider implements resource.Discovery.
func (e *discoveryExtension) Provider(s resource.DiscoverySettings) resource.Provider {
	return &provider{extension: e, settings: s}
}

// report tells the Collector how the extension is, each time that changes.
func (e *discoveryExtension) report(ctx context.Context, host component.Host) {
	last := ""
	for {
		select {
		case <-e.changed:
		case <-ctx.Done():
			return
		}
		var errs []error
		for _, source := range e.sources() {
			if err := source.State().Err; err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", source.Name, err))
			}
		}
		event, text := componentstatus.NewEvent(componentstatus.StatusOK), ""
		if err := errors.Join(errs...); err != nil {
			event, text = componentstatus.NewRecoverableErrorEvent(err), err.Error()
		}
		if text != last {
			componentstatus.ReportStatus(host, event)
		}
		last = text
	}
}

// poke has report look. It does not wait.
func (e *discoveryExtension) poke() {
	select {
	case e.changed <- struct{}{}:
	default:
	}
}

func (e *discoveryExtension) sources() (all []*discover.Source) {
	for _, job := range e.jobs {
		all = append(all, job.sources...)
	}
	return all
}

// observe counts the targets of each job.
func (e *discoveryExtension) observe(_ context.Context, o metric.Int64Observer) error {
	for _, job := range e.jobs {
		counts := map[string]int{"kept": 0, "relabelled": 0, "too_many": 0}
		for _, source := range job.sources {
			state := source.State()
			counts["kept"] += len(state.Targets)
			counts["relabelled"] += state.Drops
			counts["too_many"] += state.Excess
		}
		for outcome, n := range counts {
			o.Observe(int64(n), metric.WithAttributeSet(attribute.NewSet(
				attribute.String("job", job.config.JobName), attribute.String("outcome", outcome))))
		}
	}
	return nil
}
