// Package panoptesjsonexporter puts metrics on Kafka as Panoptes does: one JSON message a metrics group, on the topics,
// with the key and in the partition where Panoptes puts it.
package panoptesjsonexporter

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
