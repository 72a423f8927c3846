// Package service answers what plugins ask of the host about SNMP: snmp.open, snmp.get, snmp.get_bulk and snmp.bulk_walk of
// the plugin protocol (docs/plugin-protocol.md).
//
// It reads ahead: what a plugin asked in its last run against a resource is asked together at its first call of the next
// run, and its later calls are answered from that.
package service
