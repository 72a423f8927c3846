// Package message holds the messages of SNMP: versions 1 and 2c (RFC 1901) and version 3 (RFC 3412) with the user-based
// security model, as managers and agents write and read them.
package message
