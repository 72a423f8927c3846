// Package sample is the work of all contestants: a resource of about 600 bytes of JSON in, the standard group out, of 8
// metrics and 3 dimensions, which is 1.7 kB of JSON.
package sample

import (
	"context"
	"strconv"
	"time"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Short is the standard group in the short form.
const Short = `{"type":"interface","dimensions":{"name":"Ethernet1/1","alias":"uplink to core-1","direction":"in"},` +
	`"counters":{"octets":123456789012,"unicast":1234567890,"broadcast":1234567,"multicast":12345678,"errors":12,"discards":345},` +
	`"gauges":{"speed":10000,"status":1}}` + "\n"

// Counters are the metrics of the standard group that are counters.
var Counters = []string{"octets", "unicast", "broadcast", "multicast", "errors", "discards"}

// Run is the plugin.
func Run(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
	groups := pc.NewGroups()
	g := groups.Group("interface", "name", "Ethernet1/1", "alias", "uplink to core-1", "direction", "in")
	for i, name := range Counters {
		g.Counter(name, uint64(i+1)*123456789)
	}
	g.Gauge("speed", 10000).Gauge("status", 1)
	return groups.Result()
}

// Resource is a resource of about 600 bytes of JSON.
func Resource(id int) *pluginsdk.Resource {
	r := &pluginsdk.Resource{
		Site: "dc1", Class: "network", Subclass: "switch", Type: "generic", ID: "switch-" + strconv.Itoa(id),
		Endpoint: "switch-" + strconv.Itoa(id) + ".dc1.example.com", Plugin: "discovery",
		CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Int(1_700_000_000)),
	}
	for _, key := range []string{"vendor", "model", "os_version", "rack", "row", "room"} {
		r.Metadata = r.Metadata.Set(key, "some value of "+key)
	}
	return r
}

// Request is what the bare loop is asked.
type Request struct {
	ID       int               `json:"id"`
	Resource map[string]any    `json:"resource"`
	Config   map[string]string `json:"config"`
}

// Answer is what it answers: a metrics group in Panoptes' JSON.
type Answer struct {
	ID     int     `json:"id"`
	Groups []Group `json:"groups"`
}

// Group is a metrics group as a struct.
type Group struct {
	Type       string      `json:"metrics_group_type"`
	Interval   int         `json:"metrics_group_interval"`
	Timestamp  float64     `json:"metrics_group_creation_timestamp"`
	Version    string      `json:"metrics_group_schema_version"`
	Metrics    []Metric    `json:"metrics"`
	Dimensions []Dimension `json:"dimensions"`
}

// Metric is a metric as a struct.
type Metric struct {
	Timestamp float64 `json:"metric_creation_timestamp"`
	Name      string  `json:"metric_name"`
	Value     float64 `json:"metric_value"`
	Type      string  `json:"metric_type"`
}

// Dimension is a dimension as a struct.
type Dimension struct {
	Name  string `json:"dimension_name"`
	Value string `json:"dimension_value"`
}

// NewAnswer makes the standard group.
func NewAnswer(id int) Answer {
	now := float64(time.Now().UnixMilli()) / 1000
	g := Group{
		Type: "interface", Interval: 60, Timestamp: now, Version: "0.2",
		Dimensions: []Dimension{{"name", "Ethernet1/1"}, {"alias", "uplink to core-1"}, {"direction", "in"}},
	}
	for i, name := range Counters {
		g.Metrics = append(g.Metrics, Metric{now, name, float64(i+1) * 123456789, "counter"})
	}
	g.Metrics = append(g.Metrics, Metric{now, "speed", 10000, "gauge"}, Metric{now, "status", 1, "gauge"})
	return Answer{ID: id, Groups: []Group{g}}
}
