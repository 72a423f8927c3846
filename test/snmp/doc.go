// Package snmp holds the SNMP engine and the tables made of it against other programs: snmp_exporter's own collector. It is a
// module of its own, so that these do not reach the go.mod that people import.
package snmp
