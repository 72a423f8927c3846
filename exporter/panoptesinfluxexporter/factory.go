package panoptesinfluxexporter

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/panoptes-otel/panoptes-otel/exporter/panoptesinfluxexporter/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
)

// NewFactory returns the factory of the exporter panoptes_influx.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(
		metadata.Type,
		createDefaultConfig,
		exporter.WithMetrics(createMetrics, metadata.MetricsStability),
	)
}

// createDefaultConfig returns confighttp's and exporterhelper's defaults except for a few; README.md gives the reasons.
func createDefaultConfig() component.Config {
	client := confighttp.NewDefaultClientConfig()
	client.Timeout = 30 * time.Second
	client.Compression = configcompression.TypeGzip
	retry := configretry.NewDefaultBackOffConfig()
	retry.MaxElapsedTime = 0
	return &Config{
		Client:   client,
		Queue:    configoptional.Some(exporterhelper.NewDefaultQueueConfig()),
		Retry:    retry,
		Database: "Panoptes",
		Request:  RequestConfig{MaxPoints: 5000, MaxBytes: 4 << 20},
		Rates:    exporterkit.RatesInt,
	}
}

func createMetrics(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
	return newExporter(ctx, set, cfg.(*Config))
}
