package ber

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// Value is a value as an agent gave it, or the exception that stands in its place. Values of equal type and content are
// equal; the zero Value is none.
type Value struct {
	kind Type
	num  uint64 // of whole numbers; an Integer's two's complement
	text string // of all else: the octets, or the arcs of an object identifier
}

// Type is the type of the value.
func (v Value) Type() Type { return v.kind }

// Int returns a whole number. A Counter64 above the largest int64 is none.
func (v Value) Int() (n int64, ok bool) {
	if !v.kind.Number() || v.kind != Integer && v.num > math.MaxInt64 {
		return 0, false
	}
	return int64(v.num), true
}

// Uint returns a whole number that is not negative.
func (v Value) Uint() (n uint64, ok bool) {
	if !v.kind.Number() || v.kind == Integer && int64(v.num) < 0 {
		return 0, false
	}
	return v.num, true
}

// Float returns any number, whole or not.
func (v Value) Float() (f float64, ok bool) {
	switch v.kind {
	case OpaqueFloat:
		return float64(math.Float32frombits(binary.BigEndian.Uint32([]byte(v.text[3:7])))), true
	case OpaqueDouble:
		return math.Float64frombits(binary.BigEndian.Uint64([]byte(v.text[3:11]))), true
	case Integer:
		return float64(int64(v.num)), true
	}
	return float64(v.num), v.kind.Number()
}

// Bytes returns the octets of an OctetString, BitString (without its first byte, the count of unused bits), IPAddress,
// NsapAddress or Opaque (all of what is wrapped), and nothing for other types.
func (v Value) Bytes() string {
	switch v.kind {
	case ObjectID:
		return ""
	case BitString:
		return v.text[min(1, len(v.text)):]
	}
	return v.text
}

// OID returns an object identifier; other types have none.
func (v Value) OID() OID {
	if v.kind != ObjectID {
		return OID{}
	}
	return OID{v.text}
}

// Text returns the value as Panoptes' plugins see it (docs/panoptes/snmp.md, section 2): numbers in decimal, object
// identifiers with a dot in front, addresses as usual, the bytes of other octets as the characters U+0000 to U+00FF,
// exceptions by their name, and bit strings in hexadecimal.
func (v Value) Text() string { return string(v.AppendText(nil)) }

// AppendText appends what Text returns.
func (v Value) AppendText(dst []byte) []byte {
	switch v.kind {
	case Integer:
		return strconv.AppendInt(dst, int64(v.num), 10)
	case Counter32, Gauge32, TimeTicks, Counter64, Unsigned32:
		return strconv.AppendUint(dst, v.num, 10)
	case ObjectID:
		return OID{v.text}.AppendText(append(dst, '.'))
	case IPAddress:
		if addr, ok := netip.AddrFromSlice([]byte(v.text)); ok {
			return addr.AppendTo(dst)
		}
		return appendHex(dst, v.text)
	case BitString:
		return appendHex(dst, v.Bytes())
	case NoSuchObject, NoSuchInstance, EndOfMibView:
		return append(dst, v.kind.Panoptes()...)
	}
	return appendLatin1(dst, v.text)
}

// Clone returns the same value in memory of its own.
func (v Value) Clone() Value {
	v.text = strings.Clone(v.text)
	return v
}

// String is for logs and messages.
func (v Value) String() string { return fmt.Sprintf("%s %q", v.kind, v.Text()) }

func appendHex(dst []byte, octets string) []byte {
	for i := range len(octets) {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = fmt.Appendf(dst, "%02X", octets[i])
	}
	return dst
}

func appendLatin1(dst []byte, octets string) []byte {
	for i := range len(octets) {
		if c := octets[i]; c < 0x80 {
			dst = append(dst, c)
		} else {
			dst = append(dst, 0xc0|c>>6, 0x80|c&0x3f)
		}
	}
	return dst
}

// IntegerValue returns an Integer.
func IntegerValue(n int64) Value { return Value{kind: Integer, num: uint64(n)} }

// NumberValue returns a whole number of another type than Integer.
func NumberValue(t Type, n uint64) Value { return Value{kind: t, num: n} }

