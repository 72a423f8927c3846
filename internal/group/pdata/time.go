package pdata

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const (
	nanosPerMilli  = 1_000_000
	nanosPerSecond = 1_000_000_000
	// maxMillis is the last millisecond that pdata's 64 bits of nanoseconds hold: in the year 2554.
	maxMillis = math.MaxUint64 / nanosPerMilli
)

// pdataTime turns seconds into nanoseconds, exact to the millisecond. It fails before 1970, after 2554, and for what is
// no time.
func pdataTime(seconds pluginsdk.Number) (pcommon.Timestamp, bool) {
	if i, ok := seconds.Int64(); ok {
		if i < 0 || i > maxMillis/1000 {
			return 0, false
		}
		return pcommon.Timestamp(i) * nanosPerSecond, true
	}
	millis := math.RoundToEven(seconds.Float64() * 1000)
	if !(millis >= 0 && millis <= maxMillis) { // negated, so that NaN fails too
		return 0, false
	}
	return pcommon.Timestamp(millis) * nanosPerMilli, true
}

// HasTime says whether a data point has a time: one that is zero, as in OpenTelemetry, or would be in milliseconds, is none.
func HasTime(t pcommon.Timestamp) bool { return t >= nanosPerMilli/2 }

// secondsOf turns nanoseconds into seconds, rounded to the millisecond. The quotient of two integers below 2^53 is the
// double nearest to the decimal fraction, so it prints with three decimals at most.
func secondsOf(t pcommon.Timestamp) pluginsdk.Number {
	millis := t / nanosPerMilli
	if t%nanosPerMilli >= nanosPerMilli/2 {
		millis++
	}
	return pluginsdk.Float(float64(millis) / 1000)
}
