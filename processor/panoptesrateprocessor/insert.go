package panoptesrateprocessor

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// noteGauge notes gauges that have, in Panoptes' JSON, the name that a rate will have: a group holds one gauge of a
// name. What is neither gauge nor cumulative monotonic sum becomes a gauge there.
func (c *pass) noteGauge(p *plan, m pmetric.Metric) {
	conv, listed := p.conversions[m.Name()]
	if !listed {
		counterName, isRate := strings.CutSuffix(m.Name(), attrs.RateSuffix)
		if !isRate {
			return
		}
		if conv = p.conversions[counterName]; conv == nil || conv.rateName != m.Name() {
			return
		}
	}
	if conv == nil || !conv.inPlace {
		return
	}
	points, ok := numberPoints(m)
	if !ok {
		return
	}
	if c.collisions == nil {
		c.collisions = map[ratestate.Key]*collision{}
	}
	gauge := &collision{metric: m.Name(), listed: listed}
	for i, p := range points.All() {
		key := c.hasher.Join(conv.series, c.attributesAt(i, p.Attributes()))
		if old := c.collisions[key]; old == nil || listed {
			own := *gauge
			c.collisions[key] = &own
		}
	}
}

// markCollisions tags the points of a scope's counters that have a gauge in the place that the rate would have. Even so
// their values are noted, as in Panoptes: the gauge may be gone next time.
func (c *pass) markCollisions(metrics pmetric.MetricSlice, counters []counter) {
	if c.collisions == nil && len(c.rules.selectors) == 0 {
		return
	}
	for i := range counters {
		k := &counters[i]
		taken := c.taken(k.conv.selector)
		if taken {
			c.warnOfCollision(k.conv.rateName)
		}
		if !taken && (c.collisions == nil || !k.conv.inPlace) {
			continue
		}
		m := metrics.At(k.metric)
		observed := c.window.batch.Points[k.points[0]:k.points[1]]
		for j, p := range m.Sum().DataPoints().All() {
			if !taken && !c.collides(k.conv, c.attributesAt(j, p.Attributes())) {
				continue
			}
			observed[j].Tag = collides
			c.skip(skipCollision)
			if c.debug {
				c.logSkip(c.resource, m, p, skipCollision)
			}
		}
	}
}

// collides says whether a group has a gauge of the name that the rate beside a counter would have.
func (c *pass) collides(conv *conversion, attributes ratestate.Key) bool {
	gauge := c.collisions[c.hasher.Join(conv.series, attributes)]
	if gauge != nil {
		gauge.met = true
	}
	return gauge != nil
}

// countCollisions counts the listed gauges that have no counter beside them, and says which metrics collide.
func (c *pass) countCollisions() {
	if c.collisions == nil {
		return // to begin to range over it costs more
	}
	for _, gauge := range c.collisions {
		switch {
		case gauge.met:
		case gauge.listed:
			c.tally.skipped[skipCollision]++
		default:
			continue
		}
		c.warnOfCollision(gauge.metric)
	}
}

func (c *pass) warnOfCollision(metric string) {
	if c.told.First(c.tally.scope, metric) {
		c.logger.Warn("Metric is already present, so there is no rate of that name",
			zap.String("plugin", c.tally.plugin),
			zap.String("metric", metric),
			zap.String("next", "rename the gauge in the plugin, or take the counter out of the transforms"))
	}
}

// insertRates puts each rate metric right after its counter.
func (c *pass) insertRates(metrics pmetric.MetricSlice, counters []counter) {
	added := 0
	for i := range counters {
		if k := &counters[i]; k.replaced() {
			k.beside = 0
		} else if k.beside > 0 {
			added++
		}
	}
	if added == 0 {
		return
	}
	last := metrics.Len() - 1
	metrics.EnsureCapacity(metrics.Len() + added)
	for range added {
		metrics.AppendEmpty()
	}
	// From the back, so that what is moved to has been moved away before. A slot kept for a rate is empty for the same
	// reason. Nothing moves any more once all rates have their slot.
	next := len(counters) - 1
	for i, to := last, metrics.Len()-1; i < to; i, to = i-1, to-1 {
		if next >= 0 && counters[next].metric == i {
			k := &counters[next]
			if k.beside > 0 {
				k.rateMetric = to
				to--
			}
			k.metric = to
			next--
		}
		if i != to {
			metrics.At(i).MoveTo(metrics.At(to))
		}
	}
	for i := range counters {
		if k := &counters[i]; k.beside > 0 {
			c.fill(metrics.At(k.rateMetric), metrics.At(k.metric), k, k.conv.rateName, k.beside, true)
		}
	}
}

