package parity

import (
	"math"
	"strconv"
)

// compare compares a pair of samples. before and after are A's neighbours of a, nil where there is none.
func (c *Comparison) compare(of *series, before, a, after, b *sample) {
	agree := true
	differ := func(what, inA, inB string) {
		agree = false
		c.result.differ(c.options.MaxDifferences, Difference{Time: b.at, Series: of.name, What: what, A: inA, B: inB})
	}
	if a.key != b.key {
		differ("key", a.key, b.key)
	}
	if c.options.Partitions && a.partition != b.partition {
		differ("partition", strconv.Itoa(int(a.partition)), strconv.Itoa(int(b.partition)))
	}
	if a.interval != b.interval {
		differ("interval", a.interval.String(), b.interval.String())
	}
	for i := range a.values {
		va := &a.values[i]
		vb := b.find(va.name, va.counter)
		switch {
		case vb == nil:
			differ(va.what(), number(va.number), "missing")
		case va.counter && !c.counterAgrees(before.find(va.name, true), va, after.find(va.name, true), vb),
			!va.counter && !c.gaugeAgrees(va, vb):
			differ(va.what(), number(va.number), number(vb.number))
		}
	}
	for i := range b.values {
		if vb := &b.values[i]; a.find(vb.name, vb.counter) == nil {
			differ(vb.what(), "missing", number(vb.number))
		}
	}
	c.result.Compared++
	if agree {
		c.result.Agree++
	}
}

func (v *value) what() string {
	switch {
	case v.counter:
		return "counter " + v.name
	case v.rate:
		return "rate " + v.name
	}
	return "gauge " + v.name
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func (t Tolerance) of(a, b float64) float64 {
	return t.Absolute + t.Relative*max(math.Abs(a), math.Abs(b))
}

func (c *Comparison) gaugeAgrees(a, b *value) bool {
	allowed := c.options.Gauges.of(a.number, b.number)
	if a.rate {
		allowed++ // rates are truncated
	}
	return math.Abs(a.number-b.number) <= allowed
}

// counterAgrees says whether a counter lies between those that A had before and after, as it was read in between. Where A's
// fell there is nothing to say. One that has no neighbour is compared as a gauge.
func (c *Comparison) counterAgrees(before, a, after, b *value) bool {
	if before == nil && after == nil {
		return math.Abs(a.number-b.number) <= max(c.options.Gauges.of(a.number, b.number), c.options.Counters.of(a.number, b.number))
	}
	if before != nil && before.number > a.number || after != nil && after.number < a.number {
		return true
	}
	allowed := c.options.Counters.of(a.number, b.number)
	return (before == nil || b.number >= before.number-allowed) && (after == nil || b.number <= after.number+allowed)
}