// OctetsValue returns a value of a type that is made of octets: OctetString, IPAddress, NsapAddress, and Opaque, which is
// looked into, so that the value may be an OpaqueFloat or an OpaqueDouble. A BitString has its count of unused bits in front.
func OctetsValue(t Type, octets string) Value {
	if t == Opaque {
		t = opaqueType(octets)
	}
	return Value{kind: t, text: octets}
}

// ObjectIDValue returns an object identifier as a value.
func ObjectIDValue(o OID) Value { return Value{kind: ObjectID, text: o.arcs} }

// ExceptionValue returns a Null, or an exception.
func ExceptionValue(t Type) Value { return Value{kind: t} }

// FloatValue returns an OpaqueFloat.
func FloatValue(f float32) Value {
	return Value{kind: OpaqueFloat, text: string(binary.BigEndian.AppendUint32([]byte{tagExtended, tagFloat, 4}, math.Float32bits(f)))}
}

// DoubleValue returns an OpaqueDouble.
func DoubleValue(f float64) Value {
	return Value{kind: OpaqueDouble, text: string(binary.BigEndian.AppendUint64([]byte{tagExtended, tagDouble, 8}, math.Float64bits(f)))}
}

func opaqueType[T string | []byte](octets T) Type {
	switch {
	case len(octets) == 7 && octets[0] == tagExtended && octets[1] == tagFloat && octets[2] == 4:
		return OpaqueFloat
	case len(octets) == 11 && octets[0] == tagExtended && octets[1] == tagDouble && octets[2] == 8:
		return OpaqueDouble
	}
	return Opaque
}

var (
	errIntegerEmpty = errors.New("a number without bytes")
	errIntegerLong  = errors.New("a number of more than 64 bits")
	errException    = errors.New("an exception or Null with content")
)

// Number reads a whole number from its bytes in a message. An Integer comes as its two's complement.
//
// Agents are sloppy with unsigned numbers: some leave out the zero byte in front, so that the number looks negative, and
// some extend that sign to more bytes. Both are read as the unsigned number of 32 or 64 bits that was meant
// (snmp_exporter#191, puresnmp#63). What is larger than its type allows but fits into 64 bits is given as it is.
func Number(t Type, content []byte) (uint64, error) {
	n := len(content)
	if n == 0 {
		return 0, errIntegerEmpty
	}
	for n > 8 && (content[0] == 0 && content[1] < 0x80 || content[0] == 0xff && content[1] >= 0x80) {
		content, n = content[1:], n-1 // it only repeats the sign
	}
	if n == 9 && content[0] == 0 && t != Integer {
		return binary.BigEndian.Uint64(content[1:]), nil
	}
	if n > 8 {
		return 0, errIntegerLong
	}
	value := uint64(int64(int8(content[0])))
	for _, c := range content[1:] {
		value = value<<8 | uint64(c)
	}
	switch {
	case t == Integer || int64(value) >= 0:
		return value, nil
	case t != Counter64 && n > 4 && int64(value) >= math.MinInt32:
		return value & math.MaxUint32, nil
	}
	return value & (math.MaxUint64 >> (64 - 8*n)), nil
}

// ParseValue reads a value from its tag and bytes in a message. An unknown tag is an error, as is a number that has no
// bytes or more than 64 bits.
func ParseValue(tag byte, content []byte) (Value, error) {
	t := Type(tag)
	switch t {
	case Integer, Counter32, Gauge32, TimeTicks, Counter64, Unsigned32:
		n, err := Number(t, content)
		return Value{kind: t, num: n}, err
	case ObjectID:
		o, err := ParseContent(content)
		return Value{kind: t, text: o.arcs}, err
	}
	t, err := OctetsType(tag, content)
	return Value{kind: t, text: string(content)}, err
}

// OctetsType is the type of a value that is no number and no object identifier, by its tag and bytes in a message.
func OctetsType(tag byte, content []byte) (Type, error) {
	switch t := Type(tag); t {
	case OctetString, IPAddress, NsapAddress, BitString:
		return t, nil
	case Opaque:
		return opaqueType(content), nil
	case Null, NoSuchObject, NoSuchInstance, EndOfMibView:
		if len(content) > 0 {
			return 0, errException
		}
		return t, nil
	}
	return 0, fmt.Errorf("a value with the unknown tag 0x%02x", tag)
}
