package panoptesencodingextension

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesencodingextension/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

// Reasons for which something was not read as a group, as indexes of dropReasons.
const (
	invalid = iota
	malformed
	tooLarge
)

var dropReasons = [...]string{"invalid", "malformed", "too_large"}

// telemetry counts what becomes of groups and points. It is safe for concurrent use.
type telemetry struct {
	builder *metadata.TelemetryBuilder
	logger  *zap.Logger
	digest  *logs.Digest
}

// Encodings are asked without a context.
func reason(text string) (context.Context, metric.AddOption) {
	return context.Background(), metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", text)))
}

func (t *telemetry) written(groups int64, report pdata.Report) {
	t.builder.PanoptesEncodingGroupsWritten.Add(context.Background(), groups)
	t.points(report)
}

func (t *telemetry) read(r *reader, report pdata.Report) {
	t.builder.PanoptesEncodingGroupsRead.Add(context.Background(), r.groups)
	for i, n := range r.dropped {
		if n > 0 {
			ctx, attributes := reason(dropReasons[i])
			t.builder.PanoptesEncodingGroupsDropped.Add(ctx, n, attributes)
		}
	}
	t.points(report)
}

func (t *telemetry) points(report pdata.Report) {
	for r, n := range report {
		counter := t.builder.PanoptesEncodingPointsDegraded
		if r.Dropped() {
			counter = t.builder.PanoptesEncodingPointsDropped
		}
		ctx, attributes := reason(string(r))
		counter.Add(ctx, int64(n), attributes)
	}
}

// leftOut tells what was left out of a text of which other groups were read: of the first text at once, of others in a
// line a minute.
func (t *telemetry) leftOut(r *reader) {
	n := r.bad()
	if n == 0 {
		return
	}
	fields := []zap.Field{
		zap.Int64("left_out", n), zap.Int64("groups", r.groups), zap.Error(r.first),
		zap.String("next", "look at who writes there: its texts are no groups of Panoptes"),
	}
	t.digest.Note("left out", func(held int) {
		if held > 0 {
			fields = append(fields, zap.Int("others", held))
		}
		t.logger.Error("What is no metrics group was left out of a message or stream; the first is named", fields...)
	})
}
