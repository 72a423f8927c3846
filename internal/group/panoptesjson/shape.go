package panoptesjson

import (
	"hash/maphash"
	"strconv"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/group/influx"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

var hashSeed = maphash.MakeSeed()

// shape is what is known of groups of one type: the names they had so far, and the JSON around them. A name is looked
// for first at the position where the last scope had it.
type shape struct {
	groupType string
	names     *int // how many names all shapes of the encoder hold
	interval  int64
	head      []byte // all up to the group's time

	measurement []byte
	ranking     ranking

	metrics     map[metricName]*metric
	metricOrder []*metric
	slots       map[slotName]*uint64 // the scope that had a metric of this name and kind last

	dimensions     map[string]*dimension
	dimensionOrder []*dimension
}

// metricName is how pdata names a metric: "<type>.<name>", where gauges may have the suffix of rates.
type metricName struct {
	full  string
	gauge bool
}

// slotName is how JSON names it: there a rate is a gauge of its counter's name.
type slotName struct {
	name  string
	gauge bool
}

type metric struct {
	metricName
	name  string // as JSON has it
	rate  bool
	valid bool
	lead  []byte  // from the metric's time to its value
	field []byte  // of a line, up to its value
	seen  *uint64 // shared with metrics of the same name and kind
}

type dimension struct {
	name  string
	valid bool
	hash  uint64
	lead  []byte // all up to the value
	seen  uint64 // the group that had it last
}

func newShape(groupType string, names *int) *shape {
	return &shape{
		groupType:   strings.Clone(groupType),
		names:       names,
		measurement: influx.AppendMeasurement(nil, groupType),
		metrics:     map[metricName]*metric{},
		slots:       map[slotName]*uint64{},
		dimensions:  map[string]*dimension{},
	}
}

func (s *shape) setInterval(seconds int64) {
	if s.interval == seconds {
		return
	}
	s.interval = seconds
	b := pyjson.AppendString(append(s.head[:0], `{"metrics_group_type": `...), s.groupType)
	b = append(b, `, "metrics_group_interval": `...)
	b = strconv.AppendInt(b, seconds, 10)
	s.head = append(b, `, "metrics_group_creation_timestamp": `...)
}

// metric returns what is known of a metric's name, or nil where the name cannot be kept. When there are too many names
// all are forgotten, and with them which ones the scope had already: that scope goes through package mapping too.
func (s *shape) metric(position int, full string, gauge bool) *metric {
	if position < len(s.metricOrder) {
		if m := s.metricOrder[position]; m.full == full && m.gauge == gauge {
			return m
		}
	}
	m, ok := s.metrics[metricName{full, gauge}]
	if !ok {
		if len(full) > maxNameLength {
			return nil
		}
		if len(s.metrics) >= maxNames {
			*s.names -= len(s.metrics)
			clear(s.metrics)
			clear(s.slots)
			s.metricOrder = s.metricOrder[:0]
			return nil
		}
		*s.names++
		m = s.newMetric(full, gauge)
		s.metrics[m.metricName] = m
	}
	switch {
	case position < len(s.metricOrder):
		s.metricOrder[position] = m
	case position == len(s.metricOrder):
		s.metricOrder = append(s.metricOrder, m)
	}
	return m
}

func (s *shape) newMetric(full string, gauge bool) *metric {
	m := &metric{metricName: metricName{strings.Clone(full), gauge}}
	name, ok := strings.CutPrefix(m.full, s.groupType)
	if !ok || len(name) < 2 || name[0] != '.' {
		return m
	}
	name = name[1:]
	if base, isRate := strings.CutSuffix(name, attrs.RateSuffix); isRate && gauge && base != "" {
		name, m.rate = base, true
	}
	if !pluginsdk.ValidName(name) {
		return m
	}
	m.valid, m.name = true, name
	m.lead = append(pyjson.AppendString([]byte(`, "metric_name": `), name), `, "metric_value": `...)
	kind := pluginsdk.Counter
	if gauge {
		kind = pluginsdk.Gauge
	}
	m.field = []byte(name + influx.FieldSeparator + kind.String() + "=")
	slot := slotName{name, gauge}
	if m.seen, ok = s.slots[slot]; !ok {
		m.seen = new(uint64)
		s.slots[slot] = m.seen
	}
	return m
}

// dimension is the same for a dimension's name.
func (s *shape) dimension(position int, name string) *dimension {
	if position < len(s.dimensionOrder) && s.dimensionOrder[position].name == name {
		return s.dimensionOrder[position]
	}
	d, ok := s.dimensions[name]
	if !ok {
		if len(name) > maxNameLength {
			return nil
		}
		if len(s.dimensions) >= maxNames {
			*s.names -= len(s.dimensions)
			clear(s.dimensions)
			s.dimensionOrder = s.dimensionOrder[:0]
			return nil
		}
		*s.names++
		d = &dimension{name: strings.Clone(name), valid: pluginsdk.ValidName(name), hash: maphash.String(hashSeed, name)}
		d.lead = append(pyjson.AppendString([]byte(`{"dimension_name": `), name), `, "dimension_value": `...)
		s.dimensions[d.name] = d
	}
	switch {
	case position < len(s.dimensionOrder):
		s.dimensionOrder[position] = d
	case position == len(s.dimensionOrder):
		s.dimensionOrder = append(s.dimensionOrder, d)
	}
	return d
}
