package panoptesreceiver

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
)

// droppedOverflow: packets came faster than they were taken, so the system had no room for them.
const droppedOverflow = "overflow"

// observeSNMP lets the metrics about SNMP be read.
func (r *panoptesReceiver) observeSNMP() error {
	count := func(of func(engine.Counters) uint64) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(of(r.snmp.Counters())))
			return nil
		}
	}
	sent := metric.WithAttributeSet(attribute.NewSet(attribute.String("direction", "sent")))
	received := metric.WithAttributeSet(attribute.NewSet(attribute.String("direction", "received")))
	return errors.Join(
		r.telemetry.RegisterPanoptesSnmpPacketsCallback(func(_ context.Context, o metric.Int64Observer) error {
			all := r.snmp.Counters()
			o.Observe(int64(all.Sent), sent)
			o.Observe(int64(all.Received), received)
			return nil
		}),
		r.telemetry.RegisterPanoptesSnmpDroppedPacketsCallback(func(_ context.Context, o metric.Int64Observer) error {
			all := r.snmp.Counters()
			all.Dropped[droppedOverflow] = all.Overflows
			for reason, n := range all.Dropped {
				if n > 0 {
					o.Observe(int64(n), metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reason))))
				}
			}
			return nil
		}),
		r.telemetry.RegisterPanoptesSnmpRetriesCallback(count(func(c engine.Counters) uint64 { return c.Retries })),
		r.telemetry.RegisterPanoptesSnmpUnansweredCallback(count(func(c engine.Counters) uint64 { return c.GivenUp })),
		r.telemetry.RegisterPanoptesSnmpInFlightCallback(count(func(c engine.Counters) uint64 { return uint64(c.InFlight) })),
	)
}
