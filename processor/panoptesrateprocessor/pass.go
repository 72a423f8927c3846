package panoptesrateprocessor

import (
	"math"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/mapping"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// pass is what one call of ConsumeMetrics needs. The slices are kept from call to call.
type pass struct {
	*rateProcessor
	tally tally
	now   ratestate.Time

	resourceKey ratestate.Key
	terms       ratestate.Terms

	counters   []counter
	rates      []rate
	collisions map[ratestate.Key]*collision
	points     []knownAttributes
}

// counter is a metric that is to be converted, and which of pass.rates are its own.
type counter struct {
	metric     int // index in the scope
	conv       *conversion
	rates      [2]int // from, to
	beside     int    // how many of them go beside the counter
	rateMetric int    // index of the metric for these
}

// rate is the rate of one data point.
type rate struct {
	point    int // index in the counter
	value    float64
	collides bool // with a gauge, so it has no place beside the counter
}

// collision is a gauge of the name that a rate will have in Panoptes' JSON.
type collision struct {
	metric string
	met    bool // there is a counter, too
	listed bool // it is the listed metric itself, not an older rate
}

var passes = sync.Pool{New: func() any { return &pass{} }}

func (c *pass) begin(p *rateProcessor) {
	c.rateProcessor, c.tally, c.now = p, tally{}, p.state.Time()
}

// end forgets everything that belongs to the data: it has another owner from now on.
func (c *pass) end() {
	c.rateProcessor = nil
	clear(c.counters)
	clear(c.points)
	c.counters, c.rates, c.points, c.collisions = c.counters[:0], c.rates[:0], c.points[:0], nil
	passes.Put(c)
}

func (c *pass) resource(rm pmetric.ResourceMetrics) {
	scopes := rm.ScopeMetrics()
	hashed := false
	for i := range scopes.Len() { // extra groups are appended meanwhile, and not visited
		sm := scopes.At(i)
		plan := c.planFor(sm.Scope())
		if plan == nil {
			continue
		}
		if !hashed {
			c.resourceKey, hashed = resourceKey(&c.hasher, rm.Resource().Attributes()), true
		}
		c.scope(scopes, sm, plan)
	}
}

// planFor takes the transforms off a scope and returns what they mean for it, or nil if there is nothing to do.
func (c *pass) planFor(scope pcommon.InstrumentationScope) *plan {
	m := scope.Attributes()
	text := ""
	if v, ok := m.Get(attrs.PluginTransforms); ok {
		text = v.AsString()
		m.RemoveIf(func(name string, _ pcommon.Value) bool { return name == attrs.PluginTransforms })
	}
	if text == "" && len(c.plans.rules) == 0 {
		return nil
	}
	groupType, ok := m.Get(attrs.GroupType)
	if !ok {
		return nil
	}
	plan := c.plans.get(text, groupType.AsString())
	if len(plan.bad) > 0 {
		c.complain(scope.Name(), text, plan.bad)
	}
	if len(plan.conversions) == 0 {
		return nil
	}
	c.terms = ratestate.Terms{Gap: ratestate.GapOf(intervalOf(m))}
	return plan
}

// maxComplaints bounds the length of a log line.
const maxComplaints = 10

func (c *pass) complain(scope, text string, bad []string) {
	c.tally.skipped[skipBadTransform] += int64(len(bad))
	if c.notices.first(scope, text) {
		c.logger.Error("Cannot read some of the plugin's transforms; these lines are off, everything else goes on",
			zap.String("plugin", strings.TrimPrefix(scope, attrs.ScopePrefix)),
			zap.Int("lines", len(bad)),
			zap.Strings("errors", bad[:min(len(bad), maxComplaints)]))
	}
}

// intervalOf is the interval of a scope's groups in seconds, as the mapping back from pdata reads it.
func intervalOf(scope pcommon.Map) int64 {
	if seconds, ok := mapping.Interval(scope); ok {
		return int64(seconds)
	}
	return mapping.DefaultInterval
}

// scope converts the counters of one scope.
func (c *pass) scope(scopes pmetric.ScopeMetricsSlice, sm pmetric.ScopeMetrics, p *plan) {
	metrics := sm.Metrics()
	c.counters, c.rates, c.collisions = c.counters[:0], c.rates[:0], nil
	for i, m := range metrics.All() {
		if isCounter(m) {
			if conv := p.conversions[m.Name()]; conv != nil {
				c.counters = append(c.counters, counter{metric: i, conv: conv})
			}
		} else {
			c.noteGauge(p, m)
		}
	}
	for i := range c.counters {
		c.observe(metrics, &c.counters[i])
	}
	c.countCollisions(sm.Scope().Name())
	c.insertRates(metrics)
	for group, groupType := range p.extras {
		c.appendExtra(scopes, sm, group, groupType)
	}
}

func isCounter(m pmetric.Metric) bool {
	return m.Type() == pmetric.MetricTypeSum && m.Sum().IsMonotonic() &&
		m.Sum().AggregationTemporality() == pmetric.AggregationTemporalityCumulative
}

// observe computes the rates of a counter.
func (c *pass) observe(metrics pmetric.MetricSlice, k *counter) {
	k.rates[0] = len(c.rates)
	for i, p := range metrics.At(k.metric).Sum().DataPoints().All() {
		group := c.hasher.Join(k.conv.series, c.attributesAt(i, p.Attributes()))
		collides := false
		if k.conv.inPlace && c.collisions != nil {
			if gauge := c.collisions[group]; gauge != nil {
				gauge.met, collides = true, true
				c.tally.skipped[skipCollision]++
			}
		}
		point, ok := pointOf(p)
		if !ok {
			c.skip(skipNotANumber, collides)
			continue
		}
		// Even where a gauge is in the way the value is noted, as in Panoptes: the gauge may be gone next time.
		r := c.state.Observe(c.hasher.Join(c.resourceKey, group), point, &c.terms, c.now)
		if r.Evicted {
			c.tally.evicted++
		}
		if r.Outcome != ratestate.Rate {
			c.skip(skipOf[r.Outcome], collides)
			continue
		}
		c.rates = append(c.rates, rate{i, r.Rate, collides})
		if k.conv.inPlace && !collides {
			k.beside++
		}
	}
	k.rates[1] = len(c.rates)
}

// skip counts a point without a rate, once.
func (c *pass) skip(reason skip, collides bool) {
	if !collides {
		c.tally.skipped[reason]++
	}
}

// pointOf reads a data point; it is not ok where there is no finite number.
func pointOf(p pmetric.NumberDataPoint) (ratestate.Point, bool) {
	if p.Flags().NoRecordedValue() {
		return ratestate.Point{}, false
	}
	// The timestamp is exact to the millisecond; rounding is for those that went through a double on their way.
	ns := uint64(p.Timestamp())
	millis := int64(ns / 1e6)
	if ns%1e6 >= 5e5 {
		millis++
	}
	switch p.ValueType() {
	case pmetric.NumberDataPointValueTypeInt:
		return ratestate.IntPoint(millis, p.IntValue()), true
	case pmetric.NumberDataPointValueTypeDouble:
		if v := p.DoubleValue(); !math.IsNaN(v) && !math.IsInf(v, 0) {
			return ratestate.FloatPoint(millis, v), true
		}
	}
	return ratestate.Point{}, false
}

// knownAttributes are the attributes that the i-th point of the last metric had, and their key.
type knownAttributes struct {
	attributes pcommon.Map
	key        ratestate.Key
}

// attributesAt is attributesKey for the i-th point of a metric. In groups that came together the i-th points of all
// metrics have equal attributes, and to compare is cheaper than to hash.
func (c *pass) attributesAt(i int, m pcommon.Map) ratestate.Key {
	if i < len(c.points) {
		if known := &c.points[i]; known.attributes.Equal(m) {
			return known.key
		}
	}
	key := attributesKey(&c.hasher, m)
	if i < len(c.points) {
		c.points[i] = knownAttributes{m, key}
	} else if i == len(c.points) {
		c.points = append(c.points, knownAttributes{m, key})
	}
	return key
}
