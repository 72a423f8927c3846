package table

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func octetString(s string) ber.Value { return ber.OctetsValue(ber.OctetString, s) }

func TestText(t *testing.T) {
	for _, c := range []struct {
		v    ber.Value
		f    Format
		want string
	}{
		{ber.IntegerValue(-5), FormatHex, "-5"},
		{ber.NumberValue(ber.Counter64, math.MaxUint64), FormatAuto, "18446744073709551615"},
		{ber.FloatValue(0.1), FormatAuto, "0.1"},
		{ber.DoubleValue(1e21), FormatAuto, "1000000000000000000000"},
		{ber.ObjectIDValue(ber.MustOID("1.3.6.1")), FormatHex, "1.3.6.1"},
		{ber.OctetsValue(ber.IPAddress, "\x0a\x00\x00\x01"), FormatText, "10.0.0.1"},
		{octetString("plain"), FormatAuto, "plain"},
		{octetString("with a zero\x00"), FormatAuto, "with a zero"},
		{octetString("größe\n"), FormatAuto, "größe\n"},
		{octetString("\x00\x01"), FormatAuto, "0x0001"},
		{octetString("gr\xf6\xdfe"), FormatAuto, "0x6772F6DF65"},
		{octetString("gr\xf6\xdfe"), FormatText, "gr\uFFFDe"},
		{octetString(""), FormatAuto, ""},
		{octetString(""), FormatHex, ""},
		{octetString("\x00\x1b"), FormatHex, "0x001B"},
		{octetString("\x00\x1b"), FormatMAC, "00:1B"},
		{octetString("\x00\x1b"), FormatMAC48, "00:1B:00:00:00:00"},
		{octetString("\x0a\x00\x00\x01"), FormatIP, "10.0.0.1"},
		{octetString("\x0a\x00\x00\x01\x00\x00\x00\x07"), FormatIP, "10.0.0.1%7"},
		{octetString("\x0a\x00\x00"), FormatIP, "0x0A0000"},
		{octetString("\x0a\x00\x00"), FormatIPv4, "10.0.0.0"},
		{octetString(" \x01\r\xb8"), FormatIPv6, "2001:0DB8:0000:0000:0000:0000:0000:0000"},
		{octetString("\x07\xea\x0c\x01\x0b;;\x05+\x01\x00"), FormatDate, "2026-12-01T11:59:59.5+01:00"},
		{octetString("\x07\xea"), FormatDate, "0x07EA"},
		{ber.ExceptionValue(ber.NoSuchInstance), FormatAuto, ""},
	} {
		assert.Equal(t, c.want, textOf(c.v, c.f), "%v as %d", c.v, c.f)
	}
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		m    Metric
		v    ber.Value
		want string // "" for none
	}{
		{Metric{}, ber.IntegerValue(-5), "-5"},
		{Metric{}, ber.NumberValue(ber.Counter64, math.MaxUint64), "18446744073709551615"},
		{Metric{}, ber.DoubleValue(0.5), "0.5"},
		{Metric{}, octetString(" 42 "), "42"},
		{Metric{}, octetString("-1.5e3"), "-1500.0"},
		{Metric{}, octetString("NaN"), ""},
		{Metric{}, octetString("inf"), ""},
		{Metric{}, octetString("12 C"), ""},
		{Metric{}, ber.ObjectIDValue(ber.MustOID("1.3")), ""},
		{Metric{Convert: ConvertOrZero}, octetString("42"), "0"},
		{Metric{Scale: 8}, ber.NumberValue(ber.Counter32, math.MaxUint32), "34359738360"},
		{Metric{Scale: 8}, ber.NumberValue(ber.Counter64, math.MaxInt64), "7.378697629483821e+19"},
		{Metric{Scale: -1, Offset: 2}, ber.IntegerValue(1), "1"},
		{Metric{Scale: 0.1}, ber.IntegerValue(5), "0.5"},
		{Metric{Scale: 0.1}, ber.IntegerValue(73), "7.300000000000001"},
		{Metric{Divisor: 10}, ber.IntegerValue(73), "7.3"},
		{Metric{Divisor: 10, Offset: -1}, ber.IntegerValue(-5), "-1.5"},
		{Metric{Offset: -0.5}, ber.IntegerValue(5), "4.5"},
		{Metric{Scale: 1, Offset: 1}, ber.NumberValue(ber.Counter64, math.MaxInt64), "9.223372036854776e+18"},
		{Metric{Numbers: map[int64]float64{2: 0.5}}, ber.IntegerValue(2), "0.5"},
		{Metric{Numbers: map[int64]float64{2: 7}}, ber.IntegerValue(2), "7"},
		{Metric{Numbers: map[int64]float64{2: 7}}, ber.IntegerValue(3), ""},
		{Metric{Convert: ConvertDateAndTime}, octetString("\x07\xb2\x01\x01\x00\x01\x00\x00"), "60"},
		{Metric{Convert: ConvertDateAndTime}, octetString("\x07\xb2\x01\x01\x00\x01\x00\x00-\x01\x00"), "3660"},
		{Metric{Convert: ConvertDateAndTime}, octetString("\x07\xb2\x01\x01\x00\x01\x00\x00*\x01\x00"), ""},
		{Metric{Convert: ConvertDateAndTime}, ber.IntegerValue(2), ""},
		{Metric{Convert: ConvertNTP}, octetString("\x83\xaa\x7e\x81\x00\x00\x00\x00"), "1"},
		{Metric{Convert: ConvertNTP}, octetString("\x83"), ""},
		{Metric{Convert: ConvertPattern, Pattern: "%b %d %Y"}, octetString("Jan 02 1970"), "86400"},
		{Metric{Convert: ConvertPattern, Pattern: "%b %d %Y"}, octetString("soon"), ""},
		{Metric{Convert: ConvertFlag, Scale: 2}, octetString("010"), "1"},
		{Metric{Convert: ConvertFlag, Scale: 4}, octetString("010"), ""},
	} {
		n, err := c.m.number(c.v)
		if c.want == "" {
			assert.Error(t, err, "%v", c.v)
			continue
		}
		require.NoError(t, err, "%v", c.v)
		assert.Equal(t, c.want, n.String(), "%v", c.v)
	}
}

