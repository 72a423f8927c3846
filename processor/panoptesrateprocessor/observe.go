package panoptesrateprocessor

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/mapping"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// observe computes the rates of a counter.
func (c *pass) observe(metrics pmetric.MetricSlice, k *counter, scopeKey ratestate.Key) {
	series, resource, terms := k.conv.series, ratestate.Key{}, ratestate.Terms{Gap: c.gap, Width: k.conv.trust.width}
	if s := k.conv.selector; s != nil {
		series, resource = c.hasher.Join(scopeKey, series), c.allKey()
		if terms.Gap == 0 {
			terms.Gap = s.maxGap
		}
	} else {
		resource = c.key()
		if terms.Gap == 0 {
			terms.Gap = ratestate.GapOf(mapping.DefaultInterval)
		}
	}
	taken := c.taken(k.conv.selector)
	k.rates[0] = len(c.rates)
	metric := metrics.At(k.metric)
	if taken {
		c.warnOfCollision(k.conv.rateName)
	}
	for i, p := range metric.Sum().DataPoints().All() {
		attributes := c.attributesAt(i, p.Attributes())
		group := c.hasher.Join(series, attributes)
		collides := taken || c.collides(k.conv, group)
		if collides {
			c.skip(metric, p, skipCollision)
		}
		point, ok := pointOf(p)
		if !ok {
			if !collides {
				c.skip(metric, p, skipNotANumber)
			}
			continue
		}
		terms.Start = millisOf(p.StartTimestamp())
		var r ratestate.Result
		if k.delta {
			r.Rate, r.Outcome = point.Delta(terms.Start)
		} else {
			if k.conv.trust.uptime >= 0 {
				terms.Uptime = c.uptimeOf(k.conv.trust.uptime, attributes)
			}
			// Even where a gauge is in the way the value is noted, as in Panoptes: the gauge may be gone next time.
			r = c.take(c.hasher.Join(resource, group), point, &terms)
		}
		if r.Outcome != ratestate.Rate {
			if !collides {
				c.skip(metric, p, skipOf[r.Outcome])
			}
			continue
		}
		c.rates = append(c.rates, rate{i, r.Rate, collides})
		if k.conv.inPlace && !collides {
			k.beside++
		}
	}
	k.rates[1] = len(c.rates)
}

// take gives a point to the state, and notes what is needed if the batch is refused and comes again.
func (c *pass) take(series ratestate.Key, point ratestate.Point, terms *ratestate.Terms) ratestate.Result {
	r := c.state.Observe(series, point, terms, c.now)
	if r.Evicted {
		c.evicted++
	}
	if r.Apart > 0 && c.gap > 0 {
		c.tally.noteApart(r.Apart, c.gap)
	}
	if value, again := c.refused.rate(series, point); again {
		r.Rate, r.Outcome = value, ratestate.Rate
	}
	if r.Outcome == ratestate.Rate {
		c.sent = append(c.sent, sentRate{sentPoint{series, point}, r.Rate})
	}
	return r
}

// collides says whether a group has a gauge of the name that the rate beside a counter would have.
func (c *pass) collides(conv *conversion, group ratestate.Key) bool {
	if !conv.inPlace || c.collisions == nil {
		return false
	}
	gauge := c.collisions[group]
	if gauge != nil {
		gauge.met = true
	}
	return gauge != nil
}

// pointOf reads a data point; it is not ok where there is no finite number.
func pointOf(p pmetric.NumberDataPoint) (ratestate.Point, bool) {
	if p.Flags().NoRecordedValue() {
		return ratestate.Point{}, false
	}
	millis := millisOf(p.Timestamp())
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

// millisOf reads a timestamp, which is exact to the millisecond; rounding is for those that went through a double on
// their way.
func millisOf(t pcommon.Timestamp) int64 {
	ns := uint64(t)
	millis := int64(ns / 1e6)
	if ns%1e6 >= 5e5 {
		millis++
	}
	return millis
}

// attributesAt is the key of the attributes of the i-th point of a metric. In groups that came together the i-th points of
// all metrics have equal attributes in the same order.
func (c *pass) attributesAt(i int, m pcommon.Map) ratestate.Key {
	if m.Len() == 0 {
		return ratestate.Key{}
	}
	for i >= len(c.points) {
		c.points = append(c.points, lastAttributes{})
	}
	return c.points[i].attributesKey(&c.hasher, m)
}
