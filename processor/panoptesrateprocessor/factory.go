package panoptesrateprocessor

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"

	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/metadata"
)

// NewFactory returns the factory of the processor panoptes_rate.
func NewFactory() processor.Factory {
	return processor.NewFactory(
		metadata.Type,
		createDefaultConfig,
		processor.WithMetrics(createMetrics, metadata.MetricsStability),
	)
}

func createDefaultConfig() component.Config {
	return &Config{MaxSeries: defaultMaxSeries}
}

func createMetrics(_ context.Context, set processor.Settings, cfg component.Config, next consumer.Metrics) (processor.Metrics, error) {
	c, ok := cfg.(*Config)
	if !ok {
		return nil, fmt.Errorf("configuration is of type %T, expected %T", cfg, c)
	}
	p, err := newRateProcessor(set.TelemetrySettings, c, next)
	if err != nil {
		return nil, err
	}
	p.id = set.ID
	return p, nil
}