// fill makes m the metric of a counter's rates: n of them, and only those without collision where beside is set.
func (c *pass) fill(m, source pmetric.Metric, k *counter, name string, n int, beside bool) {
	m.SetName(name)
	m.SetUnit(k.unit(source))
	from := source.Sum().DataPoints()
	to := m.SetEmptyGauge().DataPoints()
	to.EnsureCapacity(n)
	points := c.window.batch.Points[k.points[0]:k.points[1]]
	for i := range points {
		o := &points[i]
		if o.Outcome != ratestate.Rate || beside && o.Tag == collides {
			continue
		}
		p, counter := to.AppendEmpty(), from.At(i)
		counter.Attributes().CopyTo(p.Attributes())
		p.SetTimestamp(counter.Timestamp())
		p.SetDoubleValue(o.Rate)
	}
	c.tally.rates += int64(n)
}

// appendExtra appends the scope of an extra group: all that the source scope has, but with the type that the transform
// names, and nothing but rates. Without rates there is no group.
func (c *pass) appendExtra(s *windowScope, counters []counter, group int, groupType string) {
	source := s.scope
	var extra pmetric.ScopeMetrics
	created := false
	for i := range counters {
		k := &counters[i]
		for _, e := range k.conv.extras {
			if e.group != group || k.rates == 0 {
				continue
			}
			if !created {
				created = true
				extra = s.resource.ScopeMetrics().AppendEmpty()
				source.Scope().CopyTo(extra.Scope())
				extra.Scope().Attributes().PutStr(attrs.GroupType, groupType)
				extra.SetSchemaUrl(source.SchemaUrl())
			}
			c.fill(extra.Metrics().AppendEmpty(), source.Metrics().At(k.metric), k, e.name, k.rates, false)
		}
	}
}

// replaced says whether the rates take the counter's place.
func (k *counter) replaced() bool { return k.conv.selector != nil && k.conv.selector.replace }

func (k *counter) unit(source pmetric.Metric) string {
	if k.conv.selector == nil {
		return attrs.RateUnit
	}
	return k.conv.selector.unitFor(source.Unit())
}

// replaceCounters turns counters into their rates, and removes those that have none. It says whether no metric is left.
func (c *pass) replaceCounters(metrics pmetric.MetricSlice, counters []counter) (emptied bool) {
	empty := 0
	for i := range counters {
		if k := &counters[i]; k.replaced() && !c.replace(metrics.At(k.metric), k) {
			empty++
		}
	}
	if empty == 0 {
		return false
	}
	i, next := -1, 0
	metrics.RemoveIf(func(m pmetric.Metric) bool {
		i++
		if next == len(counters) || counters[next].metric != i {
			return false
		}
		k := &counters[next]
		next++
		return k.replaced() && m.Gauge().DataPoints().Len() == 0
	})
	return metrics.Len() == 0
}

// replace makes a counter the gauge of its rates, and says whether there are any.
func (c *pass) replace(m pmetric.Metric, k *counter) bool {
	m.SetUnit(k.unit(m))
	m.SetName(k.conv.rateName)
	from := m.Sum().DataPoints()
	points := m.SetEmptyGauge().DataPoints()
	from.MoveAndAppendTo(points)
	observed := c.window.batch.Points[k.points[0]:k.points[1]]
	given := 0
	for i := range observed {
		o := &observed[i]
		if !besideAt(o) {
			continue
		}
		given++
		p := points.At(i)
		p.SetDoubleValue(o.Rate)
		p.SetStartTimestamp(0)
		if p.Exemplars().Len() > 0 {
			p.Exemplars().RemoveIf(func(pmetric.Exemplar) bool { return true })
		}
	}
	c.tally.rates += int64(given)
	if given < len(observed) {
		i := -1
		points.RemoveIf(func(pmetric.NumberDataPoint) bool {
			i++
			return !besideAt(&observed[i])
		})
	}
	return given > 0
}

// numberPoints are the points of a gauge or a sum.
func numberPoints(m pmetric.Metric) (points pmetric.NumberDataPointSlice, ok bool) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return m.Gauge().DataPoints(), true
	case pmetric.MetricTypeSum:
		return m.Sum().DataPoints(), true
	}
	return points, false
}
