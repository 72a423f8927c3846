// Package pyjson writes numbers and strings exactly as Python's json.dumps does with its defaults, which is what
// Panoptes puts on Kafka (docs/panoptes/formats.md). It depends on the standard library alone.
package pyjson

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// AppendFloat appends f in Python's repr form: the shortest text that reads back to f, with an exponent from 1e16 on
// and below 1e-4, and always a fraction or an exponent ("5.0"). NaN and the infinities come as NaN, Infinity and
// -Infinity, which no JSON reader but Python's takes: callers that write for others drop them first.
func AppendFloat(b []byte, f float64) []byte {
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
	for _, c := range b[start:] {
		if c == '.' {
			return b
		}
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

const hex = "0123456789abcdef"

// AppendString appends s as a JSON string in ASCII: everything outside the printable ASCII range is escaped, runes
// beyond the basic plane as a surrogate pair, and bytes that are no UTF-8 as \ufffd.
func AppendString(b []byte, s string) []byte {
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
