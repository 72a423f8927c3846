package pdata

import (
	"hash/maphash"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Scope is what is known of the plugin that made a group.
type Scope struct {
	// Plugin is the plugin's normalized name.
	Plugin string
	// Name is the plugin's name as its file gives it; "" where that is Plugin.
	Name string
	// Transforms is the text of its [transforms], one "K = rate:T:names" a line; "" where it has none.
	Transforms string
	// Topics is the text of its [topics] processed; "" where it has none.
	Topics string
	// Units are what is known of its metrics beyond their values; nil where nothing is. Two scopes are the same only
	// with the very same Units.
	Units *Units
	// PlainNames leaves the group's type out of the names of metrics, for dashboards that know them without it.
	PlainNames bool
}

// Units are the units and descriptions of metrics by the group's type and the metric's name.
type Units map[string]map[string]MetricInfo

// MetricInfo is what is known of a metric.
type MetricInfo struct{ Unit, Description string }

// of returns what is known of the metrics of a group.
func (u *Units) of(groupType string) map[string]MetricInfo {
	if u == nil {
		return nil
	}
	return (*u)[groupType]
}

// Options are the settings of a Builder.
type Options struct {
	// ServiceIdentity adds service.namespace, service.name and service.instance.id to each resource.
	ServiceIdentity bool
	// Rates says that the groups come from Panoptes' JSON, in which a rate is a gauge with the name of its counter: a gauge
	// with a counter beside it becomes a rate. A plugin's own gauge can have such a name too, which JSON does not tell apart.
	Rates bool
}

// Builder joins metrics groups into pdata: one ResourceMetrics a resource, one ScopeMetrics a scope, group type and
// interval, one Metric a name and kind, one data point a group and metric. It is not safe for concurrent use.
type Builder struct {
	opts   Options
	md     pmetric.Metrics
	points int
	tally  tally

	resources map[string]int // by resourceKey, index into md
	scopes    map[scopeKey]*scopeBuilder
	used      []*scopeBuilder // of md
	free      []*scopeBuilder // of earlier ones
	names     map[[2]string]string
	lastKey   scopeKey
	last      *scopeBuilder
	key       []byte                    // reused for resourceKey
	kept      []point                   // reused for the group that is being added
	counters  map[string]struct{}       // reused for its counters
	text      []byte                    // reused for widths
	coming    []*pluginsdk.MetricsGroup // the one that is being added, and those after it, as far as they are known
}

type scopeKey struct {
	Scope
	resource  int
	groupType string
	interval  int
}

// point is a metric that has a form in pdata.
type point struct {
	metric *pluginsdk.Metric
	time   pcommon.Timestamp
	rate   bool
}

// NewBuilder returns an empty Builder.
func NewBuilder(opts Options) *Builder {
	return &Builder{
		opts:      opts,
		md:        pmetric.NewMetrics(),
		resources: map[string]int{},
		scopes:    map[scopeKey]*scopeBuilder{},
		names:     map[[2]string]string{},
		counters:  map[string]struct{}{},
	}
}

// Add adds a group and returns the number of data points it became. Values that pdata cannot hold are dropped, see
// Dropped; a group without any value left adds nothing. The group may be used again afterwards.
func (b *Builder) Add(s Scope, g *pluginsdk.MetricsGroup) (points int) {
	b.keep(g)
	if len(b.kept) == 0 {
		return 0
	}
	sb := b.scope(s, g)
	for i := range b.kept {
		sb.add(i, &b.kept[i], g)
	}
	b.points += len(b.kept)
	return len(b.kept)
}

// AddFirst adds the first of some groups, as Add does. Those that are to follow tell how much room its metrics need.
func (b *Builder) AddFirst(s Scope, groups []*pluginsdk.MetricsGroup) (points int) {
	b.coming = groups
	points = b.Add(s, groups[0])
	b.coming = nil
	return points
}

// mostRoom bounds the data points that room is made for before they come: a group may have any number of metrics.
const mostRoom = 64

// room is for how many data points room is made in the metrics of a scope's first group.
func (b *Builder) room() (n int) {
	for n < min(len(b.coming), mostRoom) && b.coming[n].Type == b.coming[0].Type {
		n++
	}
	return n
}

// keep fills b.kept with the metrics of g that have a form in pdata, and counts the others.
func (b *Builder) keep(g *pluginsdk.MetricsGroup) {
	b.kept = b.kept[:0]
	metrics := g.Metrics()
	clear(b.counters)
	for i := range metrics {
		if b.opts.Rates && metrics[i].Type == pluginsdk.Counter {
			b.counters[metrics[i].Name] = struct{}{}
		}
	}
	var at pcommon.Timestamp
	ok := false
	for i := range metrics {
		m := &metrics[i]
		if i == 0 || m.Timestamp != metrics[i-1].Timestamp {
			at, ok = pdataTime(m.Timestamp)
		}
		if !m.Value.IsFinite() {
			b.tally.add(notFinite, 1)
			continue
		}
		if !ok {
			b.tally.add(timestampRange, 1)
			continue
		}
		p := point{metric: m, time: at}
		if len(b.counters) > 0 && m.Type == pluginsdk.Gauge {
			_, p.rate = b.counters[m.Name]
		}
		b.kept = append(b.kept, p)
		if _, fits := m.Value.Int64(); !fits && m.Value.IsInt() {
			b.tally.add(integerRange, 1)
		}
	}
}

// scope returns where the points of b.kept go. A group whose dimensions the scope has already goes beside the earlier
// one only where the way back tells the two apart for sure; otherwise it opens another ScopeMetrics of the same name
// and attributes.
func (b *Builder) scope(s Scope, g *pluginsdk.MetricsGroup) *scopeBuilder {
	key := scopeKey{s, b.resource(g.Resource), g.Type, g.Interval}
	sb := b.last
	if sb == nil || b.lastKey != key {
		sb = b.scopes[key]
	}
	mark := markOf(b.kept)
	dimensions := hashDimensions(g.Dimensions())
	if sb == nil || !sb.takes(dimensions, mark) {
		sb = b.newScope(b.md.ResourceMetrics().At(key.resource).ScopeMetrics().AppendEmpty(), key)
		b.scopes[key] = sb
	}
	sb.marks[dimensions] = mark
	b.lastKey, b.last = key, sb
	return sb
}

// Points is the number of data points since the last Take.
func (b *Builder) Points() int { return b.points }

// Dropped returns what was dropped or degraded since the last call, and starts counting anew.
func (b *Builder) Dropped() Report {
	r := b.tally.report()
	b.tally = tally{}
	return r
}

// Take returns what was added since the last Take. The caller owns it.
func (b *Builder) Take() pmetric.Metrics {
	md := b.md
	b.md, b.points = pmetric.NewMetrics(), 0
	clear(b.resources)
	clear(b.scopes)
	b.last, b.lastKey = nil, scopeKey{}
	for _, sb := range b.used {
		sb.writeWidths()
		if sb.reset() {
			b.free = append(b.free, sb)
		}
	}
	clear(b.used)
	b.used = b.used[:0]
	return md
}

// intern returns a text that is mostly one of those before.
func (b *Builder) intern(text []byte) string {
	if kept, ok := b.names[[2]string{"", string(text)}]; ok {
		return kept
	}
	return b.join("", string(text))
}

// maxNames bounds the names that a Builder remembers.
const maxNames = 65536

// join returns a+b. It keeps the names it made: plugins give the same ones all the time.
func (b *Builder) join(first, second string) string {
	if name, ok := b.names[[2]string{first, second}]; ok {
		return name
	}
	if len(b.names) >= maxNames {
		clear(b.names)
	}
	name := first + second
	b.names[[2]string{name[:len(first)], name[len(first):]}] = name
	return name
}

// lastMark is what has to be known of a group to tell it from the next one with the same dimensions.
type lastMark struct {
	metrics     uint64 // hash of names and kinds, in order
	first, last pcommon.Timestamp
}

// takes says whether a group with these dimensions can share the ScopeMetrics: they are new to it, or the earlier
// group has the same metrics in the same order and ended before this one begins. Then each metric has one point of
// each group, in the order of the groups, and no time occurs in both. A hash that two sets of dimensions share does
// no harm: it splits where it need not.
func (s *scopeBuilder) takes(dimensions uint64, m lastMark) bool {
	earlier, ok := s.marks[dimensions]
	return !ok || earlier.metrics == m.metrics && earlier.last < m.first
}

var hashSeed = maphash.MakeSeed()

func markOf(points []point) lastMark {
	m := lastMark{first: math.MaxUint64}
	for i := range points {
		p := &points[i]
		m.metrics = m.metrics*0x9e3779b97f4a7c15 + maphash.String(hashSeed, p.metric.Name) + uint64(p.metric.Type)
		m.first, m.last = min(m.first, p.time), max(m.last, p.time)
	}
	return m
}

// hashDimensions is the same for the same dimensions in whatever order.
func hashDimensions(dimensions []pluginsdk.Dimension) uint64 {
	var sum uint64
	for _, d := range dimensions {
		sum += hashPair(d.Name, d.Value)
	}
	return sum
}

// hashPair mixes the two hashes so that neither (a, b) and (b, a) nor sums of pairs with swapped values are the same.
func hashPair(name, value string) uint64 {
	h := maphash.String(hashSeed, name)*0x9e3779b97f4a7c15 ^ maphash.String(hashSeed, value)
	h ^= h >> 32
	return h * 0xd6e8feb86659fd93
}
