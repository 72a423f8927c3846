package panoptesjsonexporter

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"

	"github.com/panoptes-otel/panoptes-otel/exporter/panoptesjsonexporter/internal/metadata"
)

// The Collector's contract of exporters: all is delivered, what is refused for good is dropped alone and not tried
// again, all else is tried again until it is delivered.
func TestConsumeContract(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	cfg := createDefaultConfig().(*Config)
	cfg.Client.Brokers = []string{fmt.Sprintf("127.0.0.1:%d", port)}
	cfg.Retry.InitialInterval, cfg.Retry.MaxInterval = time.Millisecond, time.Millisecond
	synchronous(cfg)
	exportertest.CheckConsumeContract(exportertest.CheckConsumeContractParams{
		T: t, NumberOfTestElements: 20, Signal: pipeline.SignalMetrics,
		ExporterFactory: exporter.NewFactory(metadata.Type, createDefaultConfig,
			exporter.WithMetrics(createWithGauges, component.StabilityLevelAlpha)),
		ExporterConfig: cfg,
		ReceiverFactory: receiver.NewFactory(metadata.Type, func() component.Config { return &struct{}{} },
			receiver.WithMetrics(func(_ context.Context, _ receiver.Settings, _ component.Config, next consumer.Metrics) (receiver.Metrics, error) {
				return &contractBroker{port: port, next: next}, nil
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
	attributes := m.Histogram().DataPoints().At(0).Attributes()
	p := pmetric.NewNumberDataPoint()
	attributes.CopyTo(p.Attributes())
	p.SetIntValue(1)
	p.SetTimestamp(1600000000000000000)
	m.SetName("contract.m")
	p.CopyTo(m.SetEmptyGauge().DataPoints().AppendEmpty())
	return g.Metrics.ConsumeMetrics(ctx, out)
}

// contractBroker is a broker that asks the contract's consumer about each request of messages.
type contractBroker struct {
	port    int
	next    consumer.Metrics
	cluster *kfake.Cluster
}

func (b *contractBroker) Start(context.Context, component.Host) (err error) {
	b.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(b.port), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1))
	if err != nil {
		return err
	}
	b.cluster.ControlKey(produceKey, func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		switch err := b.next.ConsumeMetrics(context.Background(), pmetric.NewMetrics()); {
		case err == nil:
			return nil, nil, false
		case consumererror.IsPermanent(err):
			return rejectAll(req.(*kmsg.ProduceRequest), kerr.InvalidRecord.Code), nil, true
		default:
			return rejectAll(req.(*kmsg.ProduceRequest), kerr.UnknownServerError.Code), nil, true
		}
	})
	return nil
}

func (b *contractBroker) Shutdown(context.Context) error {
	if b.cluster == nil {
		return errors.New("it was not started")
	}
	b.cluster.Close()
	return nil
}
