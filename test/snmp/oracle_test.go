package snmp

import (
	"fmt"
	"math"
	"math/bits"
	"net"
	"strings"
	"testing"

	"github.com/gosnmp/gosnmp"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
)

// Here gosnmp is the oracle of our codec: what either writes the other must read, with the same values. The generators keep
// to what both can say. What gosnmp cannot:
//
//   - It reads no BitString and no NsapAddress, and writes no NsapAddress; it writes no Integer of more than 32 bits.
//   - It refuses a packet with an IPAddress that has neither 4 nor 16 bytes, or with an empty Opaque.
//   - It holds error-status, error-index and non-repeaters in a byte, and writes the length of a community in one.
//   - It reads any Opaque that begins as a floating-point number does as one, or refuses the packet.
//
// What differs in packets that neither would write is in FuzzOracle.

// pdu is a PDU with its variables.
type pdu struct {
	message.PDU
	variables []ber.Variable
}

func oids() *rapid.Generator[ber.OID] {
	arc := rapid.OneOf(rapid.Uint32Range(0, 300), rapid.Uint32(), rapid.SampledFrom([]uint32{127, 128, 16383, 16384, math.MaxUint32}))
	return rapid.Custom(func(t *rapid.T) ber.OID {
		first := rapid.Uint32Range(0, 2).Draw(t, "first")
		second := rapid.Uint32Range(0, 39).Draw(t, "second")
		if first == 2 {
			second = rapid.Uint32Range(0, math.MaxUint32-80).Draw(t, "second of 2")
		}
		return ber.MakeOID(append([]uint32{first, second}, rapid.SliceOfN(arc, 0, 126).Draw(t, "arcs")...)...)
	})
}

func values() *rapid.Generator[ber.Value] {
	octets := func(sizes ...int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			size := rapid.SampledFrom(sizes).Draw(t, "size")
			return string(rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "octets"))
		})
	}
	return rapid.OneOf(
		rapid.Map(rapid.Int32(), func(n int32) ber.Value { return ber.IntegerValue(int64(n)) }),
		rapid.Custom(func(t *rapid.T) ber.Value {
			kind := rapid.SampledFrom([]ber.Type{ber.Counter32, ber.Gauge32, ber.TimeTicks, ber.Unsigned32}).Draw(t, "type")
			return ber.NumberValue(kind, uint64(rapid.Uint32().Draw(t, "n")))
		}),
		rapid.Map(rapid.Uint64(), func(n uint64) ber.Value { return ber.NumberValue(ber.Counter64, n) }),
		rapid.Map(octets(0, 1, 127, 128, 255, 256, 300), func(s string) ber.Value { return ber.OctetsValue(ber.OctetString, s) }),
		rapid.Map(octets(0, 5, 200), func(s string) ber.Value { return ber.OctetsValue(ber.Opaque, "\x04"+s) }),
		rapid.Map(octets(4, 16), func(s string) ber.Value { return ber.OctetsValue(ber.IPAddress, s) }),
		rapid.Map(oids(), ber.ObjectIDValue),
		rapid.Map(rapid.SampledFrom([]ber.Type{ber.Null, ber.NoSuchObject, ber.NoSuchInstance, ber.EndOfMibView}), ber.ExceptionValue),
		rapid.Map(rapid.Float32(), ber.FloatValue),
		rapid.Map(rapid.Float64(), ber.DoubleValue),
	)
}

func pdus() *rapid.Generator[pdu] {
	kinds := rapid.SampledFrom([]message.PDUType{
		message.GetRequest, message.GetNextRequest, message.Response, message.GetBulkRequest, message.Report,
	})
	variables := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) ber.Variable {
		return ber.Variable{Name: oids().Draw(t, "name"), Value: values().Draw(t, "value")}
	}), 0, 12)
	return rapid.Custom(func(t *rapid.T) pdu {
		p := pdu{variables: variables.Draw(t, "variables")}
		p.Type, p.ID = kinds.Draw(t, "kind"), rapid.Int32Range(0, math.MaxInt32).Draw(t, "id")
		p.Status, p.Index = message.Status(rapid.Uint8().Draw(t, "status")), int32(rapid.Uint8().Draw(t, "index"))
		if p.Type == message.GetBulkRequest {
			p.Index = rapid.Int32Range(0, math.MaxInt32).Draw(t, "repetitions")
		}
		return p
	})
}

