// Package profile reads what says which SNMP tables to poll, and makes table Programs of it: our own YAML (Tables) and
// snmp_exporter's snmp.yml (ExporterFile).
//
// The readers are strict: an unknown key, a wrong type or a value that makes no sense is an error with file and line, and
// all errors of a file are found at once. They read from memory and never panic on bad input.
package profile
