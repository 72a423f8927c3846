// Package exportcontract holds an exporter of metrics groups to the Collector's contract of exporters, in tests: all is
// delivered, what is refused for good is dropped and not tried again, all else is tried again until it is delivered.
package contracttest

import (
	"context"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"
)

// Check runs the contract's tests. server makes what the exporter of cfg delivers to; it has to ask next, with any
// metrics, about each delivery: nil takes it, a permanent error refuses it for good, any other one for now.
func Check(t *testing.T, factory exporter.Factory, cfg component.Config, server func(next consumer.Metrics) component.Component) {
	t.Helper()
	create := func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
		next, err := factory.CreateMetrics(ctx, set, cfg)
		return gauges{next}, err
	}
	exportertest.CheckConsumeContract(exportertest.CheckConsumeContractParams{
		T: t, NumberOfTestElements: 20, Signal: pipeline.SignalMetrics,
		ExporterFactory: exporter.NewFactory(factory.Type(), factory.CreateDefaultConfig,
			exporter.WithMetrics(create, component.StabilityLevelAlpha)),
		ExporterConfig: cfg,
		ReceiverFactory: receiver.NewFactory(factory.Type(), func() component.Config { return &struct{}{} },
			receiver.WithMetrics(func(_ context.Context, _ receiver.Settings, _ component.Config, next consumer.Metrics) (receiver.Metrics, error) {
				return server(next), nil
			}, component.StabilityLevelAlpha)),
		ReceiverConfig: &struct{}{},
	})
}

// gauges makes gauges of the contract's metrics: these are histograms, which are no metrics groups.
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
