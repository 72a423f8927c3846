package pluginsdk

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
)

// Number is a number as Panoptes knows it: an integer of any size, or a double. 5 and 5.0 are different numbers and
// stay so on their way through JSON. The zero Number is the integer 0. A Number is a value: copy it freely.
type Number struct {
	bits uint64   // of an int64, or of a double
	big  *big.Int // nil for an int64, double for a double, else the integer, which is never changed
}

// double marks numbers that are doubles: groups have thousands of numbers, which are half as large as with a field for that.
var double = new(big.Int)

// Int returns the integer i.
func Int(i int64) Number { return Number{bits: uint64(i)} }

// Uint returns the integer u.
func Uint(u uint64) Number {
	if u > math.MaxInt64 {
		return Number{big: new(big.Int).SetUint64(u)}
	}
	return Number{bits: u}
}

// Float returns the double f, which may be NaN or infinite: Panoptes' Python package lets these through, everything
// that sends a group on drops and counts them.
func Float(f float64) Number { return Number{math.Float64bits(f), double} }

// ParseNumber reads a JSON number: an integer where the text has neither fraction nor exponent, else a double.
func ParseNumber(text string) (Number, error) {
	if !pyjson.ValidNumber(text) {
		return Number{}, fmt.Errorf("%.40q is not a JSON number", text)
	}
	for _, c := range []byte(text) {
		if c == '.' || c == 'e' || c == 'E' {
			f, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return Number{}, fmt.Errorf("number %.40s is beyond the range of a double", text)
			}
			return Float(f), nil
		}
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return Int(i), nil
	}
	if len(text) > maxIntegerDigits {
		return Number{}, fmt.Errorf("integer has %d digits, limit is %d", len(text), maxIntegerDigits)
	}
	b, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return Number{}, fmt.Errorf("%.40q is not an integer", text)
	}
	return Number{big: b}, nil
}

// maxIntegerDigits bounds the work a single number can cause: reading an integer of n digits costs about n^2. The
// largest double has 309 digits, and no consumer can hold more.
const maxIntegerDigits = 320

// IsInt says whether n is an integer, of whatever size.
func (n Number) IsInt() bool { return n.big != double }

// Int64 returns n as an int64, and whether n is an integer that fits.
func (n Number) Int64() (int64, bool) {
	if n.big != nil {
		return 0, false
	}
	return int64(n.bits), true
}

// Float64 returns n as the nearest double; an integer beyond the range of doubles becomes infinite.
func (n Number) Float64() float64 {
	switch n.big {
	case double:
		return math.Float64frombits(n.bits)
	case nil:
		return float64(int64(n.bits))
	}
	f, _ := new(big.Float).SetInt(n.big).Float64()
	return f
}

// IsFinite is false for NaN, the infinities, and integers beyond the range of doubles.
func (n Number) IsFinite() bool {
	f := n.Float64()
	return !math.IsNaN(f) && !math.IsInf(f, 0)
}

// Equal compares as Python's == does with one difference: 5 and 5.0 are not equal. NaN equals nothing.
func (n Number) Equal(o Number) bool {
	switch {
	case n.IsInt() != o.IsInt():
		return false
	case !n.IsInt():
		return n.Float64() == o.Float64()
	case n.big != nil && o.big != nil:
		return n.big.Cmp(o.big) == 0
	}
	return n.big == o.big && n.bits == o.bits
}

// Append appends n as Python's json.dumps writes it.
func (n Number) Append(b []byte) []byte {
	switch n.big {
	case double:
		return pyjson.AppendFloat(b, math.Float64frombits(n.bits))
	case nil:
		return strconv.AppendInt(b, int64(n.bits), 10)
	}
	return n.big.Append(b, 10)
}

// String is the text that Append writes.
func (n Number) String() string { return string(n.Append(nil)) }

// MarshalJSON implements json.Marshaler. NaN and the infinities have no JSON form and are an error.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.IsInt() && !n.IsFinite() {
		return nil, errors.New("a number that is not finite has no JSON form")
	}
	return n.Append(nil), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(data []byte) error {
	v, err := ParseNumber(string(data))
	if err == nil {
		*n = v
	}
	return err
}
