package ratestate

import "math"

// Width says how wide a counter is in its device, and with that where it wraps around to 0.
type Width uint8

// The widths. Without one no fall is taken for a wrap.
const (
	WidthUnknown Width = 0
	// WidthAuto takes the narrower width that holds the last value, and takes a fall for a wrap only where an Uptime
	// shows that the device was up from one point to the next.
	WidthAuto Width = 1
	// Any other from 2 to 64 is a number of bits.
	Width32 Width = 32
	Width64 Width = 64
)

// Terms are what a point of a counter is judged by, beside the last point of its series. Times are in milliseconds
// since 1970.
type Terms struct {
	// Gap is the longest time between two points that have a rate, in milliseconds, from 1000 to MaxGap. A series that
	// is silent for longer expires.
	Gap   int64
	Width Width
	// Start is the time at which the counter began, as its source says; 0 where it does not.
	Start int64
	// Uptime is what is known of the counter's device; zero where nothing is.
	Uptime Uptime
}

// Uptime is what a metric that says how long a device has been up tells about its counters.
type Uptime struct {
	// Since is the time from which on the uptime has only grown: that of the point at which it fell, or of the first.
	Since int64
	// Last is the time of its last point.
	Last int64
	// Fell is true where the uptime fell at Since: the device began anew at some time before.
	Fell bool
}

// slackOf is by how much the points of one run may lie apart, if dt lies between the runs: the metrics of a run are read
// one after the other.
func slackOf(dt int64) int64 { return dt / 4 }

// restarted says whether the counter is known to have begun anew between two points, or may have because its uptime was
// not seen before (docs/non-obvious.md).
func (t *Terms) restarted(old, p Point) bool {
	return t.Start > old.Millis || t.Uptime.Since-old.Millis > slackOf(p.Millis-old.Millis)
}

// wrapped returns by how much a counter grew that fell from old to p, if that fits a wrap: both are integers of the
// counter's width, the growth is less than half of what the counter can hold (beyond that a reset is as likely), and
// nothing says that the device began anew.
func (t *Terms) wrapped(old, p Point) (delta uint64, ok bool) {
	if t.Width == WidthUnknown || t.Uptime.Fell && t.Uptime.Since > old.Millis {
		return 0, false
	}
	width := t.Width
	if width == WidthAuto {
		if !t.upBetween(old, p) {
			return 0, false
		}
		width = Width64
		if _, small := old.modulo(Width32); small {
			width = Width32
		}
	}
	from, ok1 := old.modulo(width)
	to, ok2 := p.modulo(width)
	if !ok1 || !ok2 {
		return 0, false
	}
	delta = (to - from) & width.top()
	return delta, delta <= width.top()/2
}

// upBetween says whether the uptime was seen at both points, and grew in between.
func (t *Terms) upBetween(old, p Point) bool {
	slack := slackOf(p.Millis - old.Millis)
	return t.Uptime.Since > 0 && t.Uptime.Since-old.Millis <= slack && p.Millis-t.Uptime.Last <= slack
}

// top is the largest value of a counter of so many bits.
func (w Width) top() uint64 { return math.MaxUint64 >> (64 - w) }

// modulo returns the value as a counter of so many bits has it; it is not ok where the counter cannot have it. Integers
// below 0 are those of 64 bits that were taken for signed ones on their way; 2^64 is what doubles make of the last 1,024
// values before it.
func (p Point) modulo(w Width) (v uint64, ok bool) {
	v = p.bits
	if p.float {
		f := p.asFloat()
		if f < 0 || f > 1<<64 || f != math.Trunc(f) {
			return 0, false
		}
		v = 0
		if f < 1<<64 {
			v = uint64(f)
		} else if w < Width64 {
			return 0, false
		}
	}
	return v, v <= w.top()
}
