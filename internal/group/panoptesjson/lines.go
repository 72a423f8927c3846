package panoptesjson

import (
	"bytes"
	"math"
	"slices"
	"strconv"

	"github.com/panoptes-otel/panoptes-otel/internal/group/influx"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
)

// tagFields are the fields of a resource that are tags, by name.
var tagFields = [...]struct {
	name string
	kind attributeKind
}{
	{"resource_class", kindClass},
	{"resource_endpoint", kindEndpoint},
	{"resource_site", kindSite},
	{"resource_subclass", kindSubclass},
	{"resource_type", kindType},
}

// lineTags are the tags that all lines of a resource have.
type lineTags struct {
	text []byte
	ends [len(tagFields)]int
	err  error
}

func (t *lineTags) write(fields *[kindPlugin + 1]string) {
	t.text, t.err = t.text[:0], nil
	for i, f := range tagFields {
		t.text = append(append(append(t.text, ','), f.name...), '=')
		var err error
		if t.text, err = influx.AppendTagValue(t.text, f.name, fields[f.kind]); err != nil {
			t.err = err
			return
		}
		t.ends[i] = len(t.text)
	}
}

// between returns the tags from one to another, which is not among them.
func (t *lineTags) between(from, to int) []byte {
	if to == 0 {
		return nil
	}
	begin := 0
	if from > 0 {
		begin = t.ends[from-1]
	}
	return t.text[begin:t.ends[to-1]]
}

// appendLine writes what influx.AppendGroup would write of the group. After an error what it wrote is rubbish.
func (e *Encoder) appendLine(b []byte, g *group) ([]byte, error) {
	s := &e.scope
	b, err := e.appendTags(append(b, s.shape.measurement...), s.pairs[g.pairs:g.end])
	if err != nil {
		return b, err
	}
	separator := byte(' ')
	for _, at := range e.ordered(g) {
		p := &s.points[at]
		b = append(append(b, separator), s.metrics[p.metric/2].field...)
		if p.metric&1 != 0 {
			b = pyjson.AppendFloat(b, math.Float64frombits(p.bits))
		} else {
			b = strconv.AppendInt(b, int64(p.bits), 10)
		}
		separator = ','
	}
	return strconv.AppendUint(append(b, ' '), roundedMillis(g.earliest)/1000, 10), nil
}

// appendTags merges the dimensions into the tags of the resource, which win over dimensions of their names.
func (e *Encoder) appendTags(b []byte, dimensions []pair) ([]byte, error) {
	tags := &e.resource.tags
	if tags.err != nil {
		return b, tags.err
	}
	done := 0
	for _, d := range e.sorted(dimensions) {
		next := done
		for next < len(tagFields) && tagFields[next].name < d.Name {
			next++
		}
		b = append(b, tags.between(done, next)...)
		if done = next; done < len(tagFields) && tagFields[done].name == d.Name {
			continue
		}
		b = append(append(append(b, ','), d.Name...), '=')
		var err error
		if b, err = influx.AppendTagValue(b, d.Name, d.Value); err != nil {
			return b, err
		}
	}
	return append(b, tags.between(done, len(tagFields))...), nil
}

// ranking is the order in which the metrics of a scope are fields of lines. Scopes of a type mostly have the same ones.
type ranking struct {
	metrics []*metric
	rank    []uint32 // of each of metrics
	sorted  bool     // they are in order
}

func (r *ranking) update(metrics []*metric) {
	if slices.Equal(r.metrics, metrics) {
		return
	}
	r.metrics = append(r.metrics[:0], metrics...)
	order := make([]uint32, len(metrics))
	for i := range order {
		order[i] = uint32(i)
	}
	byField := func(a, b uint32) int { return compareFields(metrics[a].field, metrics[b].field) }
	r.sorted = slices.IsSortedFunc(order, byField)
	slices.SortFunc(order, byField)
	r.rank = slices.Grow(r.rank[:0], len(metrics))[:len(metrics)]
	for rank, i := range order {
		r.rank[i] = uint32(rank)
	}
}

// compareFields leaves out the equals sign at the end.
func compareFields(a, b []byte) int { return bytes.Compare(a[:len(a)-1], b[:len(b)-1]) }

// ordered returns the points of a group in the order of their fields, in the encoder's scratch space. The ranking is
// that of the scope's metrics.
func (e *Encoder) ordered(g *group) []uint32 {
	s := &e.scope
	ranking := &s.shape.ranking
	out := e.order[:0]
	for at := g.first; ; at = s.points[at].next {
		out = append(out, at)
		if at == g.last {
			break
		}
	}
	e.order = out
	if !ranking.sorted {
		slices.SortFunc(out, func(a, b uint32) int {
			return int(ranking.rank[s.points[a].metric/2]) - int(ranking.rank[s.points[b].metric/2])
		})
	}
	return out
}
