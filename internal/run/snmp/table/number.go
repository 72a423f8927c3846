package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/itchyny/timefmt-go"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Conversion says how a value becomes a number.
type Conversion uint8

// Conversions.
const (
	// ConvertNumber takes integers and floats, and text that is a number.
	ConvertNumber Conversion = iota
	// ConvertOrZero takes integers and floats; all else is 0, as in snmp_exporter.
	ConvertOrZero
	// ConvertDateAndTime takes a DateAndTime as seconds since 1970.
	ConvertDateAndTime
	// ConvertPattern takes text with Metric.Pattern, as strptime reads it, as seconds since 1970.
	ConvertPattern
	// ConvertNTP takes an NTP timestamp of eight octets as seconds since 1970.
	ConvertNTP
	// ConvertFlag takes one character of a text of 0 and 1: Metric.Scale is its place, from 1 on.
	ConvertFlag
)

var errNoNumber = errors.New("the value is no number")

// number converts a value of a metric.
func (m *Metric) number(v ber.Value) (pluginsdk.Number, error) {
	if m.Numbers != nil {
		i, isInt := v.Int()
		n, known := m.Numbers[i]
		if !isInt || !known {
			return pluginsdk.Number{}, errNoNumber
		}
		return shortest(n), nil
	}
	switch m.Convert {
	case ConvertDateAndTime, ConvertPattern, ConvertNTP:
		at, err := m.time(v)
		if err != nil {
			return pluginsdk.Number{}, err
		}
		return m.scaled(pluginsdk.Int(at)), nil
	case ConvertFlag:
		text, place := textOf(v, FormatText), int(m.Scale)
		if place < 1 || place > len(text) || text[place-1] != '0' && text[place-1] != '1' {
			return pluginsdk.Number{}, errNoNumber
		}
		return pluginsdk.Int(int64(text[place-1] - '0')), nil
	}
	n, err := plain(v, m.Convert == ConvertOrZero)
	if err != nil {
		return n, err
	}
	return m.scaled(n), nil
}

// plain returns the number that a value is.
func plain(v ber.Value, orZero bool) (pluginsdk.Number, error) {
	if i, ok := v.Int(); ok {
		return pluginsdk.Int(i), nil
	}
	if u, ok := v.Uint(); ok {
		return pluginsdk.Uint(u), nil
	}
	if f, ok := v.Float(); ok {
		return pluginsdk.Float(f), nil
	}
	if orZero {
		return pluginsdk.Int(0), nil
	}
	if v.Type() != ber.OctetString {
		return pluginsdk.Number{}, errNoNumber
	}
	return parseNumber(strings.Trim(v.Bytes(), " \t\r\n\x00"))
}

// parseNumber reads an integer or a decimal fraction.
func parseNumber(text string) (pluginsdk.Number, error) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return pluginsdk.Int(i), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return pluginsdk.Number{}, errNoNumber
	}
	return pluginsdk.Float(f), nil
}

// scaled multiplies and shifts. An integer stays one where both are whole and the result fits.
func (m *Metric) scaled(n pluginsdk.Number) pluginsdk.Number {
	switch {
	case m.Divisor != 0:
		return pluginsdk.Float(n.Float64()/m.Divisor + m.Offset)
	case m.Scale == 0 && m.Offset == 0:
		return n
	}
	scale := m.Scale
	if scale == 0 {
		scale = 1
	}
	if i, fits := n.Int64(); fits && scale == math.Trunc(scale) && m.Offset == math.Trunc(m.Offset) &&
		math.Abs(scale) <= 1<<53 && math.Abs(m.Offset) <= 1<<53 {
		if product, ok := multiply(i, int64(scale)); ok {
			sum := product + int64(m.Offset)
			if (sum > product) == (m.Offset > 0) || m.Offset == 0 {
				return pluginsdk.Int(sum)
			}
		}
	}
	return pluginsdk.Float(n.Float64()*scale + m.Offset)
}

func multiply(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(uint64(max(a, -a)), uint64(max(b, -b)))
	if hi != 0 || lo > math.MaxInt64 || a == math.MinInt64 {
		return 0, false
	}
	if (a < 0) != (b < 0) {
		return -int64(lo), true
	}
	return int64(lo), true
}

// shortest is an integer where f is one.
func shortest(f float64) pluginsdk.Number {
	if f == math.Trunc(f) && math.Abs(f) <= 1<<53 {
		return pluginsdk.Int(int64(f))
	}
	return pluginsdk.Float(f)
}

// time returns the seconds since 1970 that a value tells.
func (m *Metric) time(v ber.Value) (int64, error) {
	switch {
	case m.Convert == ConvertPattern:
		at, err := timefmt.Parse(textOf(v, FormatText), m.Pattern)
		return at.Unix(), err
	case v.Type() != ber.OctetString:
		return 0, errNoNumber
	case m.Convert == ConvertNTP:
		if len(v.Bytes()) != 8 {
			return 0, fmt.Errorf("an NTP timestamp has 8 octets, this one has %d", len(v.Bytes()))
		}
		const from1900To1970 = 2208988800
		return int64(binary.BigEndian.Uint32([]byte(v.Bytes()))) - from1900To1970, nil
	}
	at, err := dateAndTime(v.Bytes())
	return at.Unix(), err
}

// dateAndTime reads a DateAndTime of RFC 2579; one without time zone is UTC.
func dateAndTime(b string) (time.Time, error) {
	zone := time.UTC
	switch len(b) {
	case 8:
	case 11:
		seconds := int(b[9])*3600 + int(b[10])*60
		if b[8] != '+' && b[8] != '-' || b[9] > 24 || b[10] >= 60 {
			return time.Time{}, fmt.Errorf("a DateAndTime has the time zone %q", b[8:])
		}
		if b[8] == '-' {
			seconds = -seconds
		}
		zone = time.FixedZone("", seconds)
	default:
		return time.Time{}, fmt.Errorf("a DateAndTime has 8 or 11 octets, this one has %d", len(b))
	}
	year := int(b[0])<<8 | int(b[1])
	return time.Date(year, time.Month(b[2]), int(b[3]), int(b[4]), int(b[5]), int(b[6]), int(b[7])*1e8, zone), nil
}

// bit says whether a named bit of BITS is set; the first bit is the highest of the first octet.
func bit(octets string, n int64) bool {
	return n >= 0 && n/8 < int64(len(octets)) && octets[n/8]&(0x80>>(n%8)) != 0
}