// list begins a message of ours.
func (p *pdu) list(b *ber.Builder) error {
	var all []byte
	for _, v := range p.variables {
		var err error
		if all, err = ber.AppendVarBind(all, v); err != nil {
			return err
		}
	}
	b.Octets(ber.TagSequence, all)
	return nil
}

// theirs is the PDU as gosnmp has it.
func (p *pdu) theirs() *gosnmp.SnmpPacket {
	out := &gosnmp.SnmpPacket{PDUType: gosnmp.PDUType(p.Type), RequestID: uint32(p.ID)}
	if p.Type == message.GetBulkRequest {
		out.NonRepeaters, out.MaxRepetitions = uint8(p.Status), uint32(p.Index)
	} else {
		out.Error, out.ErrorIndex = gosnmp.SNMPError(p.Status), uint8(p.Index)
	}
	for _, v := range p.variables {
		out.Variables = append(out.Variables, gosnmp.SnmpPDU{
			Name: "." + v.Name.String(), Type: gosnmp.Asn1BER(v.Value.Type()), Value: theirValue(v.Value),
		})
	}
	return out
}

// theirValue is a value as gosnmp wants it for writing.
func theirValue(v ber.Value) any {
	n, _ := v.Uint()
	f, _ := v.Float()
	switch v.Type() {
	case ber.Integer:
		i, _ := v.Int()
		return int(i)
	case ber.Counter32, ber.Gauge32, ber.TimeTicks, ber.Unsigned32:
		return uint32(n)
	case ber.Counter64:
		return n
	case ber.ObjectID:
		return "." + v.OID().String()
	case ber.OpaqueFloat:
		return float32(f)
	case ber.OpaqueDouble:
		return f
	case ber.Null, ber.NoSuchObject, ber.NoSuchInstance, ber.EndOfMibView:
		return nil
	}
	return []byte(v.Bytes())
}

// valueText writes a value, of any type, as theirText does.
func valueText(v ber.Value) string {
	switch v.Type() {
	case ber.OpaqueFloat:
		f, _ := v.Float()
		return fmt.Sprintf("%d %x", v.Type(), math.Float32bits(float32(f)))
	case ber.OpaqueDouble:
		f, _ := v.Float()
		return fmt.Sprintf("%d %x", v.Type(), math.Float64bits(f))
	case ber.IPAddress:
		if v.Bytes() == "" {
			return "64 <nil>"
		}
		return "64 " + net.IP(v.Bytes()).String()
	case ber.OctetString, ber.Opaque:
		return fmt.Sprintf("%d %x", v.Type(), v.Bytes())
	case ber.Null, ber.NoSuchObject, ber.NoSuchInstance, ber.EndOfMibView:
		return fmt.Sprintf("%d <nil>", v.Type())
	}
	return fmt.Sprintf("%d %s", v.Type(), v.Text())
}

// theirText writes a value that gosnmp read.
func theirText(p gosnmp.SnmpPDU) string {
	switch v := p.Value.(type) {
	case float32:
		return fmt.Sprintf("%d %x", p.Type, math.Float32bits(v))
	case float64:
		return fmt.Sprintf("%d %x", p.Type, math.Float64bits(v))
	case []byte:
		if p.Type == gosnmp.IPAddress {
			return "64 " + net.IP(v).String()
		}
		return fmt.Sprintf("%d %x", p.Type, v)
	}
	return fmt.Sprintf("%d %v", p.Type, p.Value)
}

