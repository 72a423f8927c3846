// Package pipelines holds golden tests of what stock processors make of Panoptes' data between receiver and exporter.
package pipelines
