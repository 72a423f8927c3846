package ber

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func values() *rapid.Generator[Value] {
	octets := rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 300), func(b []byte) string { return string(b) })
	return rapid.OneOf(
		rapid.Map(rapid.Int64(), IntegerValue),
		rapid.Custom(func(t *rapid.T) Value {
			return NumberValue(rapid.SampledFrom([]Type{Counter32, Gauge32, TimeTicks, Unsigned32}).Draw(t, "type"), uint64(rapid.Uint32().Draw(t, "n")))
		}),
		rapid.Map(rapid.Uint64(), func(n uint64) Value { return NumberValue(Counter64, n) }),
		rapid.Custom(func(t *rapid.T) Value {
			return OctetsValue(rapid.SampledFrom([]Type{OctetString, IPAddress, NsapAddress, Opaque, BitString}).Draw(t, "type"), octets.Draw(t, "octets"))
		}),
		rapid.Map(arcs(), func(a []uint32) Value { return ObjectIDValue(MakeOID(append([]uint32{1, 3}, a...)...)) }),
		rapid.Map(rapid.SampledFrom([]Type{Null, NoSuchObject, NoSuchInstance, EndOfMibView}), ExceptionValue),
		rapid.Map(rapid.Float32(), FloatValue),
		rapid.Map(rapid.Float64(), DoubleValue),
	)
}

func TestVariableComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Variable{MakeOID(append([]uint32{1, 3}, arcs().Draw(t, "name")...)...), values().Draw(t, "value")}
		list, err := AppendVarBind([]byte("before"), want)
		require.NoError(t, err)
		list = append(list, "after"...)
		got, rest, err := ReadVarBind(list[len("before"):])
		require.NoError(t, err)
		assert.Equal(t, "after", string(rest))
		parsed, err := got.Parse()
		require.NoError(t, err)
		assert.Equal(t, want, parsed)
	})
}

func TestNumbersFromSloppyAgents(t *testing.T) {
	for name, c := range map[string]struct {
		kind    Type
		content []byte
		want    uint64
		err     error
	}{
		"negative":                            {Integer, []byte{0xff}, math.MaxUint64, nil},
		"negative, extended":                  {Integer, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}, math.MaxUint64 - 1, nil},
		"integer of 64 bits":                  {Integer, []byte{1, 0, 0, 0, 0, 0, 0, 0}, 1 << 56, nil},
		"integer of 65 bits":                  {Integer, []byte{0, 0xff, 0, 0, 0, 0, 0, 0, 0}, 0, errIntegerLong},
		"no bytes":                            {Integer, nil, 0, errIntegerEmpty},
		"counter, zero left out":              {Counter32, []byte{0xff, 0xff, 0xff, 0xfe}, math.MaxUint32 - 1, nil},
		"short counter, zero left out":        {Gauge32, []byte{0xc8}, 200, nil},
		"counter, sign extended":              {Counter32, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}, math.MaxUint32 - 1, nil},
		"counter, sign extended to 5":         {TimeTicks, []byte{0xff, 0x80, 0, 0, 1}, 1<<31 + 1, nil},
		"counter of 33 bits":                  {Counter32, []byte{1, 0, 0, 0, 0}, 1 << 32, nil},
		"counter of 40 bits, zero left out":   {Counter32, []byte{0xc8, 0, 0, 0, 0}, 0xc8 << 32, nil},
		"counter with leading zeros":          {Counter32, []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}, 7, nil},
		"counter64":                           {Counter64, []byte{0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, math.MaxUint64, nil},
		"counter64, zero left out":            {Counter64, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, math.MaxUint64, nil},
		"counter64, short, zero left out":     {Counter64, []byte{0xff, 0xff, 0xff, 0xff}, math.MaxUint32, nil},
		"counter64, many zeros":               {Counter64, []byte{0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, math.MaxUint64, nil},
		"counter64 of 65 bits":                {Counter64, []byte{1, 0, 0, 0, 0, 0, 0, 0, 0}, 0, errIntegerLong},
		"counter64 of 72 bits, zero left out": {Counter64, []byte{0x80, 0, 0, 0, 0, 0, 0, 0, 0}, 0, errIntegerLong},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := ParseValue(byte(c.kind), c.content)
			assert.ErrorIs(t, err, c.err)
			if c.err == nil {
				assert.Equal(t, Value{kind: c.kind, num: c.want}, v)
			}
		})
	}
}

func TestValueText(t *testing.T) {
	for _, c := range []struct {
		value      Value
		name, text string
	}{
		{IntegerValue(-5), "INTEGER", "-5"},
		{NumberValue(Counter32, 5), "COUNTER", "5"},
		{NumberValue(Gauge32, 5), "GAUGE", "5"},
		{NumberValue(Unsigned32, 5), "GAUGE", "5"},
		{NumberValue(TimeTicks, 5), "TICKS", "5"},
		{NumberValue(Counter64, math.MaxUint64), "COUNTER64", "18446744073709551615"},
		{OctetsValue(OctetString, "a\x00\x80\xff"), "OCTETSTR", "a\u0000\u0080\u00ff"},
		{OctetsValue(Opaque, "\x9f\x79\x01"), "OPAQUE", "\u009fy\u0001"},
		{OctetsValue(NsapAddress, "\x49"), "NSAPADDRESS", "I"},
		{ObjectIDValue(MustOID("1.3.6")), "OBJECTID", ".1.3.6"},
		{OctetsValue(IPAddress, "\x7f\x00\x00\x01"), "IPADDR", "127.0.0.1"},
		{OctetsValue(IPAddress, "\x7f\x00\x00"), "IPADDR", "7F 00 00"},
		{OctetsValue(BitString, "\x00\x80\x01"), "BITS", "80 01"},
		{OctetsValue(BitString, ""), "BITS", ""},
		{ExceptionValue(Null), "NULL", ""},
		{ExceptionValue(NoSuchObject), "NOSUCHOBJECT", "NOSUCHOBJECT"},
		{ExceptionValue(NoSuchInstance), "NOSUCHINSTANCE", "NOSUCHINSTANCE"},
		{ExceptionValue(EndOfMibView), "ENDOFMIBVIEW", "ENDOFMIBVIEW"},
	} {
		assert.Equal(t, c.name, c.value.Type().Panoptes())
		assert.Equal(t, c.text, c.value.Text())
	}
	assert.Equal(t, `Integer32 "-5"`, IntegerValue(-5).String())
	assert.Equal(t, "type 0x99", Type(0x99).String())
}

