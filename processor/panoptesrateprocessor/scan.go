package panoptesrateprocessor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
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
	// width is what widths say of it.
	widths *scopeWidths
	width  ratestate.Width
	// known is nil where it was not asked for.
	known *metricName
}

// scan finds the counters of one scope and puts their points into the window.
func (c *pass) scan(rm pmetric.ResourceMetrics, sm pmetric.ScopeMetrics) {
	tally := c.tallyOf(sm.Scope())
	c.tally = &c.tallies[tally]
	c.widths = c.takeWidths(sm.Scope().Attributes())
	p := c.planFor(sm.Scope())
	if p == nil && len(c.rules.selectors) == 0 {
		return
	}
	c.gap = gapOf(sm.Scope().Attributes())
	c.tally.interval = max(c.tally.interval, c.gap/ratestate.GapIntervals)
	c.scopeNumber++
	c.scope, c.scopeHashed = sm, false
	c.collisions = nil
	w := &c.window
	from := len(w.counters)
	metrics := sm.Metrics()
	for i := range metrics.Len() {
		m := metrics.At(i)
		var sum pmetric.Sum
		kind := noCounter
		if m.Type() == pmetric.MetricTypeSum {
			sum = m.Sum()
			kind = kindOf(sum)
		}
		if conv := c.conversion(p, i, m, kind); conv != nil {
			k := w.add(i, conv, kind == delta)
			k.width = c.widthOf(&c.lastMetrics[i], conv.trust)
			c.gather(sum.DataPoints(), k)
		}
	}
	if from < len(w.counters) {
		w.scopes = append(w.scopes, windowScope{
			resource: rm, scope: sm, plan: p, tally: tally, gap: c.gap, counters: [2]int{from, len(w.counters)},
		})
		c.markCollisions(metrics, w.counters[from:])
	}
	c.countCollisions()
}

// kind is what a metric is to rates.
type kind uint8

const (
	noCounter kind = iota
	cumulative
	delta
)

func kindOf(sum pmetric.Sum) kind {
	temporality := sum.AggregationTemporality()
	switch {
	case !sum.IsMonotonic():
	case temporality == pmetric.AggregationTemporalityCumulative:
		return cumulative
	case temporality == pmetric.AggregationTemporalityDelta:
		return delta
	}
	return noCounter
}

// planFor takes the transforms off a scope and returns what they mean for it, or nil if there is nothing to do.
func (c *pass) planFor(scope pcommon.InstrumentationScope) *plan {
	m := scope.Attributes()
	text := ""
	if v, ok := m.Get(attrs.PluginTransforms); ok {
		text = v.AsString()
		m.Remove(attrs.PluginTransforms)
		c.tally.transforms = text
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
			zap.String("plugin", c.tally.plugin),
			zap.Int("lines", len(bad)),
			zap.Strings("errors", bad[:min(len(bad), maxComplaints)]),
			zap.String("next", "fix the section [transforms] of the plugin file, or the processor's transforms"))
	}
}

// gapOf is the longest gap of a scope's groups in milliseconds, or 0 where the scope carries no interval. The interval
// is read as the mapping back from pdata does it.
func gapOf(scope pcommon.Map) int64 {
	if seconds, ok := pdata.Interval(scope); ok {
		return ratestate.GapOf(int64(seconds))
	}
	return 0
}

// conversion returns what is to be done with the i-th metric of a scope, or nil. The counters of groups are not those of
// selectors, too.
func (c *pass) conversion(p *plan, i int, m pmetric.Metric, kind kind) (conv *conversion) {
	last := c.lastMetric(i, m.Name())
	if p != nil {
		if kind != cumulative {
			c.noteGauge(p, m)
		} else {
			if last.plan != p {
				last.plan, last.conv = p, p.conversions[last.name]
				if last.conv != nil && !last.conv.matched.Load() {
					last.conv.matched.Store(true)
				}
			}
			conv = last.conv
		}
	}
	if len(c.rules.selectors) == 0 {
		return conv
	}
	if last.known == nil {
		last.known = c.named(last.name)
	}
	last.known.scope = c.scopeNumber
	if conv == nil && kind != noCounter {
		return last.known.conv
	}
	return conv
}

// lastMetric returns what is known of the metric at a place, by the last scope.
func (c *pass) lastMetric(i int, name string) *lastMetric {
	if i == len(c.lastMetrics) {
		c.lastMetrics = append(c.lastMetrics, lastMetric{})
	}
	last := &c.lastMetrics[i]
	if !same(&last.name, name) {
		*last = lastMetric{name: name}
	}
	return last
}
