package ratestate

import (
	"math"
	"math/big"
)

// Point is a value of a counter at a time.
type Point struct {
	// Millis is the time in milliseconds since 1970, from 0 to MaxMillis.
	Millis int64
	bits   uint64
	float  bool
}

// MaxMillis is the latest time of a Point; pdata ends at 18446744073709 (the year 2554).
const MaxMillis = 1<<45 - 1

// IntPoint returns the Point of an integer counter.
func IntPoint(millis, value int64) Point { return Point{Millis: millis, bits: uint64(value)} }

// FloatPoint returns the Point of a counter that is a double. The value must be finite.
func FloatPoint(millis int64, value float64) Point {
	return Point{Millis: millis, bits: math.Float64bits(value), float: true}
}

func (p Point) asFloat() float64 {
	if p.float {
		return math.Float64frombits(p.bits)
	}
	return float64(int64(p.bits))
}

// sameValue says whether both have the same value in the same form.
func (p Point) sameValue(o Point) bool {
	return p.float == o.float && (p.bits == o.bits || p.float && p.asFloat() == o.asFloat())
}

// Outcome says what came of a data point.
type Outcome uint8

// The outcomes. All but Rate mean that the point has no rate.
const (
	// Rate means there is a rate.
	Rate Outcome = iota
	// First is the first value of its series, or the first after the state expired.
	First
	// Evicted is a value whose predecessor was forgotten before its time because there were too many series.
	Evicted
	// Duplicate has the time of the last point.
	Duplicate
	// OutOfOrder is older than the last point.
	OutOfOrder
	// Gap is younger than the last point by more than Terms.Gap, or the first after the state expired not long ago.
	Gap
	// Reset comes after the counter began anew, or after it fell and that is not known to be a wrap.
	Reset
	// Moved is of a series whose part of the state is not here.
	Moved
	// NotANumber means that the difference is beyond the range of doubles.
	NotANumber
)

// fell says whether a later point is smaller than an earlier one.
func fell(old, p Point) bool {
	if old.float || p.float {
		return p.asFloat() < old.asFloat()
	}
	return int64(p.bits) < int64(old.bits)
}

// between computes the rate per second from one point to a later one.
func between(old, p Point, t *Terms) (float64, Outcome) {
	if t.restarted(old, p) {
		return 0, Reset
	}
	dt := p.Millis - old.Millis
	if fell(old, p) {
		delta, ok := t.wrapped(old, p)
		if !ok {
			return 0, Reset
		}
		return intRate(delta, uint64(dt)), Rate
	}
	if old.float || p.float {
		return floatRate(p.asFloat()-old.asFloat(), float64(dt))
	}
	// The difference of two int64 always fits into a uint64, and wraps to just that.
	return intRate(p.bits-old.bits, uint64(dt)), Rate
}

// Delta returns the rate per second of a sum that is itself the growth in a window which began at start and ended at
// the point's time. It needs no state. No known start, or a window of no length, gives NotANumber, growth below 0 Reset.
func (p Point) Delta(start int64) (float64, Outcome) {
	from := Point{Millis: start, float: p.float}
	switch {
	case start == 0 || p.Millis <= start:
		return 0, NotANumber
	case fell(from, p):
		return 0, Reset
	}
	return between(from, p, &Terms{})
}

// maxExactDelta times 1000 is still exact in a double.
const maxExactDelta = 1 << 53 / 1000

// intRate is the double nearest to delta/dt, so a quotient that is an integer comes out as that integer: the JSON
// exporter truncates it.
func intRate(delta, dtMillis uint64) float64 {
	if delta <= maxExactDelta {
		return float64(delta*1000) / float64(dtMillis)
	}
	// 9e12 in one interval is rare enough to pay for arithmetic without bounds.
	product := new(big.Int).SetUint64(delta)
	product.Mul(product, big.NewInt(1000))
	rate, _ := new(big.Rat).SetFrac(product, new(big.Int).SetUint64(dtMillis)).Float64()
	return rate
}

func floatRate(delta, dtMillis float64) (float64, Outcome) {
	rate := delta * 1000 / dtMillis
	if math.IsInf(rate, 0) { // delta*1000 may be too large although the rate is not
		rate = delta / dtMillis * 1000
	}
	if math.IsInf(rate, 0) {
		return 0, NotANumber
	}
	return rate + 0, Rate // plus 0 turns -0 (from 0 to -0) into 0
}
