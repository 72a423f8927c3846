package snmpcmd

import (
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
)

// names are those of objects that people ask for most: the tables of RFC 3418 (system) and RFC 2863 (interfaces).
var names = []struct {
	base    string
	objects []string // by their last arc, from 1
}{
	{"1.3.6.1.2.1.1", []string{"sysDescr", "sysObjectID", "sysUpTime", "sysContact", "sysName", "sysLocation", "sysServices"}},
	{"1.3.6.1.2.1.2.2.1", []string{
		"ifIndex", "ifDescr", "ifType", "ifMtu", "ifSpeed", "ifPhysAddress", "ifAdminStatus", "ifOperStatus", "ifLastChange",
		"ifInOctets", "ifInUcastPkts", "ifInNUcastPkts", "ifInDiscards", "ifInErrors", "ifInUnknownProtos",
		"ifOutOctets", "ifOutUcastPkts", "ifOutNUcastPkts", "ifOutDiscards", "ifOutErrors", "ifOutQLen",
	}},
	{"1.3.6.1.2.1.31.1.1.1", []string{
		"ifName", "ifInMulticastPkts", "ifInBroadcastPkts", "ifOutMulticastPkts", "ifOutBroadcastPkts",
		"ifHCInOctets", "ifHCInUcastPkts", "ifHCInMulticastPkts", "ifHCInBroadcastPkts",
		"ifHCOutOctets", "ifHCOutUcastPkts", "ifHCOutMulticastPkts", "ifHCOutBroadcastPkts",
		"ifLinkUpDownTrapEnable", "ifHighSpeed", "ifPromiscuousMode", "ifConnectorPresent", "ifAlias", "ifCounterDiscontinuityTime",
	}},
}

var (
	numbers = map[string]ber.OID{} // by name
	spelled = map[ber.OID]string{}
)

func init() {
	for _, table := range names {
		base := ber.MustOID(table.base)
		for i, name := range table.objects {
			oid := base.Join(ber.MakeOID(uint32(i) + 1))
			numbers[name], spelled[oid] = oid, name
		}
	}
}

// numeric puts the number in the place of a known name at the beginning.
func numeric(text string) string {
	name, index, found := strings.Cut(text, ".")
	oid, known := numbers[name]
	switch {
	case !known:
		return text
	case found:
		return oid.String() + "." + index
	}
	return oid.String()
}

// spoken is the name of a variable with its index, "" if it is not known.
func spoken(oid ber.OID) string {
	for n := oid.Len(); n > 0; n-- {
		head, index, _ := oid.Split(n)
		if name := spelled[head]; name != "" {
			if index.IsZero() {
				return name
			}
			return name + "." + index.String()
		}
	}
	return ""
}