func TestValueAsNumber(t *testing.T) {
	type number struct {
		i   int64
		iok bool
		u   uint64
		uok bool
		f   float64
		fok bool
	}
	for _, c := range []struct {
		value Value
		want  number
	}{
		{IntegerValue(-5), number{-5, true, 0, false, -5, true}},
		{NumberValue(Gauge32, 7), number{7, true, 7, true, 7, true}},
		{NumberValue(Counter64, 1<<63), number{0, false, 1 << 63, true, 1 << 63, true}},
		{FloatValue(1.5), number{0, false, 0, false, 1.5, true}},
		{DoubleValue(-0.1), number{0, false, 0, false, -0.1, true}},
		{OctetsValue(OctetString, "5"), number{}},
		{ExceptionValue(NoSuchObject), number{}},
	} {
		var got number
		got.i, got.iok = c.value.Int()
		got.u, got.uok = c.value.Uint()
		got.f, got.fok = c.value.Float()
		assert.Equal(t, c.want, got, c.value)
	}
	assert.Equal(t, OpaqueFloat, FloatValue(1).Type())
	assert.Equal(t, 32, Counter32.Width())
	assert.Equal(t, 64, Counter64.Width())
	assert.Equal(t, 0, Gauge32.Width())
	assert.Equal(t, MustOID("1.3"), ObjectIDValue(MustOID("1.3")).OID())
	assert.Empty(t, ObjectIDValue(MustOID("1.3")).Bytes())
	assert.True(t, IntegerValue(1).OID().IsZero())
}

func TestReadRefusesBrokenFrames(t *testing.T) {
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"nothing":            {nil, ErrTruncated},
		"no length":          {[]byte{2}, ErrTruncated},
		"too little":         {[]byte{2, 2, 1}, ErrTruncated},
		"indefinite":         {[]byte{0x30, 0x80, 0, 0}, ErrIndefinite},
		"length cut":         {[]byte{0x30, 0x82, 1}, ErrTruncated},
		"length beyond all":  {[]byte{0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0}, ErrTruncated},
		"length of 127 byte": {append([]byte{0x30, 0xff}, make([]byte, 100)...), ErrTruncated},
	} {
		_, _, _, err := Read(c.b)
		assert.ErrorIs(t, err, c.want, name)
	}
	_, _, err := Expect(4, []byte{2, 0})
	assert.ErrorIs(t, err, ErrTag)
	_, _, err = ReadInt([]byte{2, 5, 1, 0, 0, 0, 0})
	assert.EqualError(t, err, "a number of more than 32 bits")
	tag, content, rest, err := Read([]byte{4, 0x84, 0, 0, 0, 1, 'x', 'y'})
	assert.NoError(t, err)
	assert.Equal(t, "4 x y", string('0'+tag)+" "+string(content)+" "+string(rest))
}

func TestBuilderWritesLengths(t *testing.T) {
	for _, n := range []int{0, 127, 128, 255, 256, 65535, 65536, 100000} {
		var b Builder
		b.Octets(byte(OctetString), make([]byte, n))
		b.Int(byte(Integer), -129)
		b.Head(TagSequence, 0)
		content, rest, err := Expect(TagSequence, b.Bytes())
		require.NoError(t, err)
		assert.Empty(t, rest)
		i, content, err := ReadInt(content)
		require.NoError(t, err)
		assert.Equal(t, int32(-129), i)
		octets, content, err := Expect(byte(OctetString), content)
		require.NoError(t, err)
		assert.Len(t, octets, n)
		assert.Empty(t, content)
		assert.Equal(t, append(AppendHead(nil, byte(OctetString), n), octets...), b.Bytes()[b.Len()-headLen(n)-n:])
		b.Reset()
		assert.Empty(t, b.Bytes())
	}
}

// FuzzVarBinds reads lists of variables. What can be read can be written and is read again as the same.
func FuzzVarBinds(f *testing.F) {
	for _, v := range []Value{IntegerValue(-1), NumberValue(Counter64, 1<<63), OctetsValue(OctetString, "x"), DoubleValue(1), ObjectIDValue(MustOID("1.3.6.1")), ExceptionValue(EndOfMibView)} {
		list, _ := AppendVarBind(nil, Variable{MustOID("1.3.6.1.2.1.2.2.1.10.300"), v})
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list []byte) {
		for len(list) > 0 {
			raw, rest, err := ReadVarBind(list)
			if err != nil {
				return
			}
			list = rest
			v, err := raw.Parse()
			if err != nil {
				continue
			}
			again, err := AppendVarBind(nil, v)
			require.NoError(t, err)
			raw, rest, err = ReadVarBind(again)
			require.NoError(t, err)
			require.Empty(t, rest)
			parsed, err := raw.Parse()
			require.NoError(t, err)
			require.Equal(t, v, parsed)
			v.Value.Text()
			v.Value.Float()
		}
	})
}
