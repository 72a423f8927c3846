// Package influx writes metrics groups in InfluxDB's line protocol as Panoptes' consumer does (docs/panoptes/formats.md,
// section 7): one line a group. What would be no valid line is an error.
package influx
