package panoptesinfluxexporter

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/exporter/panoptesinfluxexporter/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/tlsfiles"
)

// influxExporter is what exporterhelper's queue and retry deliver to. It is safe for concurrent use once it is started.
type influxExporter struct {
	cfg       *Config
	set       exporter.Settings
	url       string
	agent     string
	client    *http.Client // set by start
	encoders  sync.Pool    // of *codec.Encoder, which keep their buffers and names
	lastBody  atomic.Int64 // its size, as a hint for the next one
	telemetry *telemetry
	status    *exporterkit.Status
	drain     *exporterkit.Drain
}

func newExporter(ctx context.Context, set exporter.Settings, cfg *Config) (exporter.Metrics, error) {
	e, err := newInfluxExporter(set, cfg)
	if err != nil {
		return nil, err
	}
	base, err := exporterhelper.NewMetrics(ctx, set, cfg, e.push,
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}),
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{Timeout: 0}), // the client has one, for each request
		exporterhelper.WithRetry(cfg.Retry),
		exporterhelper.WithQueue(cfg.Queue),
		exporterhelper.WithStart(e.start),
		exporterhelper.WithShutdown(e.shutdown),
	)
	if err != nil {
		return nil, err
	}
	return e.drain.Exporter(base, e.drain.GiveUp), nil
}

func newInfluxExporter(set exporter.Settings, cfg *Config) (*influxExporter, error) {
	tb, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	url, err := cfg.writeURL()
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	logger := logs.WithoutStacks(set.Logger)
	e := &influxExporter{
		cfg:       cfg,
		set:       set,
		url:       url,
		agent:     set.BuildInfo.Command + "/" + set.BuildInfo.Version,
		telemetry: newTelemetry(tb, logger),
		status:    exporterkit.NewStatus("cannot deliver to InfluxDB"),
		drain:     exporterkit.NewDrain(),
	}
	from := exporterkit.Mapping(cfg.Rates, &cfg.ResourceDefaults, 0)
	e.encoders.New = func() any { return panoptesjson.NewLineEncoder(from) }
	return e, nil
}

func (e *influxExporter) start(ctx context.Context, host component.Host) error {
	e.drain.Queue(host, e.cfg.Queue, e.telemetry.logger) // before the queue is opened, which follows
	settings := e.cfg.Client
	var err error
	if settings.TLS, err = tlsfiles.Client(ctx, settings.TLS); err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	client, err := settings.ToClient(ctx, host.GetExtensions(), e.set.TelemetrySettings)
	if err != nil {
		return err
	}
	e.client = client
	e.status.Attach(host)
	e.telemetry.plugins = exporterkit.ShowPlugins(host, e.set.ID, e.status)
	return nil
}

func (e *influxExporter) shutdown(context.Context) error {
	e.drain.GiveUp()
	e.status.Attach(nil)
	e.telemetry.plugins.Hide()
	if e.client != nil {
		e.client.CloseIdleConnections()
	}
	return nil
}

// push writes the groups of md. An error that is not permanent asks for another attempt with all of md: points that
// InfluxDB has already are overwritten by themselves. So what became of groups is counted only when all is settled.
func (e *influxExporter) push(ctx context.Context, md pmetric.Metrics) error {
	if e.client == nil || e.drain.GivenUp() {
		return exporterkit.ErrNotRunning
	}
	ctx, cancel := e.drain.Attempt(ctx)
	defer cancel()
	encoder := e.encoders.Get().(*panoptesjson.Encoder)
	defer e.encoders.Put(encoder)
	a := attempt{exporter: e, ctx: ctx, came: map[string]int64{}}
	report, err := encoder.Encode(md, a.add)
	if err == nil {
		err = a.flush()
	}
	if err != nil {
		e.attempted(err)
		return err
	}
	e.telemetry.settled(ctx, report, &a)
	return a.refusal()
}

// attempted is told the outcome of a request: nil when InfluxDB took points.
func (e *influxExporter) attempted(err error) {
	switch changed := e.status.Report(err); {
	case changed && err != nil:
		e.telemetry.logger.Warn("InfluxDB takes no points", zap.Error(err),
			zap.String("next", "look at the server, and at the exporter's endpoint and credentials"))
	case changed:
		e.telemetry.logger.Info("InfluxDB takes points again")
	}
}
