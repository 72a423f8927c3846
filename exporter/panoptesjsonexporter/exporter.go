package panoptesjsonexporter

import (
	"context"
	"sync"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/exporter/panoptesjsonexporter/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

// jsonExporter is the exporter as the Collector sees it, and what its queue and retry deliver to.
type jsonExporter struct {
	*exporterkit.Exporter // set by newExporter: with exporterhelper's queue and retry

	cfg       *Config
	id        component.ID
	logger    *zap.Logger
	encoder   *encoder
	telemetry *telemetry
	health    *health
	drain     *exporterkit.Drain // attempts are given up when the client is closed

	stalls stallTimes

	producer  *producer  // set by start
	held      *heldQueue // may be nil
	closeOnce sync.Once
}

func newExporter(ctx context.Context, set exporter.Settings, cfg *Config) (exporter.Metrics, error) {
	e, err := newJSONExporter(set, cfg)
	if err != nil {
		return nil, err
	}
	if e.held, err = newHeldQueue(ctx, set, e); err != nil {
		return nil, err
	}
	base, err := xexporterhelper.NewMetricsRequest(ctx, set, newRequest, e.push,
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}),
		exporterhelper.WithTimeout(cfg.Timeout),
		exporterhelper.WithRetry(cfg.Retry),
		xexporterhelper.WithQueueBatch(cfg.Queue, queueSettings()),
		exporterhelper.WithStart(e.start),
		exporterhelper.WithShutdown(e.shutdown),
	)
	if err != nil {
		return nil, err
	}
	e.Exporter = e.drain.Exporter(base, e.closeClient)
	return e, nil
}

func newJSONExporter(set exporter.Settings, cfg *Config) (*jsonExporter, error) {
	tb, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	logger, told := logs.WithoutStacks(set.Logger), logs.NewHourly()
	var primed *priming
	if cfg.Prime {
		primed = newPriming(logger, time.Now)
	}
	return &jsonExporter{
		cfg:       cfg,
		id:        set.ID,
		logger:    logger,
		encoder:   newEncoder(cfg.mapping(), cfg.routes(), newTopicTable(cfg, logger, told), cfg.Headers, primed),
		telemetry: newTelemetry(tb, logger, cfg.Producer.MaxMessageBytes),
		health:    newHealth(logger),
		drain:     exporterkit.NewDrain(),
		stalls:    newStallTimes(cfg.Timeout.Timeout),
	}, nil
}

func (e *jsonExporter) start(ctx context.Context, host component.Host) error {
	e.drain.Queue(host, e.cfg.Queue, e.logger) // before the queue is opened, which follows
	p, err := newProducer(ctx, e.cfg, host, e.logger, e.health)
	if err != nil {
		return err
	}
	e.producer = p
	e.health.status.Attach(host)
	e.encoder.topics.plugins = exporterkit.ShowPlugins(host, e.id, e.health.status) // before the queue of held messages is read
	if e.held != nil {
		if err := e.held.start(ctx, e, host); err != nil {
			return err
		}
	}
	if e.cfg.Producer.RequiredAcks != configkafka.WaitForAll {
		e.logger.Warn("producer::required_acks is not all: a broker that fails can lose metrics groups, and a repeated "+
			"message is not recognised", zap.Int("required_acks", int(e.cfg.Producer.RequiredAcks)))
	}
	if e.cfg.Queue.HasValue() && e.cfg.Queue.Get().NumConsumers > 1 {
		e.logger.Warn("sending_queue::num_consumers is above 1: metrics groups of a series can overtake each other",
			zap.Int("num_consumers", e.cfg.Queue.Get().NumConsumers))
	}
	return nil
}

// shutdown is called when the queue is drained, or given up.
func (e *jsonExporter) shutdown(ctx context.Context) error {
	var err error
	if e.held != nil {
		err = e.held.Shutdown(ctx)
	}
	e.closeClient()
	return err
}

// closeClient fails all that is under way, and ends the client's goroutines.
func (e *jsonExporter) closeClient() {
	e.closeOnce.Do(func() {
		e.telemetry.digest.Stop()
		e.health.status.Attach(nil)
		e.encoder.topics.plugins.Hide()
		e.drain.GiveUp()
		if e.producer != nil {
			e.producer.close()
		}
		if e.held != nil && e.held.producer != nil {
			e.held.producer.close()
		}
	})
}

// push is an attempt to deliver a request. It returns an error for what can be tried again, and only then; what Kafka
// will never take is dropped, counted and logged here. Attempts of one request follow each other, in one goroutine.
func (e *jsonExporter) push(ctx context.Context, r xexporterhelper.Request) error {
	req, ok := r.(*request)
	if !ok {
		return errForeignRequest
	}
	if e.producer == nil || e.drain.GivenUp() {
		return exporterkit.ErrNotRunning
	}
	ctx, cancel := e.drain.Attempt(ctx)
	defer cancel()

	if req.batch == nil {
		b, out := e.encoder.encode(req.md)
		req.batch = b
		e.telemetry.encoded(ctx, &out)
	}
	if err := e.deliver(ctx, req.batch); err != nil {
		return err
	}
	req.batch.release()
	req.batch = nil
	return nil
}
