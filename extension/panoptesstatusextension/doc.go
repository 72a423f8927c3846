// Package panoptesstatusextension shows what the receivers panoptes of a Collector do: plugins, resources, and the tasks
// between them, as pages for people and as JSON.
package panoptesstatusextension

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
