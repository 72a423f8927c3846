package ber

import "fmt"

// Type is the type of a value: its tag in a message (RFC 2578, section 7.1; RFC 3416, section 3), or one of our own for
// numbers that come wrapped in an Opaque.
type Type uint8

// The types of values.
const (
	Integer     Type = 0x02
	BitString   Type = 0x03
	OctetString Type = 0x04
	Null        Type = 0x05
	ObjectID    Type = 0x06
	IPAddress   Type = 0x40
	Counter32   Type = 0x41
	Gauge32     Type = 0x42
	TimeTicks   Type = 0x43
	Opaque      Type = 0x44
	NsapAddress Type = 0x45
	Counter64   Type = 0x46
	Unsigned32  Type = 0x47 // of SNMPv2p; Unsigned32 of today is a Gauge32

	// OpaqueFloat and OpaqueDouble are Opaques that hold a floating-point number as net-snmp writes it
	// (draft-perkins-opaque-01).
	OpaqueFloat  Type = 0x78
	OpaqueDouble Type = 0x79

	// NoSuchObject, NoSuchInstance and EndOfMibView stand in an answer where a value would.
	NoSuchObject   Type = 0x80
	NoSuchInstance Type = 0x81
	EndOfMibView   Type = 0x82
)

// Tags of what is no value.
const (
	TagSequence byte = 0x30
	tagDouble   byte = 0x79 // within an Opaque, after tagExtension
	tagFloat    byte = 0x78
	tagExtended byte = 0x9f
)

type typeName struct{ smi, panoptes string }

var typeNames = [256]typeName{
	Integer:        {"Integer32", "INTEGER"},
	BitString:      {"BitString", "BITS"},
	OctetString:    {"OctetString", "OCTETSTR"},
	Null:           {"Null", "NULL"},
	ObjectID:       {"ObjectIdentifier", "OBJECTID"},
	IPAddress:      {"IpAddress", "IPADDR"},
	Counter32:      {"Counter32", "COUNTER"},
	Gauge32:        {"Gauge32", "GAUGE"},
	TimeTicks:      {"TimeTicks", "TICKS"},
	Opaque:         {"Opaque", "OPAQUE"},
	NsapAddress:    {"NsapAddress", "NSAPADDRESS"},
	Counter64:      {"Counter64", "COUNTER64"},
	Unsigned32:     {"Unsigned32", "GAUGE"},
	OpaqueFloat:    {"OpaqueFloat", "OPAQUE"},
	OpaqueDouble:   {"OpaqueDouble", "OPAQUE"},
	NoSuchObject:   {"noSuchObject", "NOSUCHOBJECT"},
	NoSuchInstance: {"noSuchInstance", "NOSUCHINSTANCE"},
	EndOfMibView:   {"endOfMibView", "ENDOFMIBVIEW"},
}

// String is the name of the type in MIBs.
func (t Type) String() string {
	if name := typeNames[t].smi; name != "" {
		return name
	}
	return fmt.Sprintf("type 0x%02x", uint8(t))
}

// Panoptes is the name by which Panoptes' plugins know the type (docs/panoptes/snmp.md, section 2).
func (t Type) Panoptes() string { return typeNames[t].panoptes }

// Exception says whether the type stands for a value that is not there.
func (t Type) Exception() bool { return t >= NoSuchObject && t <= EndOfMibView }

// applicationNumbers has a bit for each application type of whole numbers, 0x40 to 0x47.
const applicationNumbers = 1<<(Counter32&7) | 1<<(Gauge32&7) | 1<<(TimeTicks&7) | 1<<(Counter64&7) | 1<<(Unsigned32&7)

// Number says whether values of the type are whole numbers.
func (t Type) Number() bool { return t == Integer || t&^7 == 0x40 && applicationNumbers>>(t&7)&1 != 0 }

// Width is how many bits a counter of the type has, 0 for what is no counter.
func (t Type) Width() int {
	switch t {
	case Counter32:
		return 32
	case Counter64:
		return 64
	}
	return 0
}
