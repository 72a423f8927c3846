package main

import (
	"fmt"
	"net/netip"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
)

// column is a column of the devices: its name, OID and type.
type column struct {
	name, oid string
	kind      ber.Type
}

const (
	ifEntry  = "1.3.6.1.2.1.2.2.1."
	ifXEntry = "1.3.6.1.2.1.31.1.1.1."
	uptime   = "1.3.6.1.2.1.1.3.0"
)

// metrics are the 14 columns that are polled.
var metrics = []column{
	{"octets_in", ifXEntry + "6", ber.Counter64},
	{"unicast_in", ifXEntry + "7", ber.Counter64},
	{"multicast_in", ifXEntry + "8", ber.Counter64},
	{"broadcast_in", ifXEntry + "9", ber.Counter64},
	{"octets_out", ifXEntry + "10", ber.Counter64},
	{"unicast_out", ifXEntry + "11", ber.Counter64},
	{"multicast_out", ifXEntry + "12", ber.Counter64},
	{"broadcast_out", ifXEntry + "13", ber.Counter64},
	{"discards_in", ifEntry + "13", ber.Counter32},
	{"errors_in", ifEntry + "14", ber.Counter32},
	{"discards_out", ifEntry + "19", ber.Counter32},
	{"errors_out", ifEntry + "20", ber.Counter32},
	{"admin_status", ifEntry + "7", ber.Integer},
	{"oper_status", ifEntry + "8", ber.Integer},
}

// labels are the two columns that become dimensions where groups are made.
var labels = []column{
	{"interface_name", ifXEntry + "1", ber.OctetString},
	{"alias", ifXEntry + "18", ber.OctetString},
}

// value is what all devices have in a row of a column.
func (c *column) value(row int) ber.Value {
	switch c.kind {
	case ber.Counter64:
		return ber.NumberValue(c.kind, 40_000_000_000_000+uint64(row)*987_654_321)
	case ber.Counter32:
		return ber.NumberValue(c.kind, uint64(row)*12_345)
	case ber.Integer:
		return ber.IntegerValue(1)
	}
	if c.name == "alias" {
		return ber.OctetsValue(c.kind, fmt.Sprintf("to rack %d, port %d", row/4, row))
	}
	return ber.OctetsValue(c.kind, fmt.Sprintf("Ethernet1/%d", row))
}

// device is the address of a device, all of which are on loopback.
func device(i, port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, byte(10 + i>>16), byte(i >> 8), byte(i)}), uint16(port))
}

// number is the device that has an address.
func number(a [4]byte) int { return int(a[1]-10)<<16 | int(a[2])<<8 | int(a[3]) }

// Credentials of all devices.
const (
	community  = "public"
	user       = "bench"
	passphrase = "a long passphrase"
)

// usualAnswer is how large answers are planned for: they fit into one packet of Ethernet.
const usualAnswer = 1400

// ideal is the fewest answers that all rows of the metrics and sysUpTime fit into, with the variable behind each column that
// shows its end.
func ideal(rows int) int {
	const overhead = 32 + len(community)
	size := 20
	for i := range metrics {
		base := ber.MustOID(metrics[i].oid)
		for row := 1; row <= rows+1; row++ {
			one, err := ber.AppendVarBind(nil, ber.Variable{Name: base.Join(ber.MakeOID(uint32(row))), Value: metrics[i].value(row)})
			must(err)
			size += len(one)
		}
	}
	return (size + usualAnswer - overhead - 1) / (usualAnswer - overhead)
}