func TestWidth(t *testing.T) {
	for _, c := range []struct {
		m    Metric
		bits int
		want uint8
	}{
		{Metric{}, 32, 32},
		{Metric{}, 64, 64},
		{Metric{}, 0, 0},
		{Metric{Scale: 1}, 32, 32},
		{Metric{Scale: 8}, 32, 35},
		{Metric{Scale: 8}, 64, 0},
		{Metric{Scale: 10}, 32, 0},
		{Metric{Scale: 0.5}, 32, 0},
		{Metric{Scale: -1}, 32, 0},
		{Metric{Offset: 1}, 32, 0},
		{Metric{Convert: ConvertFlag}, 32, 0},
		{Metric{Numbers: map[int64]float64{1: 2}}, 32, 0},
	} {
		assert.Equal(t, c.want, c.m.width(c.bits), "%+v of %d bits", c.m, c.bits)
	}
}

// An integer that is scaled by an integer is exact, or a double.
func TestScaled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, scale := rapid.Int64().Draw(t, "n"), rapid.Int64Range(-1000, 1000).Draw(t, "scale")
		offset := rapid.Int64Range(-1<<40, 1<<40).Draw(t, "offset")
		got := (&Metric{Scale: float64(scale), Offset: float64(offset)}).scaled(pluginsdk.Int(n))
		if scale == 0 {
			scale = 1
		}
		if i, exact := got.Int64(); exact {
			assert.Equal(t, n, (i-offset)/scale)
			assert.Zero(t, (i-offset)%scale)
		}
		assert.InEpsilon(t, 1+math.Abs(float64(n)*float64(scale)+float64(offset)), 1+math.Abs(got.Float64()), 1e-9)
	})
}

