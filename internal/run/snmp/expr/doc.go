// Package expr evaluates the expressions of Panoptes' generic SNMP polling plugin (docs/panoptes/snmp.md, section 4). They
// look like Python and mean what they mean there, with Python's integers, texts, rounding and errors; but there is nothing
// in the language that reaches out of it, and an evaluation is bounded in steps and memory. So expressions may come from the
// data of a device. An Expression does not change and is safe for concurrent use.
package expr
