// Package ber holds what SNMP messages are made of: object identifiers, values, and the Basic Encoding Rules (X.690) as far
// as SNMP uses them (RFC 3417, section 8).
//
// Reading is lenient where agents are known to be sloppy and no meaning is lost: lengths and integers may have more bytes
// than they need, counters may have lost the zero byte in front. It is strict where a guess would be needed.
// All types are values without locks. Nothing here keeps a byte slice that it was given.
package ber
