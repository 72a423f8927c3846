package workload

import (
	"strconv"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Group is a group as one would write it for encoding/json.
type Group struct {
	Type       string      `json:"metrics_group_type"`
	Interval   int         `json:"metrics_group_interval"`
	Timestamp  float64     `json:"metrics_group_creation_timestamp"`
	Version    string      `json:"metrics_group_schema_version"`
	Resource   Resource    `json:"resource"`
	Metrics    []Metric    `json:"metrics"`
	Dimensions []Dimension `json:"dimensions"`
}

// Resource is a group's resource.
type Resource struct {
	Site      string            `json:"resource_site"`
	Class     string            `json:"resource_class"`
	Subclass  string            `json:"resource_subclass"`
	Type      string            `json:"resource_type"`
	ID        string            `json:"resource_id"`
	Endpoint  string            `json:"resource_endpoint"`
	Metadata  map[string]string `json:"resource_metadata"`
	Timestamp float64           `json:"resource_creation_timestamp"`
	Plugin    *string           `json:"resource_plugin"`
}

// Metric is one of a group's metrics.
type Metric struct {
	Timestamp float64 `json:"metric_creation_timestamp"`
	Name      string  `json:"metric_name"`
	Value     Number  `json:"metric_value"`
	Type      string  `json:"metric_type"`
}

// Dimension is one of a group's dimensions.
type Dimension struct {
	Name  string `json:"dimension_name"`
	Value string `json:"dimension_value"`
}

// Number is a double for the peers: none of them can keep 5 and 5.0 apart without a type of one's own, which would slow
// them down.
type Number = float64

func wireOf(g *pluginsdk.MetricsGroup) Group {
	r := g.Resource
	out := Group{
		Type: g.Type, Interval: g.Interval, Timestamp: g.Timestamp.Number.Float64(), Version: pluginsdk.SchemaVersion,
		Resource: Resource{
			Site: r.Site, Class: r.Class, Subclass: r.Subclass, Type: r.Type, ID: r.ID, Endpoint: r.Endpoint,
			Metadata: map[string]string{}, Timestamp: r.CreationTimestamp.Number.Float64(), Plugin: &r.Plugin,
		},
	}
	for _, e := range r.Metadata {
		out.Resource.Metadata[e.Key] = e.Value
	}
	for _, m := range g.Metrics() {
		out.Metrics = append(out.Metrics, Metric{m.Timestamp.Float64(), m.Name, m.Value.Float64(), m.Type.String()})
	}
	for _, d := range g.Dimensions() {
		out.Dimensions = append(out.Dimensions, Dimension{d.Name, d.Value})
	}
	return out
}

// AppendFloor is the least that writing a group can take without tricks: strconv and append, no look at what the
// strings hold.
func AppendFloor(b []byte, g *Group) []byte {
	b = append(b, `{"metrics_group_type": "`...)
	b = append(b, g.Type...)
	b = append(b, `", "metrics_group_interval": `...)
	b = strconv.AppendInt(b, int64(g.Interval), 10)
	b = append(b, `, "metrics_group_creation_timestamp": `...)
	b = strconv.AppendFloat(b, g.Timestamp, 'f', -1, 64)
	b = append(b, `, "metrics_group_schema_version": "`...)
	b = append(b, g.Version...)
	b = append(b, `", "resource": {"resource_site": "`...)
	b = append(b, g.Resource.Site...)
	b = append(b, `", "resource_class": "`...)
	b = append(b, g.Resource.Class...)
	b = append(b, `", "resource_subclass": "`...)
	b = append(b, g.Resource.Subclass...)
	b = append(b, `", "resource_type": "`...)
	b = append(b, g.Resource.Type...)
	b = append(b, `", "resource_id": "`...)
	b = append(b, g.Resource.ID...)
	b = append(b, `", "resource_endpoint": "`...)
	b = append(b, g.Resource.Endpoint...)
	b = append(b, `", "resource_metadata": {`...)
	first := true
	for k, v := range g.Resource.Metadata {
		if !first {
			b = append(b, ", "...)
		}
		first = false
		b = append(b, '"')
		b = append(b, k...)
		b = append(b, `": "`...)
		b = append(b, v...)
		b = append(b, '"')
	}
	b = append(b, `}, "resource_creation_timestamp": `...)
	b = strconv.AppendFloat(b, g.Resource.Timestamp, 'f', -1, 64)
	b = append(b, `, "resource_plugin": "`...)
	b = append(b, *g.Resource.Plugin...)
	b = append(b, `"}, "metrics": [`...)
	for i := range g.Metrics {
		m := &g.Metrics[i]
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, `{"metric_creation_timestamp": `...)
		b = strconv.AppendFloat(b, m.Timestamp, 'f', -1, 64)
		b = append(b, `, "metric_name": "`...)
		b = append(b, m.Name...)
		b = append(b, `", "metric_value": `...)
		if whole := int64(m.Value); float64(whole) == m.Value {
			b = strconv.AppendInt(b, whole, 10)
		} else {
			b = strconv.AppendFloat(b, m.Value, 'f', -1, 64)
		}
		b = append(b, `, "metric_type": "`...)
		b = append(b, m.Type...)
		b = append(b, `"}`...)
	}
	b = append(b, `], "dimensions": [`...)
	for i := range g.Dimensions {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, `{"dimension_name": "`...)
		b = append(b, g.Dimensions[i].Name...)
		b = append(b, `", "dimension_value": "`...)
		b = append(b, g.Dimensions[i].Value...)
		b = append(b, `"}`...)
	}
	return append(b, "]}"...)
}
