package panoptesrateprocessor

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/attrs"
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
	var points pmetric.NumberDataPointSlice
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		points = m.Gauge().DataPoints()
	case pmetric.MetricTypeSum:
		points = m.Sum().DataPoints()
	default:
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

// countCollisions counts the listed gauges that have no counter beside them, and says which metrics collide.
func (c *pass) countCollisions(scope string) {
	for _, gauge := range c.collisions {
		switch {
		case gauge.met:
		case gauge.listed:
			c.tally.skipped[skipCollision]++
		default:
			continue
		}
		if c.notices.first(scope, gauge.metric) {
			c.logger.Warn("Metric is already present as a gauge, so it gets no rate",
				zap.String("plugin", strings.TrimPrefix(scope, attrs.ScopePrefix)),
				zap.String("metric", gauge.metric))
		}
	}
}

// insertRates puts each rate metric right after its counter.
func (c *pass) insertRates(metrics pmetric.MetricSlice) {
	added := 0
	for i := range c.counters {
		if c.counters[i].beside > 0 {
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
	next := len(c.counters) - 1
	for i, to := last, metrics.Len()-1; i < to; i, to = i-1, to-1 {
		if next >= 0 && c.counters[next].metric == i {
			k := &c.counters[next]
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
	for i := range c.counters {
		if k := &c.counters[i]; k.beside > 0 {
			c.fill(metrics.At(k.rateMetric), metrics.At(k.metric), k, k.conv.rateName, k.beside, true)
		}
	}
}

// fill makes m the metric of a counter's rates: n of them, and only those without collision where beside is set.
func (c *pass) fill(m, source pmetric.Metric, k *counter, name string, n int, beside bool) {
	m.SetName(name)
	m.SetUnit(attrs.RateUnit)
	from := source.Sum().DataPoints()
	to := m.SetEmptyGauge().DataPoints()
	to.EnsureCapacity(n)
	for _, r := range c.rates[k.rates[0]:k.rates[1]] {
		if beside && r.collides {
			continue
		}
		p, counter := to.AppendEmpty(), from.At(r.point)
		counter.Attributes().CopyTo(p.Attributes())
		p.SetTimestamp(counter.Timestamp())
		p.SetDoubleValue(r.value)
		c.tally.produced++
	}
}

// appendExtra appends the scope of an extra group: all that the source scope has, but with the type that the transform
// names, and nothing but rates. Without rates there is no group.
func (c *pass) appendExtra(scopes pmetric.ScopeMetricsSlice, source pmetric.ScopeMetrics, group int, groupType string) {
	var extra pmetric.ScopeMetrics
	created := false
	for i := range c.counters {
		k := &c.counters[i]
		n := k.rates[1] - k.rates[0]
		for _, e := range k.conv.extras {
			if e.group != group || n == 0 {
				continue
			}
			if !created {
				created = true
				extra = scopes.AppendEmpty()
				source.Scope().CopyTo(extra.Scope())
				extra.Scope().Attributes().PutStr(attrs.GroupType, groupType)
				extra.SetSchemaUrl(source.SchemaUrl())
			}
			c.fill(extra.Metrics().AppendEmpty(), source.Metrics().At(k.metric), k, e.name, n, false)
		}
	}
}
