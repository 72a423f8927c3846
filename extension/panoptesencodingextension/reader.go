package panoptesencodingextension

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
)

// scopeOfJSON is the scope of what is read: JSON does not tell which plugin made a group.
var scopeOfJSON = pdata.Scope{Plugin: "encoding"}

// reader reads texts into metrics. It is not safe for concurrent use.
type reader struct {
	decoder *panoptesjson.Decoder
	builder *pdata.Builder

	line    int // of a stream; 0 in a message
	groups  int64
	dropped [len(dropReasons)]int64
	first   error // about the first that is no group
}

func newReader(cfg *Config) *reader {
	return &reader{
		decoder: panoptesjson.NewDecoder(panoptesjson.DecoderOptions{MaxBytes: cfg.MaxMessageBytes}),
		builder: pdata.NewBuilder(pdata.Options{ServiceIdentity: cfg.ServiceIdentity, Rates: true}),
	}
}

func (r *reader) begin() { r.groups, r.dropped, r.first = 0, [len(dropReasons)]int64{}, nil }

// read adds the groups of a text.
func (r *reader) read(text []byte) {
	err := r.decoder.DecodeAll(text, func(p panoptesjson.Part) error {
		switch {
		case p.Err == nil:
			r.groups++
			r.builder.Add(scopeOfJSON, p.Group)
		case p.Broken:
			r.drop(malformed, p.Err, &p)
		default:
			r.drop(invalid, p.Err, &p)
		}
		return nil
	})
	if err != nil {
		r.drop(tooLarge, err, nil)
	}
}

// drop counts what is no group. The first one is described: where it is, its type and field, and the rule it breaks.
func (r *reader) drop(reason int, err error, p *panoptesjson.Part) {
	r.dropped[reason]++
	if r.first != nil {
		return
	}
	if p != nil {
		if t := panoptesjson.GroupType(p.Text); t != "" {
			err = fmt.Errorf("type %.100q: %w", t, err)
		}
		err = fmt.Errorf("group %d: %w", p.Index, err)
	} else {
		err = fmt.Errorf("max_message_bytes: %w", err)
	}
	if r.line > 0 {
		err = fmt.Errorf("line %d: %w", r.line, err)
	}
	r.first = err
}

func (r *reader) bad() (n int64) {
	for _, d := range r.dropped {
		n += d
	}
	return n
}

// end counts what was read since begin, and returns it.
func (r *reader) end(t *telemetry) pmetric.Metrics {
	md := r.builder.Take()
	t.read(r, r.builder.Dropped())
	return md
}

// refusal is the error about a text in which there is no group but other things.
func (r *reader) refusal() error {
	if n := r.bad(); n > 1 {
		return fmt.Errorf("none of %d is a metrics group: %w", n, r.first)
	}
	return r.first
}
