// Package pyjson writes numbers and strings exactly as Python's json.dumps does with its defaults, which is what
// Panoptes puts on Kafka (docs/panoptes/formats.md), and reads JSON value by value, with what Python writes for numbers
// that are none. It depends on the standard library alone.
package pyjson

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Doubles below 1e9 that are a multiple of a millionth, and those below 1e12 that are one of a thousandth, have at most
// 15 digits, so no other decimal of as many digits reads as the same double: the text is the shortest one, which is
// Python's.
const (
	minShort     = 1e-4
	maxMillionth = 1e9
	maxThousand  = 1e12
)

// AppendFloat appends f in Python's repr form: the shortest text that reads back to f, with an exponent from 1e16 on
// and below 1e-4, and always a fraction or an exponent ("5.0"). NaN and the infinities come as NaN, Infinity and
// -Infinity, which no JSON reader but Python's takes: callers that write for others drop them first.
func AppendFloat(b []byte, f float64) []byte {
	abs := math.Abs(f)
	var n uint64 // in millionths
	switch {
	case abs >= minShort && abs < maxMillionth:
		if n = uint64(abs*1e6 + 0.5); float64(n)/1e6 != abs {
			return appendLong(b, f)
		}
	case abs >= maxMillionth && abs < maxThousand:
		if n = uint64(abs*1e3 + 0.5); float64(n)/1e3 != abs {
			return appendLong(b, f)
		}
		n *= 1000
	default:
		return appendLong(b, f)
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

// appendDecimals appends three decimals except for zeros at the end, of which a first one stays if nothing precedes it.
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

// AppendMillis appends milliseconds as seconds: at most 14 digits, so this is the shortest text of the double that they
// stand for.
func AppendMillis(b []byte, millis uint64) []byte {
	b = strconv.AppendUint(b, millis/1000, 10)
	b = append(b, '.')
	return appendDecimals(b, uint32(millis%1000))
}

// appendLong is AppendFloat for any double.
func appendLong(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "NaN"...)
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	}
	if abs := math.Abs(f); abs != 0 && (abs < 1e-4 || abs >= 1e16) {
		return strconv.AppendFloat(b, f, 'e', -1, 64)
	}
	start := len(b)
	b = strconv.AppendFloat(b, f, 'f', -1, 64)
	if slices.Contains(b[start:], '.') {
		return b
	}
	return append(b, ".0"...)
}

// RoundMillis rounds to three decimals as Python's round(x, 3): correctly on the exact binary value, halves to even.
func RoundMillis(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return f
	}
	// A time that is rounded already: the double next to n/1000, which is what the long way would read back.
	if n := math.RoundToEven(f * 1000); math.Abs(n) < 1<<50 && n/1000 == f {
		return f
	}
	var buf [64]byte
	r, err := strconv.ParseFloat(string(strconv.AppendFloat(buf[:0], f, 'f', 3, 64)), 64)
	if err != nil {
		return f
	}
	return r
}

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

const hex = "0123456789abcdef"

// AppendString appends s as a JSON string in ASCII: everything outside the printable ASCII range is escaped, runes
// beyond the basic plane as a surrogate pair, and bytes that are no UTF-8 as \ufffd. Text that needs no escapes, as nearly
// all has none, is copied at once.
func AppendString(b []byte, s string) []byte {
	start := len(b)
	end := start + len(s) + 1
	if end >= cap(b) {
		b = slices.Grow(b, len(s)+2)
	}
	out := b[:end+1]
	out[start] = '"'
	copy(out[start+1:], s)
	if !plain(out[start+1 : end]) {
		return appendEscaped(b, s)
	}
	out[end] = '"'
	return out
}

func appendEscaped(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c <= '~' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		if c < utf8.RuneSelf {
			b = appendASCIIEscape(b, c)
			i++
		} else {
			r, size := utf8.DecodeRuneInString(s[i:])
			b = appendRuneEscape(b, r)
			i += size
		}
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

func appendASCIIEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	case '\f':
		return append(b, `\f`...)
	case '\b':
		return append(b, `\b`...)
	}
	return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
}

func appendRuneEscape(b []byte, r rune) []byte {
	if r >= 0x10000 {
		r -= 0x10000
		b = appendRuneEscape(b, 0xd800+r>>10)
		r = 0xdc00 + r&0x3ff
	}
	return append(b, '\\', 'u', hex[r>>12&0xf], hex[r>>8&0xf], hex[r>>4&0xf], hex[r&0xf])
}
