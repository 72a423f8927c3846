package ratestate

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestBetween(t *testing.T) {
	t.Parallel()
	const minInt, maxInt = math.MinInt64, math.MaxInt64
	tests := map[string]struct {
		old, p  Point
		rate    float64
		outcome Outcome
	}{
		"steady":                     {IntPoint(0, 1000), IntPoint(60_000, 7000), 100, Rate},
		"below one":                  {IntPoint(0, 0), IntPoint(60_000, 50), 50.0 / 60, Rate},
		"fraction of a second":       {IntPoint(0, 0), IntPoint(500, 7), 14, Rate},
		"a millisecond":              {IntPoint(0, 0), IntPoint(1, 1), 1000, Rate},
		"equal":                      {IntPoint(0, 5), IntPoint(60_000, 5), 0, Rate},
		"equal doubles":              {FloatPoint(0, 5.5), FloatPoint(60_000, 5.5), 0, Rate},
		"zero to minus zero":         {FloatPoint(0, 0), FloatPoint(60_000, math.Copysign(0, -1)), 0, Rate},
		"negative counters":          {IntPoint(0, -1000), IntPoint(60_000, -400), 10, Rate},
		"fell":                       {IntPoint(0, 1000), IntPoint(60_000, 999), 0, Reset},
		"fell a little":              {FloatPoint(0, 100.5), FloatPoint(60_000, 100.4), 0, Reset},
		"beyond 2^53":                {IntPoint(0, 1<<53+1), IntPoint(60_000, 1<<53+61), 1, Rate},
		"near the top":               {IntPoint(0, maxInt-3), IntPoint(1000, maxInt), 3, Rate},
		"difference beyond int64":    {IntPoint(0, minInt), IntPoint(1000, maxInt), math.MaxUint64, Rate},
		"difference in one ms":       {IntPoint(0, minInt), IntPoint(1, maxInt), math.MaxUint64 * 1000.0, Rate},
		"fell by more than int64":    {IntPoint(0, maxInt), IntPoint(1000, minInt), 0, Reset},
		"large, exact quotient":      {IntPoint(0, 0), IntPoint(60_000, 9_007_199_254_741_020_000), 150119987579017000, Rate},
		"int to double":              {IntPoint(0, 10), FloatPoint(1000, 12.5), 2.5, Rate},
		"double to int":              {FloatPoint(0, 10.5), IntPoint(1000, 12), 1.5, Rate},
		"large double":               {FloatPoint(0, 0), FloatPoint(2000, math.MaxFloat64), math.Nextafter(math.MaxFloat64/2, 0), Rate},
		"difference beyond a double": {FloatPoint(0, -math.MaxFloat64), FloatPoint(1000, math.MaxFloat64), 0, NotANumber},
		"rate beyond a double":       {FloatPoint(0, 0), FloatPoint(1, math.MaxFloat64), 0, NotANumber},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rate, outcome := between(tt.old, tt.p, &Terms{})
			assert.Equal(t, tt.outcome, outcome)
			assert.Equal(t, tt.rate, rate)
			assert.False(t, math.Signbit(rate), "no rate is negative, not even -0")
		})
	}
}

// TestIntRateExact: quotients are as near to the truth as a double can be.
func TestIntRateExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		delta := rapid.Uint64().Draw(t, "delta")
		dt := rapid.Uint64Range(1, 1<<45).Draw(t, "dt")
		delta >>= rapid.IntRange(0, 63).Draw(t, "shift")
		product := new(big.Int).Mul(new(big.Int).SetUint64(delta), big.NewInt(1000))
		quotient := new(big.Rat).SetFrac(product, new(big.Int).SetUint64(dt))
		want, _ := quotient.Float64()
		got := intRate(delta, dt)
		if got != want {
			t.Fatalf("%d/%d: %v instead of %v", delta, dt, got, want)
		}
	})
}
