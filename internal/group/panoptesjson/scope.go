package panoptesjson

import (
	"hash/maphash"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
)

// scope is the scope at hand: what it says of its groups, then its points gathered into groups, before anything of it
// is written. It holds no part of a scope that it could not read whole.
type scope struct {
	doubleRates bool

	shapes map[string]*shape
	names  int // in all shapes
	shape  *shape
	name   string
	topics string

	scopes  uint64 // counts scopes
	group   uint64 // counts groups
	metrics []*metric
	points  []point
	groups  []group
	pairs   []pair
	// table finds groups by the hash of their dimensions: open addressing, index + 1. It is built when points do not
	// come in the order of the groups, and for more than one group.
	table  []uint32
	hashed int // how many groups are in it
}

// point is a data point. Those of a group are linked, in the order of metrics.
type point struct {
	bits   uint64 // of an int64 or a double
	at     uint64 // nanoseconds
	next   uint32
	metric uint32 // index*2, +1 for a double
}

type group struct {
	earliest    uint64
	hash        uint64
	first, last uint32 // points
	pairs, end  uint32 // dimensions
}

type pair struct {
	*dimension
	key, value string // as pdata has them
}

// read reads a scope, and says whether it is one that needs no change and has each metric once for the same attributes.
func (s *scope) read(sm pmetric.ScopeMetrics) bool {
	s.scopes++
	s.metrics, s.points, s.groups, s.pairs = s.metrics[:0], s.points[:0], s.groups[:0], s.pairs[:0]
	s.hashed = 0
	if !s.readHead(sm.Scope()) {
		return false
	}
	metrics := sm.Metrics()
	for i := range metrics.Len() {
		if !s.readMetric(i, metrics.At(i)) {
			return false
		}
	}
	return true
}

func (s *scope) readHead(in pcommon.InstrumentationScope) bool {
	var groupType string
	var interval int64
	var hasType, hasInterval, hasTopics bool
	s.name, s.topics = in.Name(), ""
	for k, v := range in.Attributes().All() {
		var again bool
		switch k {
		case attrs.GroupType:
			groupType, again, hasType = v.Str(), hasType, true
		case attrs.GroupInterval:
			interval, again, hasInterval = v.Int(), hasInterval, true
		case attrs.PluginTopics:
			s.topics, again, hasTopics = v.Str(), hasTopics || v.Str() == "", true
		}
		if again {
			return false
		}
	}
	if groupType == "" || interval <= 0 || interval > math.MaxInt32 {
		return false
	}
	if s.shape == nil || s.shape.groupType != groupType {
		s.setShape(groupType)
	}
	s.shape.setInterval(interval)
	return true
}

func (s *scope) setShape(groupType string) {
	shape, ok := s.shapes[groupType]
	if !ok {
		if s.names > maxAllNames || len(s.shapes) >= maxNames {
			clear(s.shapes)
			s.names = 0
		}
		shape = newShape(groupType, &s.names)
		s.shapes[shape.groupType] = shape
	}
	s.shape = shape
}

func (s *scope) readMetric(position int, m pmetric.Metric) bool {
	var points pmetric.NumberDataPointSlice
	gauge := false
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		points, gauge = m.Gauge().DataPoints(), true
	case pmetric.MetricTypeSum:
		sum := m.Sum()
		if !sum.IsMonotonic() || sum.AggregationTemporality() != pmetric.AggregationTemporalityCumulative {
			return false
		}
		points = sum.DataPoints()
	case pmetric.MetricTypeEmpty:
		return true
	default:
		return false
	}
	if points.Len() == 0 {
		return true
	}
	known := s.shape.metric(position, m.Name(), gauge)
	if known == nil || !known.valid || *known.seen == s.scopes {
		return false
	}
	*known.seen = s.scopes
	s.metrics = append(s.metrics, known)
	return s.readPoints(points, known.rate && !s.doubleRates)
}

// readPoints adds the points of the last metric. Points of most metrics come in the order of the groups, so the next
// group is the first to be tried.
func (s *scope) readPoints(points pmetric.NumberDataPointSlice, truncate bool) bool {
	before := uint32(len(s.points))
	next := 0
	for i := range points.Len() {
		in := points.At(i)
		p := point{at: uint64(in.Timestamp()), metric: uint32(len(s.metrics)-1) * 2}
		if !pdata.HasTime(in.Timestamp()) || in.Flags().NoRecordedValue() || !p.setValue(in, truncate) {
			return false
		}
		a := in.Attributes()
		if next >= len(s.groups) || !s.matches(&s.groups[next], a) {
			if next = s.find(a); next < 0 {
				return false
			}
		}
		g := &s.groups[next]
		next++
		index := uint32(len(s.points))
		switch {
		case g.last == math.MaxUint32: // a new group
			g.first = index
		case g.last >= before: // the metric's second point in it
			return false
		default:
			s.points[g.last].next = index
		}
		g.last = index
		g.earliest = min(g.earliest, p.at)
		s.points = append(s.points, p)
	}
	return true
}

