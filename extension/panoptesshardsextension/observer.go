package panoptesshardsextension

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/group"
)

// observer counts what a group does.
type observer struct{ extension *shardsExtension }

var _ group.Observer = (*observer)(nil)

// set is an attribute of whatever is measured.
type set interface {
	metric.MeasurementOption
	metric.ObserveOption
}

func with(key, value string) set {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String(key, value)))
}

var (
	given = with("direction", "given")
	taken = with("direction", "taken")
)

func (o *observer) Moved(reason string, shards int) {
	o.extension.telemetry.PanoptesShardsMoved.Add(context.Background(), int64(shards), with("reason", reason))
}

func (o *observer) Refused(reason string) {
	o.extension.telemetry.PanoptesShardsStatesRefused.Add(context.Background(), 1, with("reason", reason))
}

func (o *observer) Given(took time.Duration, items int) { o.moved(given, took, items) }

func (o *observer) Took(took time.Duration, items int) { o.moved(taken, took, items) }

func (o *observer) moved(direction metric.MeasurementOption, took time.Duration, items int) {
	o.extension.telemetry.PanoptesShardsHandoverDuration.Record(context.Background(), took.Seconds(), direction)
	o.extension.telemetry.PanoptesShardsHandoverItems.Add(context.Background(), int64(items), direction)
}

func (o *observer) Unowned(d time.Duration) {
	o.extension.telemetry.PanoptesShardsUnownedDuration.Record(context.Background(), d.Seconds())
}

func (o *observer) Health(err error) { o.extension.health(err) }
