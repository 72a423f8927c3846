package pdata

import (
	"hash/maphash"
	"maps"
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// walker gathers the groups of one scope at a time.
type walker struct {
	opts     FromOptions
	tally    tally
	resource resourceInfo
	scope    scopeInfo

	groups   []openGroup
	sets     []attributeSet
	firstSet map[uint64]int // by hash
	sources  map[sourceKey]source
}

// openGroup is a group to which points are still being added.
type openGroup struct {
	group    *pluginsdk.MetricsGroup
	earliest pcommon.Timestamp // of those that have a time
	timed    bool              // some metric has one
	timeless bool              // some metric has none
	lastID   int               // of the metric that was added last
}

// attributeSet is a set of attributes, within a group type, that points of the scope have. Most have one group.
type attributeSet struct {
	groupType  string
	attributes pcommon.Map
	index      map[string]pcommon.Value // of the attributes, where there are many
	dimensions []pluginsdk.Dimension
	reasons    reasonSet
	groups     []int
	next       int // where in groups the search for the next point begins
	nextID     int // the metric for which next is meant
	sameHash   int // the next set of the same hash, or -1
}

type sourceKey struct {
	groupType string
	metric    metricKey
}

// source is the Metric that a name and kind came from first.
type source struct {
	name string
	id   int
}

func newWalker(o FromOptions) *walker {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &walker{opts: o, firstSet: map[uint64]int{}, sources: map[sourceKey]source{}}
}

func (w *walker) beginScope(scope pcommon.InstrumentationScope) {
	w.scope = readScope(scope, w.opts.DefaultInterval)
	w.groups, w.sets = w.groups[:0], w.sets[:0]
	clear(w.firstSet)
	clear(w.sources)
}

// endScope hands the groups of the scope out. A resource without a creation time was created when its first group was.
func (w *walker) endScope(visit func(Group) error) error {
	for i := range w.groups {
		g := w.groups[i].close(w.opts.Now)
		if g.Resource.CreationTimestamp.IsZero() {
			g.Resource.CreationTimestamp = g.Timestamp
		}
		if err := visit(Group{MetricsGroup: g, Plugin: w.scope.plugin, Topics: w.scope.topics}); err != nil {
			return err
		}
	}
	return nil
}

// close returns the group with its own time, which is that of its earliest metric. Metrics without a time get it, too; where
// none has any, it is the present.
func (o *openGroup) close(now func() time.Time) *pluginsdk.MetricsGroup {
	g := o.group
	if !o.timed {
		o.earliest = pcommon.NewTimestampFromTime(now())
	}
	at := secondsOf(o.earliest)
	g.Timestamp = pluginsdk.NumberTimestamp(at)
	if !o.timeless {
		return g
	}
	out := &pluginsdk.MetricsGroup{Resource: g.Resource, Type: g.Type, Interval: g.Interval, Timestamp: g.Timestamp}
	for _, d := range g.Dimensions() {
		_ = out.AddDimension(d.Name, d.Value) // as it was added before
	}
	for _, m := range g.Metrics() {
		if m.Timestamp.Equal(pluginsdk.Float(0)) {
			m.Timestamp = at
		}
		_ = out.AddMetric(m)
	}
	return out
}

// metricRun is one Metric on its way into the groups.
type metricRun struct {
	*metricInfo
	id int
	// again: an earlier Metric of the scope had the name and kind, so lastID alone does not tell which groups have it.
	again bool
	// other: that Metric had another name before it was sanitised or lost its prefix or suffix.
	other bool
}

func (w *walker) points(full string, info *metricInfo, points pmetric.NumberDataPointSlice) {
	if points.Len() == 0 {
		return
	}
	run := metricRun{metricInfo: info}
	key := sourceKey{info.groupType, info.key}
	if first, ok := w.sources[key]; ok {
		run.id, run.again, run.other = first.id, true, first.name != full
	} else {
		run.id = len(w.sources) + 1
		w.sources[key] = source{full, run.id}
	}
	hint := 0
	for _, p := range points.All() {
		value, dropped := w.valueOf(p, info.rate)
		if dropped != 0 {
			w.tally.add(dropped, 1)
			continue
		}
		set := w.set(p.Attributes(), info.groupType, hint)
		hint = set + 1
		w.add(&run, set, p.Timestamp(), value)
	}
}

// add adds one point to the group it belongs to.
func (w *walker) add(run *metricRun, set int, at pcommon.Timestamp, value pluginsdk.Number) {
	m := pluginsdk.Metric{Name: run.key.name, Type: run.key.kind, Value: value, Timestamp: secondsOf(at)}
	s := &w.sets[set]
	g := w.choose(run, s, m.Timestamp)
	if g < 0 || w.groups[g].group.AddMetric(m) != nil {
		w.tally.add(nameCollision, 1)
		return
	}
	o := &w.groups[g]
	o.lastID = run.id
	reasons := w.resource.reasons | run.reasons | s.reasons
	if !HasTime(at) {
		reasons |= noTimestamp
		o.timeless = true
	} else {
		o.earliest, o.timed = min(o.earliest, at), true
	}
	if reasons != 0 {
		w.tally.add(reasons, 1)
	}
}

// maxSearch bounds how many groups of equal attributes are looked at for one point.
const maxSearch = 64

// choose returns the group of a set that a point belongs to: of those that lack its name and kind one with a metric of
// the very same time, otherwise the first; a new one where all have it. The search goes round from the group after
// the last one, so points in the order of the groups find theirs at once. It returns -1 where a metric of another
// name has taken this one's.
func (w *walker) choose(run *metricRun, s *attributeSet, at pluginsdk.Number) int {
	if s.nextID != run.id {
		s.nextID, s.next = run.id, 0
	}
	chosen := -1
	for n := range min(len(s.groups), maxSearch) {
		i := (s.next + n) % len(s.groups)
		o := &w.groups[s.groups[i]]
		if run.has(o) {
			if run.other {
				return -1
			}
			continue
		}
		if chosen < 0 {
			chosen = i
		}
		if len(s.groups) == 1 || hasTime(o.group, at) {
			chosen = i
			break
		}
	}
	if chosen < 0 {
		s.groups = append(s.groups, w.open(s))
		chosen = len(s.groups) - 1
	}
	s.next = (chosen + 1) % len(s.groups)
	return s.groups[chosen]
}

// has says whether a group has a metric of the run's name and kind.
func (run *metricRun) has(o *openGroup) bool {
	if o.lastID == run.id {
		return true
	}
	if run.again {
		for _, m := range o.group.Metrics() {
			if m.Name == run.key.name && m.Type == run.key.kind {
				return true
			}
		}
	}
	return false
}

func hasTime(g *pluginsdk.MetricsGroup, at pluginsdk.Number) bool {
	for _, m := range g.Metrics() {
		if m.Timestamp.Equal(at) {
			return true
		}
	}
	return false
}

// open opens a group. Its dimensions were made unique and valid in newSet.
func (w *walker) open(s *attributeSet) int {
	g := &pluginsdk.MetricsGroup{Resource: w.resource.resource, Type: s.groupType, Interval: w.scope.interval}
	for _, d := range s.dimensions {
		_ = g.AddDimension(d.Name, d.Value)
	}
	w.groups = append(w.groups, openGroup{group: g, earliest: math.MaxUint64})
	return len(w.groups) - 1
}

// set returns the index of the set of attributes a, which is most likely at the hint: metrics of one scope mostly have
// points of the same attributes in the same order.
func (w *walker) set(a pcommon.Map, groupType string, hint int) int {
	if hint < len(w.sets) && w.sets[hint].is(a, groupType) {
		return hint
	}
	h := hashAttributes(a) + maphash.String(hashSeed, groupType)
	first, ok := w.firstSet[h]
	if !ok {
		first = -1
	}
	for i := first; i >= 0; i = w.sets[i].sameHash {
		if w.sets[i].is(a, groupType) {
			return i
		}
	}
	dimensions, reasons := w.dimensions(a)
	w.sets = append(w.sets, attributeSet{
		groupType: groupType, attributes: a, index: indexOf(a), dimensions: dimensions, reasons: reasons, sameHash: first,
	})
	w.firstSet[h] = len(w.sets) - 1
	return len(w.sets) - 1
}

// indexOf is an index of attributes that are many, else nil.
func indexOf(a pcommon.Map) map[string]pcommon.Value {
	if a.Len() < indexFrom {
		return nil
	}
	return maps.Collect(a.All())
}

func (s *attributeSet) is(a pcommon.Map, groupType string) bool {
	if s.groupType != groupType || s.attributes.Len() != a.Len() {
		return false
	}
	if s.index == nil {
		return s.attributes.Equal(a)
	}
	for k, v := range a.All() {
		if own, ok := s.index[k]; !ok || !own.Equal(v) {
			return false
		}
	}
	return true
}

// hashAttributes is the same for the same attributes in whatever order.
func hashAttributes(a pcommon.Map) uint64 {
	var sum uint64
	for k, v := range a.All() {
		sum += hashPair(k, v.AsString())
	}
	return sum
}

// dimensions turns the attributes of a point into dimensions. What the point says counts before what was moved from
// points to the resource.
func (w *walker) dimensions(a pcommon.Map) ([]pluginsdk.Dimension, reasonSet) {
	var reasons reasonSet
	moved := w.resource.dimensions.list
	out := dimensions{list: make([]pluginsdk.Dimension, 0, a.Len()+len(moved))}
	for k, v := range a.All() {
		out.add(k, v, &reasons)
	}
	for _, d := range moved {
		if !out.append(d) {
			reasons |= attributeCollision
		}
	}
	return out.list, reasons
}

// dimensions are a list without two of one name. The zero value has none.
type dimensions struct {
	list  []pluginsdk.Dimension
	names map[string]struct{} // nil where they are few
}

// add adds an attribute, as far as it can be a dimension.
func (d *dimensions) add(key string, v pcommon.Value, reasons *reasonSet) {
	text := textOf(v, reasons)
	if text == "" {
		*reasons |= attributeEmpty
		return
	}
	name, changed := SafeName(key)
	if changed {
		*reasons |= nameSanitised
	}
	if !d.append(pluginsdk.Dimension{Name: name, Value: text}) {
		*reasons |= attributeCollision
	}
}

// append adds a dimension, and says whether its name is new.
func (d *dimensions) append(one pluginsdk.Dimension) bool {
	if d.has(one.Name) {
		return false
	}
	if d.names != nil {
		d.names[one.Name] = struct{}{}
	}
	d.list = append(d.list, one)
	return true
}

func (d *dimensions) has(name string) bool {
	if len(d.list) < indexFrom {
		for i := range d.list {
			if d.list[i].Name == name {
				return true
			}
		}
		return false
	}
	if d.names == nil {
		d.names = make(map[string]struct{}, 2*len(d.list))
		for i := range d.list {
			d.names[d.list[i].Name] = struct{}{}
		}
	}
	_, ok := d.names[name]
	return ok
}

// textOf returns an attribute as text.
func textOf(v pcommon.Value, reasons *reasonSet) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeEmpty:
		return ""
	}
	*reasons |= attributeText
	return v.AsString()
}
