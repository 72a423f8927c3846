package panoptesjson

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
)

// The bytes that can stand in a JSON string as they are, eight at a time.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plain says whether all of b is printable ASCII without quotes and backslashes. The last bytes are read together with
// some before them, rather than one by one.
func plain(b []byte) bool {
	n := len(b)
	if n < 4 {
		for _, c := range b {
			if c < ' ' || c > '~' || c == '"' || c == '\\' {
				return false
			}
		}
		return true
	}
	if n < 8 {
		return !special(uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<32)
	}
	last := binary.LittleEndian.Uint64(b[n-8:])
	for ; len(b) > 8; b = b[8:] {
		if special(binary.LittleEndian.Uint64(b)) {
			return false
		}
	}
	return !special(last)
}

// special says whether one of eight bytes needs an escape. Each term has the high bit set in the first byte it is
// about: below the blank, equal to DEL, to a quote, to a backslash, and, by x itself, beyond ASCII. A borrow can set it
// in later bytes too, which does not matter to a question about any.
func special(x uint64) bool {
	del, quote, backslash := x^ones*0x7f, x^ones*'"', x^ones*'\\'
	return (x|(x-ones*' ')|(del-ones)&^del|(quote-ones)&^quote|(backslash-ones)&^backslash)&highs != 0
}

// appendString is pyjson.AppendString with a short way for text that needs no escapes.
func appendString(b []byte, s string) []byte {
	start := len(b)
	end := start + len(s) + 1
	if end >= cap(b) {
		b = slices.Grow(b, len(s)+2)
	}
	out := b[:end+1]
	out[start] = '"'
	copy(out[start+1:], s)
	if !plain(out[start+1 : end]) {
		return pyjson.AppendString(b, s)
	}
	out[end] = '"'
	return out
}

// Doubles below 1e9 that are a multiple of a millionth, and those below 1e12 that are one of a thousandth, have at most
// 15 digits, so no other decimal of as many digits reads as the same double: the text is the shortest one, which is
// Python's.
const (
	minShort     = 1e-4
	maxMillionth = 1e9
	maxThousand  = 1e12
)

// appendFloat is pyjson.AppendFloat with a short way for numbers with few decimals, which most measurements are.
func appendFloat(b []byte, f float64) []byte {
	abs := math.Abs(f)
	var n uint64 // in millionths
	switch {
	case abs >= minShort && abs < maxMillionth:
		if n = uint64(abs*1e6 + 0.5); float64(n)/1e6 != abs {
			return pyjson.AppendFloat(b, f)
		}
	case abs >= maxMillionth && abs < maxThousand:
		if n = uint64(abs*1e3 + 0.5); float64(n)/1e3 != abs {
			return pyjson.AppendFloat(b, f)
		}
		n *= 1000
	default:
		return pyjson.AppendFloat(b, f)
	}
	if f < 0 {
		b = append(b, '-')
	}
	fraction := uint32(n % 1e6)
	b = strconv.AppendUint(b, n/1e6, 10)
	b = append(b, '.')
	if fraction%1000 == 0 {
		return appendDecimals(b, fraction/1000)
	}
	high := fraction / 1000
	b = append(b, '0'+byte(high/100), '0'+byte(high/10%10), '0'+byte(high%10))
	return appendDecimals(b, fraction%1000)
}

// appendDecimals appends three decimals but for zeros at the end, of which a first one stays if nothing precedes it.
func appendDecimals(b []byte, n uint32) []byte {
	first, second, third := '0'+byte(n/100), '0'+byte(n/10%10), '0'+byte(n%10)
	switch {
	case third != '0':
		return append(b, first, second, third)
	case second != '0':
		return append(b, first, second)
	}
	return append(b, first)
}

const nanosPerMilli = 1_000_000

// roundedMillis is a time in milliseconds.
func roundedMillis(nanos uint64) uint64 {
	millis := nanos / nanosPerMilli
	if nanos%nanosPerMilli >= nanosPerMilli/2 {
		millis++
	}
	return millis
}

// appendSeconds appends nanoseconds as seconds, rounded to the millisecond: at most 14 digits, so this is the shortest
// text of the double that they stand for.
func appendSeconds(b []byte, nanos uint64) []byte {
	millis := roundedMillis(nanos)
	b = strconv.AppendUint(b, millis/1000, 10)
	b = append(b, '.')
	return appendDecimals(b, uint32(millis%1000))
}
