// Package panoptesencodingextension reads and writes Panoptes' JSON for components that take an encoding, such as the
// stock kafka receiver, kafka exporter and file exporter.
package panoptesencodingextension

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
