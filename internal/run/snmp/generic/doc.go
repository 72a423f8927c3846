// Package generic polls what the configuration of Panoptes' generic SNMP polling plugin says (docs/panoptes/snmp.md, section
// 3): objects with names, and groups whose metrics and dimensions are expressions over them (package expr). A Configuration
// does not change, and is safe for concurrent use; a poll belongs to one goroutine.
package generic
