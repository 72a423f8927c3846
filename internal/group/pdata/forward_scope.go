package pdata

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/group/widths"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// scopeBuilder fills one ScopeMetrics.
type scopeBuilder struct {
	builder *Builder
	prefix  string // of metric names
	units   map[string]MetricInfo
	attrs   pcommon.Map // of the scope
	out     pmetric.MetricSlice
	metrics []metricBuilder
	index   map[forwardKey]int  // of metrics, where there are many
	marks   map[uint64]lastMark // by hash of the dimensions, the last group that has them
}

type metricKey struct {
	name string
	kind pluginsdk.MetricType
}

// forwardKey tells apart what pdata keeps apart: a rate and the gauge of its name, and values of different units.
type forwardKey struct {
	metricKey
	unit string // the metric's own
	rate bool
}

type metricBuilder struct {
	key    forwardKey
	points pmetric.NumberDataPointSlice
	// width is that of all points; 0 where it is not known, or not the same.
	width uint8
}

// newScope begins a ScopeMetrics for the points of b.kept.
func (b *Builder) newScope(out pmetric.ScopeMetrics, key scopeKey) *scopeBuilder {
	out.Scope().SetName(b.join(attrs.ScopePrefix, key.Plugin))
	a := out.Scope().Attributes()
	a.EnsureCapacity(6)
	a.PutStr(attrs.GroupType, key.groupType)
	a.PutInt(attrs.GroupInterval, int64(key.interval))
	if key.Name != "" {
		a.PutStr(attrs.PluginName, key.Name)
	}
	if key.Transforms != "" {
		a.PutStr(attrs.PluginTransforms, key.Transforms)
	}
	if key.Topics != "" {
		a.PutStr(attrs.PluginTopics, key.Topics)
	}
	prefix := ""
	if key.PlainNames {
		a.PutBool(attrs.GroupPlainNames, true)
	} else {
		prefix = b.join(key.groupType, ".")
	}
	var sb *scopeBuilder
	if last := len(b.free) - 1; last >= 0 {
		sb, b.free = b.free[last], b.free[:last]
	} else {
		sb = &scopeBuilder{builder: b, marks: map[uint64]lastMark{}}
	}
	sb.prefix, sb.out, sb.attrs, sb.units = prefix, out.Metrics(), a, key.Units.of(key.groupType)
	sb.out.EnsureCapacity(len(b.kept))
	b.used = append(b.used, sb)
	return sb
}

// Large scopes are not worth keeping for small ones.
const maxReused = 1024

// reset prepares s for another use, and says whether that is worth it.
func (s *scopeBuilder) reset() bool {
	if len(s.metrics) > maxReused || len(s.marks) > maxReused {
		return false
	}
	clear(s.metrics)
	clear(s.marks)
	s.prefix, s.units, s.attrs, s.out, s.metrics, s.index = "", nil, pcommon.Map{}, pmetric.MetricSlice{}, s.metrics[:0], nil
	return true
}

// writeWidths tells how wide the counters of the scope are, as far as it is known.
func (s *scopeBuilder) writeWidths() {
	b := s.builder
	b.text = b.text[:0]
	for i := range s.metrics {
		if m := &s.metrics[i]; m.width != 0 {
			b.text = widths.Append(b.text, m.key.name, m.width)
		}
	}
	if len(b.text) > 0 {
		s.attrs.PutStr(attrs.CounterWidths, b.intern(b.text))
	}
}

// add writes one point. Groups of one type mostly have the same metrics in the same order, so the metric at the same
// position is tried first.
func (s *scopeBuilder) add(position int, p *point, g *pluginsdk.MetricsGroup) {
	key := forwardKey{metricKey{p.metric.Name, p.metric.Type}, p.metric.Unit, p.rate}
	if position >= len(s.metrics) || s.metrics[position].key != key {
		position = s.metric(key, p.metric)
	}
	mb := &s.metrics[position]
	if mb.width != p.metric.Width {
		mb.width = 0
	}
	out := mb.points.AppendEmpty()
	out.SetTimestamp(p.time)
	if key.kind == pluginsdk.Counter && !g.CountersSince.IsZero() {
		if since := pcommon.NewTimestampFromTime(g.CountersSince); since < p.time {
			out.SetStartTimestamp(since)
		}
	}
	if i, fits := p.metric.Value.Int64(); fits {
		out.SetIntValue(i)
	} else {
		out.SetDoubleValue(p.metric.Value.Float64())
	}
	putDimensions(out.Attributes(), g.Dimensions())
}

// putDimensions sets attributes that are empty. The dimensions of a group have different names.
func putDimensions(a pcommon.Map, dimensions []pluginsdk.Dimension) {
	if len(dimensions) > indexFrom { // each PutStr looks through all that are there
		raw := make(map[string]any, len(dimensions))
		for _, d := range dimensions {
			raw[d.Name] = d.Value
		}
		_ = a.FromRaw(raw) // texts
		return
	}
	a.EnsureCapacity(len(dimensions))
	for _, d := range dimensions {
		a.PutStr(d.Name, d.Value)
	}
}

// metric returns the index of the metric of that name, kind and unit, which it makes where there is none, with the unit
// and description that the metric has itself or else that the plugin says it has.
func (s *scopeBuilder) metric(key forwardKey, first *pluginsdk.Metric) int {
	if i := s.find(key); i >= 0 {
		return i
	}
	m := s.out.AppendEmpty()
	name, unit, description := key.name, key.unit, first.Description
	if key.rate {
		name = s.builder.join(name, attrs.RateSuffix)
		unit = attrs.RateUnit
	} else if info, ok := s.units[name]; ok {
		if unit == "" {
			unit = info.Unit
		}
		if description == "" {
			description = info.Description
		}
	}
	m.SetDescription(description)
	m.SetUnit(unit)
	m.SetName(s.builder.join(s.prefix, name))
	mb := metricBuilder{key: key, width: first.Width}
	if key.kind == pluginsdk.Counter {
		sum := m.SetEmptySum()
		sum.SetIsMonotonic(true)
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		mb.points = sum.DataPoints()
	} else {
		mb.points = m.SetEmptyGauge().DataPoints()
	}
	if len(s.marks) == 1 {
		mb.points.EnsureCapacity(s.builder.room())
	}
	s.metrics = append(s.metrics, mb)
	if s.index != nil {
		s.index[key] = len(s.metrics) - 1
	}
	return len(s.metrics) - 1
}

// indexFrom is the number of metrics or dimensions from which on looking through them all would cost more than an index.
const indexFrom = 32

// find returns the index of the metric of that key, or -1.
func (s *scopeBuilder) find(key forwardKey) int {
	if len(s.metrics) < indexFrom {
		for i := range s.metrics {
			if s.metrics[i].key == key {
				return i
			}
		}
		return -1
	}
	if s.index == nil {
		s.index = make(map[forwardKey]int, 2*len(s.metrics))
		for i := range s.metrics {
			s.index[s.metrics[i].key] = i
		}
	}
	if i, ok := s.index[key]; ok {
		return i
	}
	return -1
}
