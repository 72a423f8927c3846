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
const MaxMillis = 1<<55 - 1

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
	// Duplicate has the time of the last point.
	Duplicate
	// OutOfOrder is older than the last point.
	OutOfOrder
	// Gap is more than three intervals younger than the last point.
	Gap
	// Reset is smaller than the last value. Whether the counter started anew or wrapped around cannot be told.
	Reset
	// NotANumber means that the difference is beyond the range of doubles.
	NotANumber
)

// between computes the rate per second from one point to a later one.
func between(old, p Point) (float64, Outcome) {
	dt := p.Millis - old.Millis
	if old.float || p.float {
		return floatRate(p.asFloat()-old.asFloat(), float64(dt))
	}
	if int64(p.bits) < int64(old.bits) {
		return 0, Reset
	}
	// The difference of two int64 always fits into a uint64, and wraps to just that.
	return intRate(p.bits-old.bits, uint64(dt)), Rate
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
	if delta < 0 {
		return 0, Reset
	}
	rate := delta * 1000 / dtMillis
	if math.IsInf(rate, 0) { // delta*1000 may be too large although the rate is not
		rate = delta / dtMillis * 1000
	}
	if math.IsInf(rate, 0) {
		return 0, NotANumber
	}
	return rate + 0, Rate // plus 0 turns -0 (from 0 to -0) into 0
}