// setValue reads a point's value, and says whether it has one that JSON can hold.
func (p *point) setValue(in pmetric.NumberDataPoint, truncate bool) bool {
	switch in.ValueType() {
	case pmetric.NumberDataPointValueTypeInt:
		p.bits = uint64(in.IntValue())
	case pmetric.NumberDataPointValueTypeDouble:
		d := in.DoubleValue()
		if truncate {
			if !(d > math.MinInt64 && d < math.MaxInt64) {
				return false
			}
			p.bits = uint64(int64(d))
			return true
		}
		if d-d != 0 { // NaN and the infinities
			return false
		}
		p.bits = math.Float64bits(d)
		p.metric++
	default:
		return false
	}
	return true
}

// matches says whether a group has these attributes, in this order.
func (s *scope) matches(g *group, a pcommon.Map) bool {
	pairs := s.pairs[g.pairs:g.end]
	if a.Len() != len(pairs) {
		return false
	}
	i := 0
	for k, v := range a.All() {
		if p := &pairs[i]; p.key != k || p.value != v.Str() {
			return false
		}
		i++
	}
	return true
}

// equals says whether a group has these attributes, in whatever order. The group's names are all different, so as
// many attributes that it has all are the same ones.
func (s *scope) equals(g *group, a pcommon.Map) bool {
	pairs := s.pairs[g.pairs:g.end]
	if a.Len() != len(pairs) {
		return false
	}
	for i := range pairs {
		v, ok := a.Get(pairs[i].key)
		if !ok || pairs[i].value != v.Str() {
			return false
		}
	}
	return true
}

// find returns the index of the group of these attributes, which it opens where there is none, or -1 where an attribute
// needs a change to become a dimension.
func (s *scope) find(a pcommon.Map) int {
	if len(s.groups) == 0 {
		return s.open(a, 0)
	}
	for s.hashed < len(s.groups) {
		g := &s.groups[s.hashed]
		g.hash = 0
		for i := range s.pairs[g.pairs:g.end] {
			g.hash += hashPair(s.pairs[int(g.pairs)+i].hash, s.pairs[int(g.pairs)+i].value)
		}
		s.enter(s.hashed)
	}
	var hash uint64
	i := 0
	for k, v := range a.All() {
		d := s.shape.dimension(i, k)
		if d == nil {
			return -1
		}
		hash += hashPair(d.hash, v.Str())
		i++
	}
	mask := uint64(len(s.table) - 1)
	for at := hash & mask; s.table[at] != 0; at = (at + 1) & mask {
		if g := &s.groups[s.table[at]-1]; g.hash == hash && s.equals(g, a) {
			return int(s.table[at] - 1)
		}
	}
	index := s.open(a, hash)
	if index >= 0 {
		s.enter(index)
	}
	return index
}

// hashPair mixes a name's hash with its value, so that a sum of them does not tell their order.
func hashPair(name uint64, value string) uint64 {
	h := (name ^ maphash.String(hashSeed, value)) * 0x9e3779b97f4a7c15
	return h ^ h>>32
}

// enter puts a group into the table, which it makes anew when more than half of it is full.
func (s *scope) enter(index int) {
	if index == 0 {
		clear(s.table)
	}
	if (index+1)*2 > len(s.table) {
		s.table = make([]uint32, max(128, len(s.table)*2))
		index = 0
	}
	last := s.hashed
	mask := uint64(len(s.table) - 1)
	for ; index <= last; index++ {
		at := s.groups[index].hash & mask
		for s.table[at] != 0 {
			at = (at + 1) & mask
		}
		s.table[at] = uint32(index + 1)
	}
	s.hashed = last + 1
}

func (s *scope) open(a pcommon.Map, hash uint64) int {
	s.group++
	first := uint32(len(s.pairs))
	i := 0
	for k, v := range a.All() {
		d := s.shape.dimension(i, k)
		text := v.Str()
		if d == nil || !d.valid || d.seen == s.group || text == "" {
			return -1
		}
		d.seen = s.group
		s.pairs = append(s.pairs, pair{d, k, text})
		i++
	}
	s.groups = append(s.groups, group{
		earliest: math.MaxUint64, hash: hash, last: math.MaxUint32, pairs: first, end: uint32(len(s.pairs)),
	})
	return len(s.groups) - 1
}
