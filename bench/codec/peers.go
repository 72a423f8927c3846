package main

import (
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/workload"
	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
)

// putGroup makes pdata of a group, as one would who has no names to intern and no scopes to share.
func putGroup(md pmetric.Metrics, g *workload.Group) {
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

func putMetric(m pmetric.Metric, g *workload.Group, in *workload.Metric) {
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