// differ says how a PDU that we read is not what gosnmp read, "" if it is the same.
func differ(p *message.PDU, theirs *gosnmp.SnmpPacket) string {
	variables, err := parse(p.Variables)
	if err != nil {
		return err.Error()
	}
	head := fmt.Sprint(byte(p.Type), uint32(p.ID), uint8(p.Status), uint8(p.Index), len(variables))
	their := fmt.Sprint(byte(theirs.PDUType), theirs.RequestID, uint8(theirs.Error), theirs.ErrorIndex, len(theirs.Variables))
	if p.Type == message.GetBulkRequest {
		head = fmt.Sprint(byte(p.Type), uint32(p.ID), uint8(p.Status), p.Index&math.MaxInt32, len(variables))
		their = fmt.Sprint(byte(theirs.PDUType), theirs.RequestID, theirs.NonRepeaters, theirs.MaxRepetitions, len(theirs.Variables))
	}
	if head != their {
		return fmt.Sprintf("type, id, status, index and length are %s, those of gosnmp %s", head, their)
	}
	for i, v := range variables {
		their := theirs.Variables[i]
		if name := "." + v.Name.String(); name != their.Name {
			return fmt.Sprintf("variable %d is %s, that of gosnmp %s", i, name, their.Name)
		}
		if ours, their := valueText(v.Value), theirText(their); ours != their && !allowed(v.Value, theirs.Variables[i]) {
			return fmt.Sprintf("the value of %s is %s, that of gosnmp %s", v.Name, ours, their)
		}
	}
	return ""
}

func parse(list []byte) (all []ber.Variable, err error) {
	for len(list) > 0 {
		var v ber.VarBind
		if v, list, err = ber.ReadVarBind(list); err != nil {
			return nil, err
		}
		parsed, err := v.Parse()
		if err != nil {
			return nil, err
		}
		all = append(all, parsed)
	}
	return all, nil
}

// allowed are the differences between values that come from broken agents, or that gosnmp cannot say.
func allowed(v ber.Value, theirs gosnmp.SnmpPDU) bool {
	if theirs.Type == gosnmp.UnknownType {
		return true // a BitString, an NsapAddress, or a number of more than 9 bytes whose first only repeat its sign
	}
	if v.Type() == ber.Opaque {
		return strings.HasPrefix(v.Bytes(), "\x9f\x78") || strings.HasPrefix(v.Bytes(), "\x9f\x79") // with another length
	}
	n, isNumber := v.Uint()
	switch v.Type() {
	case ber.Counter32, ber.Gauge32:
		// A sign that an agent extended to 64 bits: gosnmp takes it for a large number.
		return isNumber && uint64(uint32(n)) == n && uint64(theirs.Value.(uint))&math.MaxUint32 == n
	case ber.TimeTicks:
		return isNumber && theirs.Value == uint32(n) // gosnmp cuts what has more than 32 bits
	case ber.Unsigned32:
		// So it does here, and takes a number whose agent left out the zero byte in front for a negative one.
		mask := uint64(1)<<(8*((bits.Len64(n)+7)/8)) - 1
		return isNumber && theirs.Value.(uint32)&uint32(mask) == uint32(n)
	}
	return false
}

// TestOracle has gosnmp read what we write and us what gosnmp writes, in versions 1 and 2c.
func TestOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := pdus().Draw(t, "PDU")
		version := rapid.SampledFrom([]int32{message.V1, message.V2c}).Draw(t, "version")
		community := string(rapid.SliceOfN(rapid.Byte(), 0, 127).Draw(t, "community"))

		var b ber.Builder
		if err := p.list(&b); err != nil {
			t.Fatal(err)
		}
		message.WriteCommunity(&b, version, community, &p.PDU)
		oracle := gosnmp.GoSNMP{}
		theirs, err := oracle.SnmpDecodePacket(b.Bytes())
		if err != nil {
			t.Fatalf("gosnmp cannot read what we write: %v", err)
		}
		var m message.Message
		if err := m.Read(b.Bytes()); err != nil {
			t.Fatal(err)
		}
		if theirs.Community != community || int32(theirs.Version) != version {
			t.Errorf("gosnmp reads version %s and community %q", theirs.Version, theirs.Community)
		}
		if how := differ(&m.PDU, theirs); how != "" {
			t.Error(how)
		}

		packet := p.theirs()
		packet.Version, packet.Community = gosnmp.SnmpVersion(version), community
		written, err := packet.MarshalMsg()
		if err != nil {
			t.Fatal(err)
		}
		if string(written) != string(b.Bytes()) {
			t.Errorf("we write   %x\ngosnmp has %x", b.Bytes(), written)
		}
		if err := m.Read(written); err != nil {
			t.Fatalf("we cannot read what gosnmp writes: %v", err)
		}
		if string(m.Community) != community || m.Version != version {
			t.Errorf("version %d and community %q", m.Version, m.Community)
		}
		if how := differ(&m.PDU, packet); how != "" {
			t.Error(how)
		}
	})
}
