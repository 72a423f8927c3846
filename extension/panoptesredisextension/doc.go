// Package panoptesredisextension keeps what plugins share in Redis, under Panoptes' own keys, so that several Collectors, and
// Panoptes itself, use it at once.
package panoptesredisextension

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
