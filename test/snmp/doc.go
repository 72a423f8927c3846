// Package snmp holds the SNMP engine and the tables made of it against other programs: snmp_exporter's own collector, the
// agent of Net-SNMP, and the codec of gosnmp. It is a module of its own, so that these do not reach the go.mod that people
// import.
package snmp
