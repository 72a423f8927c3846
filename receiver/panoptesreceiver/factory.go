package panoptesreceiver

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/metadata"
)

// NewFactory returns the factory of the receiver panoptes.
func NewFactory() receiver.Factory {
	shared := &instances{all: map[*Config]*instance{}}
	return receiver.NewFactory(metadata.Type, createDefaultConfig,
		receiver.WithMetrics(shared.createMetrics, metadata.MetricsStability),
		receiver.WithLogs(shared.createLogs, metadata.LogsStability))
}

func (i *instances) createMetrics(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
	r, err := i.of(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	r.receiver.next = next
	return r, nil
}

func (i *instances) createLogs(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
	r, err := i.of(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	r.receiver.pluginLogs = next
	return r, nil
}
