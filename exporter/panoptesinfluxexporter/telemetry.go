package panoptesinfluxexporter

import (
	"context"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/exporter/panoptesinfluxexporter/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

// telemetry counts what becomes of groups, and explains drops. It is safe for concurrent use.
type telemetry struct {
	builder *metadata.TelemetryBuilder
	logger  *zap.Logger
	hourly  *logs.Hourly
	plugins *exporterkit.Plugins // set by start
}

func newTelemetry(tb *metadata.TelemetryBuilder, logger *zap.Logger) *telemetry {
	return &telemetry{builder: tb, logger: logger, hourly: logs.NewHourly()}
}

// settled counts what became of a batch.
func (t *telemetry) settled(ctx context.Context, report pdata.Report, a *attempt) {
	exporterkit.CountPoints(ctx, report, t.builder.PanoptesInfluxPointsDegraded, t.builder.PanoptesInfluxPointsDropped)
	for reason, n := range a.dropped {
		if n > 0 {
			t.plugins.DroppedSome(reason, n)
			t.builder.PanoptesInfluxGroupsDropped.Add(ctx, int64(n), exporterkit.Reason(reason))
		}
	}
	if a.sent > 0 {
		for plugin, n := range a.came { // InfluxDB does not say of which points it dropped some
			t.plugins.Of(plugin).Sent(n)
		}
		t.builder.PanoptesInfluxGroupsSent.Add(ctx, int64(a.sent))
		t.builder.PanoptesInfluxBytesSent.Add(ctx, int64(a.bytes))
	}
}

// noLine logs, once an hour for a resource and type, that a group has no line.
func (t *telemetry) noLine(m *panoptesjson.Message) {
	if t.hourly.First(reasonBackslash + "\x00" + m.ResourceID + "\x00" + m.GroupType) {
		t.logger.Error("A metrics group cannot be written to InfluxDB: it is dropped", zap.String("reason", reasonBackslash),
			zap.String("plugin", m.Plugin), zap.String("resource_id", m.ResourceID), zap.String("metrics_group_type", m.GroupType),
			zap.Error(m.Err))
	}
}

// refused logs, once an hour for a reason, that InfluxDB dropped some points of a request. Of requests that it refuses as a whole
// exporterhelper logs each.
func (t *telemetry) refused(v verdict) {
	if v.whole || !t.hourly.First(v.reason) {
		return
	}
	t.logger.Error("InfluxDB does not take some metrics groups: they are dropped, the others of the request are written",
		zap.String("reason", v.reason), zap.Int("dropped", v.dropped), zap.Error(v.err))
}
