package panoptesrateprocessor

import (
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
	now      ratestate.Time
	debug    bool // whether the log wants to know of each point without a rate
	produced int64
	evicted  int64
	tallies  []tally
	sent     []sentRate

	resource pcommon.Resource
	// keys of the resource: as a Panoptes resource, and by all its attributes. They are computed when needed.
	resourceKey, allResourceKey ratestate.Key
	hashed, allHashed           bool
	identity, all, scopes       lastAttributes
	uptimes                     map[uptimeKey]ratestate.Uptime

	tally       *tally // of the scope's plugin
	scopeNumber uint64
	gap         int64 // by the scope's interval; 0 where it names none
	emptied     bool  // a scope of the resource lost all its metrics

	counters   []counter
	rates      []rate
	collisions map[ratestate.Key]*collision
	points     []lastAttributes

	names map[string]*metricName
}

// counter is a metric that is to be converted, and which of pass.rates are its own.
type counter struct {
	metric     int // index in the scope
	conv       *conversion
	delta      bool
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

func (p *rateProcessor) begin() *pass {
	c, ok := p.passes.Get().(*pass)
	if !ok || len(c.names) > maxNames {
		c = &pass{names: map[string]*metricName{}, uptimes: map[uptimeKey]ratestate.Uptime{}}
	}
	c.rateProcessor, c.now, c.debug = p, p.state.Time(), p.logger.Core().Enabled(zap.DebugLevel)
	return c
}

// forget drops everything that belongs to the data: it has another owner from now on.
func (c *pass) forget() {
	clear(c.counters)
	for i := range c.points {
		c.points[i].forget()
	}
	c.identity.forget()
	c.all.forget()
	c.scopes.forget()
	c.counters, c.rates, c.collisions = c.counters[:0], c.rates[:0], nil
	c.resource = pcommon.Resource{}
}

// maxKept bounds what a pass keeps for the next call: a batch of millions of points is rare.
const maxKept = 1 << 16

// end makes the pass free for another call.
func (c *pass) end() {
	c.produced, c.evicted = 0, 0
	c.tally = nil
	clear(c.tallies)
	c.tallies, c.sent = c.tallies[:0], c.sent[:0]
	if cap(c.sent) > maxKept || cap(c.points) > maxKept {
		c.sent, c.points = nil, nil
	}
	c.passes.Put(c)
}

// consume adds the rates.
func (c *pass) consume(md pmetric.Metrics) {
	resources := md.ResourceMetrics()
	c.observeUptimes(resources)
	emptied := false
	for _, rm := range resources.All() {
		c.resource, c.hashed, c.allHashed, c.emptied = rm.Resource(), false, false, false
		clear(c.uptimes)
		scopes := rm.ScopeMetrics()
		for i := range scopes.Len() { // extra groups are appended meanwhile, and not visited
			c.scope(scopes, scopes.At(i))
		}
		if c.emptied {
			scopes.RemoveIf(func(sm pmetric.ScopeMetrics) bool { return sm.Metrics().Len() == 0 })
			emptied = emptied || scopes.Len() == 0
		}
	}
	if emptied {
		resources.RemoveIf(func(rm pmetric.ResourceMetrics) bool { return rm.ScopeMetrics().Len() == 0 })
	}
}

// key is the identity of the resource to the counters of groups.
func (c *pass) key() ratestate.Key {
	if !c.hashed {
		c.resourceKey, c.hashed = c.identity.resourceKey(&c.hasher, c.resource.Attributes()), true
	}
	return c.resourceKey
}

// allKey is the identity of the resource to counters that a selector picked.
func (c *pass) allKey() ratestate.Key {
	if !c.allHashed {
		c.allResourceKey, c.allHashed = c.all.attributesKey(&c.hasher, c.resource.Attributes()), true
	}
	return c.allResourceKey
}

// planFor takes the transforms off a scope and returns what they mean for it, or nil if there is nothing to do.
func (c *pass) planFor(scope pcommon.InstrumentationScope) *plan {
	m := scope.Attributes()
	text := ""
	if v, ok := m.Get(attrs.PluginTransforms); ok {
		text = v.AsString()
		m.Remove(attrs.PluginTransforms)
	}
	if text == "" && len(c.rules.groups) == 0 {
		return nil
	}
	groupType, ok := m.Get(attrs.GroupType)
	if !ok {
		return nil
	}
	plan := c.plans.get(text, groupType.AsString())
	if len(plan.bad) > 0 {
		c.complain(text, plan.bad)
	}
	if len(plan.conversions) == 0 {
		return nil
	}
	return plan
}

// maxComplaints bounds the length of a log line.
const maxComplaints = 10

func (c *pass) complain(text string, bad []string) {
	c.tally.skipped[skipBadTransform] += int64(len(bad))
	if c.told.First(c.tally.scope, text) {
		c.logger.Error("Cannot read some of the plugin's transforms; these lines are off, everything else goes on",
			zap.String("plugin", pluginName(c.tally.scope)),
			zap.Int("lines", len(bad)),
			zap.Strings("errors", bad[:min(len(bad), maxComplaints)]),
			zap.String("next", "mend the section [transforms] of the plugin file, or the processor's transforms"))
	}
}

// gapOf is the longest gap of a scope's groups in milliseconds, or 0 where the scope carries no interval. The interval
// is read as the mapping back from pdata does it.
func gapOf(scope pcommon.Map) int64 {
	if seconds, ok := mapping.Interval(scope); ok {
		return ratestate.GapOf(int64(seconds))
	}
	return 0
}

// scope converts the counters of one scope.
func (c *pass) scope(scopes pmetric.ScopeMetricsSlice, sm pmetric.ScopeMetrics) {
	c.tally = c.tallyOf(sm.Scope().Name())
	p := c.planFor(sm.Scope())
	if p == nil && len(c.rules.selectors) == 0 {
		return
	}
	metrics := sm.Metrics()
	c.gap = gapOf(sm.Scope().Attributes())
	c.scopeNumber++
	c.counters, c.rates, c.collisions = c.counters[:0], c.rates[:0], nil
	selected := false
	for i, m := range metrics.All() {
		if conv, delta := c.conversion(p, m); conv != nil {
			c.counters = append(c.counters, counter{metric: i, conv: conv, delta: delta})
			selected = selected || conv.selector != nil
		}
	}
	var scopeKey ratestate.Key
	if selected {
		scopeKey = c.scopeKey(sm)
	}
	for i := range c.counters {
		c.observe(metrics, &c.counters[i], scopeKey)
	}
	c.countCollisions()
	c.insertRates(metrics)
	if p != nil {
		for group, groupType := range p.extras {
			c.appendExtra(scopes, sm, group, groupType)
		}
	}
	if selected {
		c.replaceCounters(metrics)
	}
}

// conversion returns what is to be done with a metric, or nil, and whether it is a sum of deltas. The counters of groups
// are not those of selectors, too.
func (c *pass) conversion(p *plan, m pmetric.Metric) (conv *conversion, delta bool) {
	cumulative := false
	if m.Type() == pmetric.MetricTypeSum && m.Sum().IsMonotonic() {
		temporality := m.Sum().AggregationTemporality()
		cumulative = temporality == pmetric.AggregationTemporalityCumulative
		delta = temporality == pmetric.AggregationTemporalityDelta
	}
	if p != nil {
		if !cumulative {
			c.noteGauge(p, m)
		} else {
			conv = p.conversions[m.Name()]
		}
	}
	if len(c.rules.selectors) == 0 {
		return conv, false
	}
	n := c.named(m.Name())
	n.scope = c.scopeNumber
	if conv == nil && (cumulative || delta) {
		return n.conv, delta
	}
	return conv, false
}
