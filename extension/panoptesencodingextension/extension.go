package panoptesencodingextension

import (
	"context"
	"sync"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/encoding"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesencodingextension/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/internal/group/route"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

var (
	_ encoding.MetricsMarshalerExtension   = (*encodingExtension)(nil)
	_ encoding.MetricsUnmarshalerExtension = (*encodingExtension)(nil)
	_ encoding.MetricsDecoderExtension     = (*encodingExtension)(nil)
)

// encodingExtension is Panoptes' JSON for other components. It is safe for concurrent use.
type encodingExtension struct {
	cfg       *Config
	telemetry *telemetry
	writers   sync.Pool // of *writer
	readers   sync.Pool // of *reader
}

// writer keeps its buffers and names from batch to batch.
type writer struct {
	encoder *panoptesjson.Encoder
	out     []byte
}

func newExtension(set extension.Settings, cfg *Config) (*encodingExtension, error) {
	tb, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	e := &encodingExtension{cfg: cfg, telemetry: &telemetry{builder: tb, logger: logs.WithoutStacks(set.Logger), digest: logs.NewDigest()}}
	from := exporterkit.Mapping(cfg.Rates, &cfg.ResourceDefaults, cfg.DefaultInterval)
	e.writers.New = func() any { return &writer{encoder: panoptesjson.NewEncoder(from, route.Options{})} }
	e.readers.New = func() any { return newReader(cfg) }
	return e, nil
}

// Start implements component.Component. There is nothing to start.
func (*encodingExtension) Start(context.Context, component.Host) error { return nil }

// Shutdown implements component.Component.
func (e *encodingExtension) Shutdown(context.Context) error {
	e.telemetry.digest.Stop()
	e.telemetry.builder.Shutdown()
	return nil
}

// MarshalMetrics writes the groups of md, as framing says: one a line without an end of line after the last, or an
// array. What cannot be written is counted; where that is all, the text is empty, or an empty array. There is no error.
func (e *encodingExtension) MarshalMetrics(md pmetric.Metrics) ([]byte, error) {
	w := e.writers.Get().(*writer)
	defer e.writers.Put(w)
	begin, between, end := "", "\n", ""
	if e.cfg.Framing == FramingArray {
		begin, between, end = "[", ",\n", "]"
	}
	out := append(w.out[:0], begin...)
	groups := int64(0)
	// visit returns no error, so Encode has none.
	report, _ := w.encoder.Encode(md, func(m *panoptesjson.Message) error {
		if groups++; groups > 1 {
			out = append(out, between...)
		}
		out = append(out, m.JSON...)
		return nil
	})
	w.out = append(out, end...)
	e.telemetry.written(groups, report)
	return append([]byte{}, w.out...), nil // never nil, which is a deletion to Kafka
}

// UnmarshalMetrics reads a message: one group, several, mostly one a line, or an array. What is no group is left out,
// counted and logged; it is an error where nothing else is in the message, and where the message is too large.
func (e *encodingExtension) UnmarshalMetrics(message []byte) (pmetric.Metrics, error) {
	r := e.readers.Get().(*reader)
	defer e.readers.Put(r)
	r.begin()
	r.read(message)
	md := r.end(e.telemetry)
	if r.groups == 0 && r.first != nil {
		return pmetric.NewMetrics(), r.refusal()
	}
	e.telemetry.leftOut(r)
	return md, nil
}
