// Package pipelines holds golden tests of what stock processors make of Panoptes' data between receiver and exporter,
// and tests of our components with stock extensions and with InfluxDB's own decoder.
package pipelines
