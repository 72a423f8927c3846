package panoptesjsonexporter

import (
	"context"
	"encoding/json"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/exporter/panoptesjsonexporter/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// telemetry counts what becomes of groups, and explains drops. It is safe for concurrent use.
type telemetry struct {
	builder *metadata.TelemetryBuilder
	logger  *zap.Logger
	digest  *logs.Digest
	limit   int // of a message, in bytes
}

func newTelemetry(tb *metadata.TelemetryBuilder, logger *zap.Logger, limit int) *telemetry {
	return &telemetry{builder: tb, logger: logger, digest: logs.NewDigest(), limit: limit}
}

// encoded counts what came of a batch before anything was sent.
func (t *telemetry) encoded(ctx context.Context, out *encoded) {
	exporterkit.CountPoints(ctx, out.report, t.builder.PanoptesJSONPointsDegraded, t.builder.PanoptesJSONPointsDropped)
	if out.sanitised > 0 {
		t.builder.PanoptesJSONGroupsSanitised.Add(ctx, int64(out.sanitised))
	}
	if out.shared > 0 {
		t.builder.PanoptesJSONGroupsTopicShared.Add(ctx, int64(out.shared))
	}
	for reason, n := range out.dropped {
		t.builder.PanoptesJSONGroupsDropped.Add(ctx, int64(n), exporterkit.Reason(reason))
	}
}

// droppedMessage counts a group once, however many of its topics it is dropped on.
func (t *telemetry) droppedMessage(ctx context.Context, g *groupState, reason string) {
	g.open--
	if !g.dropped {
		g.dropped = true
		g.plugin.Dropped(reason)
		t.builder.PanoptesJSONGroupsDropped.Add(ctx, 1, exporterkit.Reason(reason))
	}
}

// delivered counts what Kafka took.
func (t *telemetry) delivered(ctx context.Context, groups, records, size int64) {
	t.builder.PanoptesJSONRecordsSent.Add(ctx, records)
	t.builder.PanoptesJSONBytesSent.Add(ctx, size)
	if groups > 0 {
		t.builder.PanoptesJSONGroupsSent.Add(ctx, groups)
	}
}

// explain logs why a group was dropped: of the first at once, of others of the topic that are dropped for the same reason
// in a line a minute.
func (t *telemetry) explain(f failure, reason string) {
	// Now, since the message's place in memory is used again.
	fields := append(f.message.fields(), zap.String("reason", reason), zap.Int("bytes", f.message.size()), zap.Error(f.err),
		zap.String("next", nextSteps[reason]))
	text := "Kafka does not take a metrics group: it is dropped"
	if reason == reasonTooLarge {
		fields = append(fields, zap.Int("max_message_bytes", t.limit))
		text = "A metrics group is larger than producer::max_message_bytes: it is dropped"
		if f.message.size() <= t.limit {
			text = "A metrics group is larger than the broker's message.max.bytes or the topic's max.message.bytes: it is dropped"
		}
	}
	t.digest.Note(f.message.topic.name+"\x00"+reason, func(held int) {
		if held > 0 {
			fields = append(fields, zap.Int("others", held))
		}
		t.logger.Error(text, fields...)
	})
}

// nextSteps tell the reader of the log what to do, by the reason of a drop.
var nextSteps = map[string]string{
	reasonTooLarge:      "return fewer metrics in a group, or raise producer::max_message_bytes and the topic's max.message.bytes",
	reasonUnknownTopic:  "create the topic, or let the brokers do so (auto.create.topics.enable)",
	reasonInvalidTopic:  "name the topic as Kafka allows: letters, digits, dots, underscores and dashes, 249 characters at most",
	reasonNotAuthorized: "let the exporter's user write to the topic",
	reasonRejected:      "look at the brokers' log",
}

// decode reads the group back from its JSON: only the log of a drop needs it, so that nothing is kept for it.
func (m *message) decode() *pluginsdk.MetricsGroup {
	g := &pluginsdk.MetricsGroup{}
	if json.Unmarshal(m.record.Value, g) != nil || g.Resource == nil {
		g.Resource = &pluginsdk.Resource{}
	}
	return g
}

// fields name a message's topic and group in the log.
func (m *message) fields() []zap.Field {
	g := m.decode()
	dimensions := make(map[string]string, len(g.Dimensions()))
	for _, d := range g.Dimensions() {
		dimensions[d.Name] = d.Value
	}
	return []zap.Field{
		zap.String("topic", m.topic.name),
		zap.String("resource_site", g.Resource.Site),
		zap.String("resource_id", g.Resource.ID),
		zap.String("metrics_group_type", g.Type),
		zap.Any("dimensions", dimensions),
	}
}
