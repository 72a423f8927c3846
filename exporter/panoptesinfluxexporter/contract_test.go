package panoptesinfluxexporter

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"

	"github.com/panoptes-otel/panoptes-otel/exporter/panoptesinfluxexporter/internal/metadata"
)

// The Collector's contract of exporters: all is delivered, what is refused for good is dropped and not tried again, all
// else is tried again until it is delivered.
func TestConsumeContract(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	cfg := createDefaultConfig().(*Config)
	cfg.Client.Endpoint = "http://" + address
	cfg.Retry.InitialInterval, cfg.Retry.MaxInterval = time.Millisecond, time.Millisecond
	cfg.Queue.Get().WaitForResult = true
	exportertest.CheckConsumeContract(exportertest.CheckConsumeContractParams{
		T: t, NumberOfTestElements: 20, Signal: pipeline.SignalMetrics,
		ExporterFactory: exporter.NewFactory(metadata.Type, createDefaultConfig,
			exporter.WithMetrics(createWithGauges, component.StabilityLevelAlpha)),
		ExporterConfig: cfg,
		ReceiverFactory: receiver.NewFactory(metadata.Type, func() component.Config { return &struct{}{} },
			receiver.WithMetrics(func(_ context.Context, _ receiver.Settings, _ component.Config, next consumer.Metrics) (receiver.Metrics, error) {
				return &contractServer{address: address, next: next}, nil
			}, component.StabilityLevelAlpha)),
		ReceiverConfig: &struct{}{},
	})
}

// createWithGauges makes an exporter for the contract's metrics: histograms, which are no metrics groups, become gauges.
func createWithGauges(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
	next, err := createMetrics(ctx, set, cfg)
	return gauges{next}, err
}

type gauges struct{ exporter.Metrics }

func (g gauges) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	out := pmetric.NewMetrics()
	md.CopyTo(out)
	m := out.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
	p := pmetric.NewNumberDataPoint()
	m.Histogram().DataPoints().At(0).Attributes().CopyTo(p.Attributes())
	p.SetIntValue(1)
	p.SetTimestamp(1600000000000000000)
	m.SetName("contract.m")
	p.CopyTo(m.SetEmptyGauge().DataPoints().AppendEmpty())
	return g.Metrics.ConsumeMetrics(ctx, out)
}

// contractServer asks the contract's consumer about each request.
type contractServer struct {
	address string
	next    consumer.Metrics
	server  http.Server
}

func (s *contractServer) Start(context.Context, component.Host) error {
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	s.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch err := s.next.ConsumeMetrics(r.Context(), pmetric.NewMetrics()); {
		case err == nil:
			w.WriteHeader(http.StatusNoContent)
		case consumererror.IsPermanent(err):
			http.Error(w, `{"error":"database is required"}`, http.StatusBadRequest)
		default:
			http.Error(w, `{"error":"timeout"}`, http.StatusServiceUnavailable)
		}
	})
	go func() { _ = s.server.Serve(listener) }()
	return nil
}

func (s *contractServer) Shutdown(ctx context.Context) error { return s.server.Shutdown(ctx) }
