package panoptesrateprocessor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/mapping"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// lastPlan is the plan of the last scope that had one, and what it was asked for by.
type lastPlan struct {
	planKey
	plan *plan
}

// lastMetric is what was found out of the metric at the same place in the last scope. Scopes mostly have the metrics of
// the last one, and to compare names is cheaper than to look them up.
type lastMetric struct {
	name string
	plan *plan       // conv is of
	conv *conversion // nil where the plan has none
	// known is nil where it was not asked for.
	known *metricName
}

// scan finds the counters of one scope and puts their points into the window.
func (c *pass) scan(rm pmetric.ResourceMetrics, sm pmetric.ScopeMetrics) {
	tally := c.tallyOf(sm.Scope().Name())
	c.tally = &c.tallies[tally]
	p := c.planFor(sm.Scope())
	if p == nil && len(c.rules.selectors) == 0 {
		return
	}
	c.gap = gapOf(sm.Scope().Attributes())
	c.scopeNumber++
	c.collisions = nil
	w := &c.window
	from := len(w.counters)
	selected := false
	metrics := sm.Metrics()
	for i := range metrics.Len() {
		if conv, delta := c.conversion(p, i, metrics.At(i)); conv != nil {
			w.add(i, conv, delta)
			selected = selected || conv.selector != nil
		}
	}
	if from < len(w.counters) {
		var scopeKey ratestate.Key
		if selected {
			scopeKey = c.scopeKey(sm)
		}
		for i := range w.counters[from:] {
			k := &w.counters[from+i]
			c.gather(metrics.At(k.metric), k, scopeKey)
		}
		w.scopes = append(w.scopes, windowScope{
			resource: rm, scope: sm, plan: p, tally: tally, gap: c.gap, counters: [2]int{from, len(w.counters)}, selected: selected,
		})
	}
	c.countCollisions()
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
	key := planKey{text, groupType.AsString()}
	if c.lastPlan.plan == nil || c.lastPlan.planKey != key {
		c.lastPlan = lastPlan{key, c.plans.get(text, key.groupType)}
	}
	plan := c.lastPlan.plan
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

// conversion returns what is to be done with the i-th metric of a scope, or nil, and whether it is a sum of deltas. The
// counters of groups are not those of selectors, too.
func (c *pass) conversion(p *plan, i int, m pmetric.Metric) (conv *conversion, delta bool) {
	cumulative := false
	if m.Type() == pmetric.MetricTypeSum {
		if sum := m.Sum(); sum.IsMonotonic() {
			temporality := sum.AggregationTemporality()
			cumulative = temporality == pmetric.AggregationTemporalityCumulative
			delta = temporality == pmetric.AggregationTemporalityDelta
		}
	}
	last := c.lastMetric(i, m.Name())
	if p != nil {
		if !cumulative {
			c.noteGauge(p, m)
		} else {
			if last.plan != p {
				last.plan, last.conv = p, p.conversions[last.name]
			}
			conv = last.conv
		}
	}
	if len(c.rules.selectors) == 0 {
		return conv, false
	}
	if last.known == nil {
		last.known = c.named(last.name)
	}
	last.known.scope = c.scopeNumber
	if conv == nil && (cumulative || delta) {
		return last.known.conv, delta
	}
	return conv, false
}

// lastMetric returns what is known of the metric at a place, by the last scope.
func (c *pass) lastMetric(i int, name string) *lastMetric {
	if i == len(c.lastMetrics) {
		c.lastMetrics = append(c.lastMetrics, lastMetric{})
	}
	last := &c.lastMetrics[i]
	if last.name != name {
		*last = lastMetric{name: name}
	}
	return last
}
