//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package panoptesreceiver runs Panoptes plugins against Panoptes resources on a schedule, and sends what they return as
// metrics, and what they say as logs.
package panoptesreceiver