// An index that is put together of parts is taken apart into them.
func TestIndexComesApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var arcs []uint32
		var parts []IndexPart
		var texts []string
		for range rapid.IntRange(1, 4).Draw(t, "parts") {
			octets := rapid.SliceOfN(rapid.Byte(), 1, 8).Draw(t, "octets")
			content := make([]uint32, len(octets))
			for i, o := range octets {
				content[i] = uint32(o)
			}
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				n := rapid.Uint32().Draw(t, "n")
				parts, arcs = append(parts, IndexPart{}), append(arcs, n)
				texts = append(texts, ber.NumberValue(ber.Gauge32, uint64(n)).Text())
			case 1:
				parts = append(parts, IndexPart{Type: IndexOctets, Format: FormatHex})
				arcs = append(append(arcs, uint32(len(content))), content...)
				texts = append(texts, octetsText(string(octets), FormatHex))
			default:
				parts = append(parts, IndexPart{Type: IndexOctets, Format: FormatMAC, Size: len(content)})
				arcs = append(arcs, content...)
				texts = append(texts, octetsText(string(octets), FormatMAC))
			}
		}
		whole := ber.MakeOID(arcs...)
		reader := indexReader{left: whole}
		var key ber.OID
		for i := range parts {
			s := reader.read(&parts[i])
			assert.Equal(t, texts[i], textOf(s.value, s.format))
			key = key.Join(s.arcs)
		}
		assert.False(t, reader.short)
		assert.True(t, reader.left.IsZero())
		assert.Equal(t, whole, key)
		reader = indexReader{left: ber.MakeOID(arcs[:len(arcs)-1]...)}
		for i := range parts {
			reader.read(&parts[i])
		}
		assert.True(t, reader.short, "an arc is missing")
	})
}

// What an agent writes into an index never makes a reader fail.
func FuzzIndex(f *testing.F) {
	f.Add([]byte{1, 4, 10, 0, 0, 1}, true)
	f.Add([]byte{0x8f, 0xff, 0xff, 0xff, 0x7f, 1}, true)
	f.Fuzz(func(t *testing.T, index []byte, pad bool) {
		arcs, err := ber.AppendIndex(nil, index)
		if err != nil {
			return
		}
		for kind := IndexInteger; kind <= IndexLldpPortID; kind++ {
			for _, part := range []IndexPart{{}, {Implied: true}, {Size: 6}, {Format: FormatIP}} {
				part.Type = kind
				reader := indexReader{left: ber.OIDOf(string(arcs)), pad: pad}
				for range 3 {
					s := reader.read(&part)
					textOf(s.value, s.format)
				}
			}
		}
	})
}

func TestBoot(t *testing.T) {
	begin := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	var b Boot
	seen := func(after, uptime time.Duration, want time.Duration, restarted bool) {
		t.Helper()
		before := b.State().Start
		assert.Equal(t, begin.Add(want), b.seen(uptime, true, begin.Add(after)))
		assert.Equal(t, restarted, !before.IsZero() && b.State().Start != before)
	}
	seen(0, time.Hour, -time.Hour, false)
	seen(time.Minute, time.Hour+59*time.Second, -time.Hour, false)    // it wavers
	seen(2*time.Minute, time.Hour+121*time.Second, -time.Hour, false) // the other way
	seen(2*time.Minute+time.Second, time.Hour+121*time.Second, -time.Hour, false)
	seen(100*time.Hour, 96*time.Hour, -time.Hour, false) // its clock is slow
	seen(101*time.Hour, time.Minute, 101*time.Hour-time.Minute, true)
	seen(102*time.Hour, 50*time.Minute, 102*time.Hour-50*time.Minute, true) // more than before, but begun since
	seen(103*time.Hour, 110*time.Minute, 102*time.Hour-50*time.Minute, false)

	b.state = BootState{}
	seen(0, wrapUptime-time.Minute, time.Minute-wrapUptime, false)
	seen(2*time.Minute, time.Minute, time.Minute-wrapUptime, false) // TimeTicks began anew
	seen(3*time.Minute, 2*time.Minute, time.Minute-wrapUptime, false)
	seen(4*time.Minute, time.Second, 4*time.Minute-time.Second, true)
}
