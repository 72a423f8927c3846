// Package panoptesrateprocessor is a processor that turns the counters named by a plugin's transforms into rates per second.
package panoptesrateprocessor

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
