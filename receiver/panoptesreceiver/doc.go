//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package panoptesreceiver runs Panoptes plugins against Panoptes resources on a schedule, and sends what they return as metrics.
package panoptesreceiver
