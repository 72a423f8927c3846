package panoptesencodingextension

import (
	"errors"
	"fmt"
	"io"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/encoding"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/lines"
)

// streamDecoder reads a stream line by line: each line holds what a message can hold. It is not safe for concurrent use.
type streamDecoder struct {
	extension *encodingExtension
	reader    *reader
	lines     *lines.Lines
	options   encoding.DecoderOptions
	start     int64 // offset of the first line
	offset    int64
	groups    int64 // of all batches
	err       error // ends the stream after the batch at hand
}

// readAhead is the size of a stream's buffer.
const readAhead = 64 << 10

// NewMetricsDecoder returns a decoder of a stream of lines, of which each is read as UnmarshalMetrics reads a message.
// Offsets are bytes; a decoder that begins at one leaves out what is before it in the stream. A batch is complete when
// it has read FlushBytes or FlushItems data points. What is no group is left out, counted and logged. It is an error
// only where nothing else is in the whole stream: then it comes in the place of the first io.EOF.
func (e *encodingExtension) NewMetricsDecoder(in io.Reader, options ...encoding.DecoderOption) (encoding.MetricsDecoder, error) {
	o := encoding.NewDecoderOptions(options...)
	if o.Offset < 0 {
		return nil, fmt.Errorf("offset of a stream must not be negative, is %d", o.Offset)
	}
	if n, err := io.CopyN(io.Discard, in, o.Offset); err != nil {
		return nil, fmt.Errorf("go to offset %d of a stream: at %d: %w", o.Offset, n, err)
	}
	return &streamDecoder{
		extension: e, reader: newReader(e.cfg), lines: lines.New(in, e.cfg.MaxMessageBytes, readAhead), options: o,
		start: o.Offset, offset: o.Offset,
	}, nil
}

// Offset implements encoding.MetricsDecoder.
func (d *streamDecoder) Offset() int64 { return d.offset }

// DecodeMetrics implements encoding.MetricsDecoder. An error of the stream comes after what was read before it.
func (d *streamDecoder) DecodeMetrics() (pmetric.Metrics, error) {
	r, begin := d.reader, d.lines.Offset
	r.begin()
	for d.err == nil && (r.groups == 0 || !d.full(begin)) {
		d.line()
	}
	md := r.end(d.extension.telemetry)
	d.offset = d.start + d.lines.Offset
	d.groups += r.groups
	if d.groups == 0 && r.first != nil && errors.Is(d.err, io.EOF) {
		return md, r.refusal()
	}
	d.extension.telemetry.leftOut(r)
	if r.groups > 0 {
		return md, nil
	}
	return md, d.err
}

// full says whether the batch that begins at an offset is to be handed out.
func (d *streamDecoder) full(begin int64) bool {
	o := &d.options
	return o.FlushBytes > 0 && d.lines.Offset-begin >= o.FlushBytes ||
		o.FlushItems > 0 && int64(d.reader.builder.Points()) >= o.FlushItems
}

// line reads a line into the batch.
func (d *streamDecoder) line() {
	line, err := d.lines.Next()
	d.reader.line = d.lines.Number
	var tooLong lines.TooLongError
	switch {
	case errors.As(err, &tooLong):
		d.reader.drop(tooLarge, err, nil)
	case err != nil:
		d.err = err
	default:
		d.reader.read(line)
	}
}
