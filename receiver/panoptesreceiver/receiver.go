package panoptesreceiver

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
)

type panoptesReceiver struct{}

func newReceiver(receiver.Settings, *Config, consumer.Metrics) (*panoptesReceiver, error) {
	return &panoptesReceiver{}, nil
}

// Start implements component.Component.
func (r *panoptesReceiver) Start(context.Context, component.Host) error { return nil }

// Shutdown implements component.Component.
func (r *panoptesReceiver) Shutdown(context.Context) error { return nil }
