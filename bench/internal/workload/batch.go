// Package workload makes the data that benchmarks work on: the standard batch and the table.
package workload

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Batch is the work of one turn: the same groups as pdata and as structs.
type Batch struct {
	MD      pmetric.Metrics
	Structs []Group
	Groups  int
}

const baseTime = 1600000000.123

func resource(i int) *pluginsdk.Resource {
	r := &pluginsdk.Resource{
		Site: "site-east-1", Class: "network", Subclass: "switch", Type: "vendor_os",
		ID: fmt.Sprintf("leaf-%04d.pod1.site-east-1.example.net", i), Endpoint: fmt.Sprintf("10.20.%d.%d", i/250, i%250+1),
		Plugin: "inventory_scanner", CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Float(1512629517.03)),
	}
	for _, e := range [][2]string{{pluginsdk.ResourceTTLKey, "604800"}} {
		must(r.AddMetadata(e[0], e[1]))
	}
	return r
}

// standardGroup is group i of the standard batch: half gauges, half counters, one value with all the digits a quotient
// has.
func standardGroup(i int) *pluginsdk.MetricsGroup {
	g := &pluginsdk.MetricsGroup{Resource: resource(i), Type: "interface_health", Interval: 60}
	at := pluginsdk.Float(float64(int64(baseTime*1000)+int64(i)*10) / 1000)
	g.Timestamp = pluginsdk.NumberTimestamp(at)
	add := func(name string, kind pluginsdk.MetricType, v pluginsdk.Number) {
		must(g.AddMetric(pluginsdk.Metric{Name: name, Type: kind, Value: v, Timestamp: at}))
	}
	add("rx_power_dbm", pluginsdk.Gauge, pluginsdk.Float(-float64(i%70*10+1)/100))
	add("temperature", pluginsdk.Gauge, pluginsdk.Float(float64(2005+i%300*10)/100))
	add("utilisation", pluginsdk.Gauge, pluginsdk.Float(float64(i+1)/1009))
	add("queue_depth", pluginsdk.Gauge, pluginsdk.Int(int64(i%64)))
	add("octets_in", pluginsdk.Counter, pluginsdk.Int(982451653+int64(i)*15485863))
	add("octets_out", pluginsdk.Counter, pluginsdk.Int(472882027+int64(i)*32452843))
	add("errors_in", pluginsdk.Counter, pluginsdk.Int(int64(i%17)))
	add("discard_out", pluginsdk.Counter, pluginsdk.Int(int64(i*31)))
	must(g.AddDimension("interface_name", fmt.Sprintf("xe-0/0/%d", i%48)))
	must(g.AddDimension("alias", fmt.Sprintf("uplink to spine %d", i%4)))
	must(g.AddDimension("speed", "100000"))
	return g
}

// tableGroup is a group of the table: an interface's 14 counters.
func tableGroup(r *pluginsdk.Resource, i int) *pluginsdk.MetricsGroup {
	g := &pluginsdk.MetricsGroup{Resource: r, Type: "interface", Interval: 60}
	g.Timestamp = pluginsdk.NumberTimestamp(pluginsdk.Float(baseTime))
	for m, name := range [...]string{
		"octets_in", "octets_out", "unicast_packets_in", "unicast_packets_out", "multicast_packets_in", "multicast_packets_out",
		"broadcast_packets_in", "broadcast_packets_out", "errors_in", "errors_out", "discards_in", "discards_out",
		"unknown_protocols", "state_changes",
	} {
		must(g.AddMetric(pluginsdk.Metric{
			Name: name, Type: pluginsdk.Counter, Value: pluginsdk.Int(int64(i+1) * 15485863 >> (2 * m)), Timestamp: pluginsdk.Float(baseTime),
		}))
	}
	must(g.AddDimension("interface_name", fmt.Sprintf("xe-0/0/%d", i)))
	must(g.AddDimension("interface_alias", fmt.Sprintf("uplink to spine %d", i%4)))
	return g
}

// Standard returns a batch of 1,000 groups of a resource each, with 8 metrics and 3 dimensions (see newBatch).
func Standard(otlp bool) Batch {
	groups := make([]*pluginsdk.MetricsGroup, 1000)
	for i := range groups {
		groups[i] = standardGroup(i)
	}
	return newBatch(groups, otlp)
}

// Table returns a batch of the 48 groups of one resource, with 14 counters and 2 dimensions each (see newBatch).
func Table(otlp bool) Batch {
	groups := make([]*pluginsdk.MetricsGroup, 48)
	r := resource(1)
	for i := range groups {
		groups[i] = tableGroup(r, i)
	}
	return newBatch(groups, otlp)
}

// newBatch makes pdata of the groups as the receiver does: a pipeline hands it on as it is. With otlp it goes through
// OTLP, as from a queue on disk or from another Collector: then no two strings share memory.
func newBatch(groups []*pluginsdk.MetricsGroup, otlp bool) Batch {
	b := pdata.NewBuilder(pdata.Options{ServiceIdentity: true})
	out := Batch{Groups: len(groups)}
	for _, g := range groups {
		b.Add(pdata.Scope{Plugin: "interfaces"}, g)
		out.Structs = append(out.Structs, wireOf(g))
	}
	out.MD = b.Take()
	if otlp {
		data, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(out.MD)
		must(err)
		out.MD, err = (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(data)
		must(err)
	}
	return out
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
