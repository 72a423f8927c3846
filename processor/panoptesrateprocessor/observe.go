package panoptesrateprocessor

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// gather puts the points of a counter into the window.
func (c *pass) gather(points pmetric.NumberDataPointSlice, k *counter) {
	series, gap := k.conv.series, c.gap
	var resource ratestate.Key
	if s := k.conv.selector; s != nil {
		series, resource = c.hasher.Join(c.scopeKey(), series), c.allKey()
		if gap == 0 {
			gap = s.maxGap
		}
	} else {
		resource = c.key()
		if gap == 0 {
			gap = ratestate.GapOf(pdata.DefaultInterval)
		}
	}
	batch, trust := &c.window.batch, k.conv.trust
	// Mostly the terms are those of the last counter.
	terms := &c.window.terms
	others := terms.Gap != gap || terms.Width != k.width || terms.Uptime != (ratestate.Uptime{})
	terms.Gap, terms.Width, terms.Uptime = gap, k.width, ratestate.Uptime{}
	k.points[0] = len(batch.Points)
	c.roomFor(points.Len())
	for i := range points.Len() {
		p := points.At(i)
		point, ok := pointOf(p)
		start := millisOf(p.StartTimestamp())
		switch {
		case !ok:
			batch.AddKnown(point, 0, ratestate.NotANumber)
		case k.delta:
			rate, outcome := point.Delta(start)
			batch.AddKnown(point, rate, outcome)
		case !c.here:
			batch.AddKnown(point, 0, ratestate.Moved)
		default:
			attributes := c.points[i].attributesKey(&c.hasher, p.Attributes())
			if others || start != terms.Start || trust.uptime >= 0 {
				terms.Start = start
				if trust.uptime >= 0 {
					terms.Uptime = c.uptimeOf(trust.uptime, attributes)
				}
				batch.SetTerms(terms)
				others = false
			}
			batch.Add(c.in(c.hasher.Join(resource, c.hasher.Join(series, attributes))), point)
		}
	}
	k.points[1] = len(batch.Points)
	if others {
		terms.Gap = 0 // they were not set: there was no point for them
	}
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
	c.roomFor(i + 1)
	return c.points[i].attributesKey(&c.hasher, m)
}

// roomFor makes room for the last attributes of so many points of a metric.
func (c *pass) roomFor(points int) {
	for points > len(c.points) {
		c.points = append(c.points, lastAttributes{})
	}
}
