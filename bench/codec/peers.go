package main

import (
	"strconv"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/attrs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// wireGroup is a group as one would write it for encoding/json.
type wireGroup struct {
	Type       string          `json:"metrics_group_type"`
	Interval   int             `json:"metrics_group_interval"`
	Timestamp  float64         `json:"metrics_group_creation_timestamp"`
	Version    string          `json:"metrics_group_schema_version"`
	Resource   wireResource    `json:"resource"`
	Metrics    []wireMetric    `json:"metrics"`
	Dimensions []wireDimension `json:"dimensions"`
}

type wireResource struct {
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

type wireMetric struct {
	Timestamp float64 `json:"metric_creation_timestamp"`
	Name      string  `json:"metric_name"`
	Value     number  `json:"metric_value"`
	Type      string  `json:"metric_type"`
}

type wireDimension struct {
	Name  string `json:"dimension_name"`
	Value string `json:"dimension_value"`
}

// number is a double for the peers: none of them can keep 5 and 5.0 apart without a type of one's own, which would slow
// them down.
type number = float64

func wireOf(g *pluginsdk.MetricsGroup) wireGroup {
	r := g.Resource
	out := wireGroup{
		Type: g.Type, Interval: g.Interval, Timestamp: g.Timestamp.Number.Float64(), Version: pluginsdk.SchemaVersion,
		Resource: wireResource{
			Site: r.Site, Class: r.Class, Subclass: r.Subclass, Type: r.Type, ID: r.ID, Endpoint: r.Endpoint,
			Metadata: map[string]string{}, Timestamp: r.CreationTimestamp.Number.Float64(), Plugin: &r.Plugin,
		},
	}
	for _, e := range r.Metadata {
		out.Resource.Metadata[e.Key] = e.Value
	}
	for _, m := range g.Metrics() {
		out.Metrics = append(out.Metrics, wireMetric{m.Timestamp.Float64(), m.Name, m.Value.Float64(), m.Type.String()})
	}
	for _, d := range g.Dimensions() {
		out.Dimensions = append(out.Dimensions, wireDimension{d.Name, d.Value})
	}
	return out
}

// appendFloor is the least that writing a group can take without tricks: strconv and append, no look at what the
// strings hold.
func appendFloor(b []byte, g *wireGroup) []byte {
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

// putGroup makes pdata of a group, as one would who has no names to intern and no scopes to share.
func putGroup(md pmetric.Metrics, g *wireGroup) {
	rm := md.ResourceMetrics().AppendEmpty()
	a := rm.Resource().Attributes()
	a.EnsureCapacity(9 + len(g.Resource.Metadata))
	a.PutStr(attrs.ResourceSite, g.Resource.Site)
	a.PutStr(attrs.ResourceClass, g.Resource.Class)
	a.PutStr(attrs.ResourceSubclass, g.Resource.Subclass)
	a.PutStr(attrs.ResourceType, g.Resource.Type)
	a.PutStr(attrs.ResourceID, g.Resource.ID)
	a.PutStr(attrs.ResourceEndpoint, g.Resource.Endpoint)
	if g.Resource.Plugin != nil {
		a.PutStr(attrs.ResourcePlugin, *g.Resource.Plugin)
	}
	a.PutDouble(attrs.ResourceCreationTimestamp, g.Resource.Timestamp)
	for k, v := range g.Resource.Metadata {
		a.PutStr(attrs.ResourceMetadataPrefix+k, v)
	}
	a.PutStr(attrs.ServiceNamespace, g.Resource.Site)
	a.PutStr(attrs.ServiceName, g.Resource.Class+"."+g.Resource.Subclass+"."+g.Resource.Type)
	a.PutStr(attrs.ServiceInstanceID, g.Resource.ID)
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName("panoptes/interfaces")
	sm.Scope().Attributes().PutStr(attrs.GroupType, g.Type)
	sm.Scope().Attributes().PutInt(attrs.GroupInterval, int64(g.Interval))
	sm.Metrics().EnsureCapacity(len(g.Metrics))
	for i := range g.Metrics {
		putMetric(sm.Metrics().AppendEmpty(), g, &g.Metrics[i])
	}
}

func putMetric(m pmetric.Metric, g *wireGroup, in *wireMetric) {
	m.SetName(g.Type + "." + in.Name)
	var p pmetric.NumberDataPoint
	if in.Type == "counter" {
		sum := m.SetEmptySum()
		sum.SetIsMonotonic(true)
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		p = sum.DataPoints().AppendEmpty()
	} else {
		p = m.SetEmptyGauge().DataPoints().AppendEmpty()
	}
	p.SetTimestamp(timeOf(in.Timestamp))
	if whole := int64(in.Value); float64(whole) == in.Value {
		p.SetIntValue(whole)
	} else {
		p.SetDoubleValue(in.Value)
	}
	p.Attributes().EnsureCapacity(len(g.Dimensions))
	for _, d := range g.Dimensions {
		p.Attributes().PutStr(d.Name, d.Value)
	}
}
