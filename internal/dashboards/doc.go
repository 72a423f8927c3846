// Package dashboards holds the Grafana dashboards of deploy/grafana as code: a fleet, one device and one plugin, for
// Prometheus (docs/prometheus.md) and for InfluxDB (docs/influxdb.md) as the source. The generator writes them as JSON; the
// end-to-end tests ask every query of a real data base.
package dashboards

//go:generate go run ./generate ../../deploy/grafana
