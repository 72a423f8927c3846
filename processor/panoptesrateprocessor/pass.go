package panoptesrateprocessor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// pass is what one call of ConsumeMetrics needs. The slices are kept from call to call.
type pass struct {
	*rateProcessor
	keys    uint64 // rateProcessor.keys of what is kept from call to call
	now     ratestate.Time
	debug   bool // whether the log wants to know of each point without a rate
	evicted int64
	tallies []tally
	sent    []sentRate

	resource pcommon.Resource
	place    uint16 // the part of the state where the resource's series are
	here     bool   // whether that part is here
	// keys of the resource: as a Panoptes resource, and by all its attributes. They are computed when needed.
	resourceKey, allResourceKey ratestate.Key
	hashed, allHashed           bool
	identity, all, scopes       lastAttributes
	uptimes                     map[uptimeKey]ratestate.Uptime

	tally       *tally // of the scope's plugin
	scope       pmetric.ScopeMetrics
	commonKey   ratestate.Key // of the scope to counters that a selector picked; computed when needed
	scopeHashed bool
	scopeNumber uint64
	gap         int64 // by the scope's interval; 0 where it names none
	collisions  map[ratestate.Key]*collision

	lastPlan    lastPlan
	widths      *scopeWidths            // of the scope; nil where it says nothing
	knownWidths map[string]*scopeWidths // by text
	lastMetrics []lastMetric
	points      []lastAttributes
	names       map[string]*metricName

	window  window
	again   bool                      // whether some rates were refused further down, and may be asked for again
	emptied []pmetric.ResourceMetrics // of which a scope lost all its metrics
}

// collision is a gauge of the name that a rate will have in Panoptes' JSON.
type collision struct {
	metric string
	met    bool // there is a counter, too
	listed bool // it is the listed metric itself, not an older rate
}

func (p *rateProcessor) begin() *pass {
	c, ok := p.passes.Get().(*pass)
	p.sharding.using.RLock() // until all keys have been used
	keys := p.keys.Load()
	if !ok || len(c.names) > maxNames || c.keys != keys {
		c = &pass{names: map[string]*metricName{}, knownWidths: map[string]*scopeWidths{}, uptimes: map[uptimeKey]ratestate.Uptime{}, keys: keys}
	}
	c.rateProcessor, c.now, c.debug = p, p.state.Time(), p.logger.Core().Enabled(zap.DebugLevel)
	return c
}

// forget drops everything that belongs to the data: it has another owner from now on.
func (c *pass) forget() {
	for i := range c.points {
		c.points[i].forget()
	}
	c.identity.forget()
	c.all.forget()
	c.scopes.forget()
	clear(c.lastMetrics)
	c.lastMetrics, c.lastPlan = c.lastMetrics[:0], lastPlan{}
	c.window.forget()
	clear(c.emptied)
	c.emptied = c.emptied[:0]
	c.collisions, c.resource, c.scope = nil, pcommon.Resource{}, pmetric.ScopeMetrics{}
}

// maxKept bounds what a pass keeps for the next call: a batch of millions of points is rare.
const maxKept = 1 << 16

// end makes the pass free for another call.
func (c *pass) end() {
	c.lastSent.Store(int64(len(c.sent)))
	c.evicted = 0
	c.tally = nil
	clear(c.tallies)
	c.tallies, c.sent = c.tallies[:0], c.sent[:0]
	w := &c.window
	if max(cap(c.sent), cap(c.points), cap(c.lastMetrics), cap(w.counters), cap(w.batch.Points)) > maxKept {
		c.sent, c.points, c.lastMetrics, c.window = nil, nil, nil, window{}
	}
	c.passes.Put(c)
}

// consume adds the rates.
func (c *pass) consume(md pmetric.Metrics) {
	resources := md.ResourceMetrics()
	c.observeUptimes(resources)
	for i := range resources.Len() {
		rm := resources.At(i)
		c.take(rm.Resource())
		clear(c.uptimes)
		scopes := rm.ScopeMetrics()
		for j := range scopes.Len() { // extra groups are appended meanwhile, and not visited
			c.scan(rm, scopes.At(j))
			if c.window.full() {
				c.close()
			}
		}
	}
	c.close()
	c.removeEmptied(resources)
}

// take makes a resource the one at hand.
func (c *pass) take(resource pcommon.Resource) {
	c.resource, c.hashed, c.allHashed = resource, false, false
	c.place, c.here = c.sharding.placeOf(resource.Attributes())
}

// removeEmptied removes what lost all its counters, and has no rates in their place.
func (c *pass) removeEmptied(resources pmetric.ResourceMetricsSlice) {
	emptied := false
	for _, rm := range c.emptied {
		scopes := rm.ScopeMetrics()
		scopes.RemoveIf(func(sm pmetric.ScopeMetrics) bool { return sm.Metrics().Len() == 0 })
		emptied = emptied || scopes.Len() == 0
	}
	if emptied {
		resources.RemoveIf(func(rm pmetric.ResourceMetrics) bool { return rm.ScopeMetrics().Len() == 0 })
	}
}

// key is the identity of the resource to the counters of groups. Where it is no Panoptes resource, it is told apart by
// all its attributes.
func (c *pass) key() ratestate.Key {
	if !c.hashed {
		key, ok := c.identity.resourceKey(&c.hasher, c.resource.Attributes())
		if !ok {
			key = c.allKey()
		}
		c.resourceKey, c.hashed = key, true
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
