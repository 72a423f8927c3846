// Package panoptesinfluxexporter writes metrics to InfluxDB as Panoptes' own consumer does: one point a metrics group.
package panoptesinfluxexporter

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
