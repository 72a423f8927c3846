package panoptesjsonexporter

import (
	"context"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/panoptes-otel/panoptes-otel/exporter/panoptesjsonexporter/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
)

// NewFactory returns the factory of the exporter panoptes_json.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(
		metadata.Type,
		createDefaultConfig,
		exporter.WithMetrics(createMetrics, metadata.MetricsStability),
	)
}

// createDefaultConfig returns configkafka's and exporterhelper's defaults, but where trust asks for others; README.md
// gives the reason of each.
func createDefaultConfig() component.Config {
	queue := exporterhelper.NewDefaultQueueConfig()
	queue.NumConsumers = 1
	queue.BlockOnOverflow = true
	retry := configretry.NewDefaultBackOffConfig()
	retry.MaxElapsedTime = 0
	client := configkafka.NewDefaultClientConfig()
	client.Metadata.Full = false
	client.Metadata.RefreshInterval = 5 * time.Minute
	producer := configkafka.NewDefaultProducerConfig()
	producer.RequiredAcks = configkafka.WaitForAll
	producer.Linger = 0
	return &Config{
		Timeout:         exporterhelper.TimeoutConfig{Timeout: 30 * time.Second},
		Queue:           configoptional.Some(queue),
		Retry:           retry,
		Client:          client,
		Producer:        producer,
		Topics:          TopicsConfig{Site: true, GlobalName: "panoptes-metrics", Suffixes: []string{"processed"}, Max: 1000},
		Rates:           exporterkit.RatesInt,
		DefaultInterval: time.Minute,
	}
}

func createMetrics(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
	return newExporter(ctx, set, cfg.(*Config))
}
