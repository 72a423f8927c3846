// Package chain takes metrics groups the way they take in a Collector between the receiver and Kafka: to pdata, through
// the rate processor, and back.
package chain

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor"
)

// Chain is the way from the receiver to Kafka. It holds the rate processor's state: rates come out when a counter has
// gone through twice. It is not safe for concurrent use.
type Chain struct {
	doubleRates bool
	builder     *pdata.Builder
	rates       processor.Metrics
	out         sink
}

// New starts a chain; Close it. With doubleRates rates stay doubles, otherwise they become integers as in Panoptes.
// The logger takes what the rate processor has to say.
func New(ctx context.Context, doubleRates bool, logger *zap.Logger) (*Chain, error) {
	c := &Chain{
		doubleRates: doubleRates,
		// The quickstart's and the receiver's default: what is shown is what a Collector makes of it.
		builder: pdata.NewBuilder(pdata.Options{ServiceIdentity: true}),
	}
	factory := panoptesrateprocessor.NewFactory()
	settings := processor.Settings{
		ID: component.NewID(factory.Type()),
		TelemetrySettings: component.TelemetrySettings{
			Logger:         logger,
			TracerProvider: tracenoop.NewTracerProvider(),
			MeterProvider:  metricnoop.NewMeterProvider(),
			Resource:       pcommon.NewResource(),
		},
	}
	rates, err := factory.CreateMetrics(ctx, settings, factory.CreateDefaultConfig(), &c.out)
	if err == nil {
		err = rates.Start(ctx, host{})
	}
	if err != nil {
		return nil, fmt.Errorf("start the rate processor: %w", err)
	}
	c.rates = rates
	return c, nil
}

// Result is what came out of the chain for one batch.
type Result struct {
	// Groups are the groups as they would go to Kafka. Those without metrics, which pdata cannot carry, come last.
	Groups []pdata.Group
	// Data is the same without the groups that have no metrics.
	Data pmetric.Metrics
	// Report counts the data points that were dropped or changed on the way, by reason.
	Report pdata.Report
}

// Process sends groups of one plugin through as one batch.
func (c *Chain) Process(ctx context.Context, s pdata.Scope, groups []*pluginsdk.MetricsGroup) (Result, error) {
	result := Result{Report: pdata.Report{}}
	var empty []pdata.Group
	for _, g := range groups {
		if len(g.Metrics()) == 0 {
			empty = append(empty, pdata.Group{MetricsGroup: g, Plugin: s.Plugin, Topics: s.Topics})
			continue
		}
		c.builder.Add(s, g)
	}
	result.Report.Add(c.builder.Dropped())
	c.out.last = pmetric.NewMetrics()
	if in := c.builder.Take(); in.ResourceMetrics().Len() > 0 {
		if err := c.rates.ConsumeMetrics(ctx, in); err != nil {
			return result, fmt.Errorf("rate processor: %w", err)
		}
	}
	result.Data = c.out.last
	report, err := pdata.Groups(result.Data, pdata.FromOptions{DoubleRates: c.doubleRates}, func(g pdata.Group) error {
		result.Groups = append(result.Groups, g)
		return nil
	})
	result.Report.Add(report)
	result.Groups = append(result.Groups, empty...)
	return result, err
}

// Close ends the chain.
func (c *Chain) Close(ctx context.Context) error { return c.rates.Shutdown(ctx) }

// sink keeps what the rate processor last sent on.
type sink struct{ last pmetric.Metrics }

// Capabilities implements consumer.Metrics.
func (*sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeMetrics implements consumer.Metrics.
func (s *sink) ConsumeMetrics(_ context.Context, md pmetric.Metrics) error {
	// A processor may send in parts. What it sends is the sink's from then on.
	md.ResourceMetrics().MoveAndAppendTo(s.last.ResourceMetrics())
	return nil
}

// host is a host without extensions.
type host struct{}

// GetExtensions implements component.Host.
func (host) GetExtensions() map[component.ID]component.Component { return nil }
