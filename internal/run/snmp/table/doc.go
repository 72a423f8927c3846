// Package table turns SNMP tables into metrics groups.
//
// A Program says which columns are fetched and what becomes of them. The readers of package profile make Programs: of
// our own YAML, of snmp_exporter's snmp.yml.
//
// A Program is made once, by a Builder, and does not change afterwards: any number of runs share it. What has to be kept
// from run to run of one resource is a State, which belongs to one run at a time.
//
// Nothing is made of what was not fetched. A column that fails costs its own metrics; a column that fails and is needed
// for a dimension costs the rows that want it, since a row without a dimension would be another series. Result counts
// both.
package table
