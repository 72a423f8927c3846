package collectorconfig

import (
	"fmt"
	"strings"
	"time"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

// Receiver returns the receiver of ours with an ID, or the only one if that is "".
func (c *Config) Receiver(id string) (*panoptesreceiver.Config, component.ID, error) {
	found, err := c.receiver(id)
	if err != nil {
		return nil, component.ID{}, err
	}
	decoded, err := c.Decode(Receivers, found)
	if err != nil {
		return nil, component.ID{}, fmt.Errorf("receivers::%s: %w", found, err)
	}
	return decoded.(*panoptesreceiver.Config), found, nil
}

func (c *Config) receiver(wanted string) (component.ID, error) {
	var ids []component.ID
	var names []string
	for _, id := range c.IDs(Receivers) {
		if id.Type() != ReceiverType || wanted != "" && id.String() != wanted {
			continue
		}
		ids, names = append(ids, id), append(names, id.String())
	}
	switch {
	case len(ids) == 1:
		return ids[0], nil
	case len(ids) > 1:
		return component.ID{}, fmt.Errorf("the configuration has several receivers, %s: name one with --receiver", strings.Join(names, ", "))
	case wanted != "":
		return component.ID{}, fmt.Errorf("the configuration has no receiver %q", wanted)
	}
	return component.ID{}, fmt.Errorf("the configuration has no receiver %q", ReceiverType)
}

// SourceLimit is how long servers and Kafka may take to tell resources to a command.
const SourceLimit = 30 * time.Second

// Telemetry is that of a component which runs in a command: only the log is kept.
func Telemetry(logger *zap.Logger) component.TelemetrySettings {
	return component.TelemetrySettings{
		Logger: logger, TracerProvider: tracenoop.NewTracerProvider(), MeterProvider: metricnoop.NewMeterProvider(), Resource: pcommon.NewResource(),
	}
}

// Host is that of a component which runs in a command: it has no extensions.
type Host struct{}

var _ component.Host = Host{}

// GetExtensions implements component.Host.
func (Host) GetExtensions() map[component.ID]component.Component { return nil }
