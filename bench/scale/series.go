package main

import (
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// A batch has a point of each of so many series: of some resources with some interfaces with some counters.
const (
	batchResources = 10
	interfaces     = 50
	counters       = 10
	batchSeries    = batchResources * interfaces * counters
)

// batch makes a batch; each number has resources of its own. A later one has later points, so that there are rates.
func batch(number int, later bool) pmetric.Metrics {
	b := pdata.NewBuilder(pdata.Options{})
	scope := pdata.Scope{Plugin: "interfaces", Transforms: "interfaces = rate:interfaces:"}
	now, grown := time.Now(), int64(0)
	if later {
		now, grown = now.Add(time.Minute), int64(1e9)
	}
	at := pluginsdk.Float(float64(now.UnixMilli()) / 1000)
	for c := range counters {
		if c > 0 {
			scope.Transforms += ","
		}
		scope.Transforms += fmt.Sprint("counter", c)
	}
	for n := range batchResources {
		resource := &pluginsdk.Resource{
			Site: "dc1", Class: "network", Subclass: "switch", Type: "vendor",
			ID: fmt.Sprintf("leaf-%07d.dc1.example.net", number*batchResources+n), Endpoint: "192.0.2.1", Plugin: "inventory",
		}
		for i := range interfaces {
			group := &pluginsdk.MetricsGroup{Resource: resource, Type: "interfaces", Interval: 60}
			must(group.AddDimension("interface", fmt.Sprint("xe-0/0/", i)))
			for c := range counters {
				must(group.AddMetric(pluginsdk.Metric{Name: fmt.Sprint("counter", c), Type: pluginsdk.Counter, Value: pluginsdk.Int(1<<40 + int64(i+1)*(grown+int64(c)*1e6)), Timestamp: at}))
			}
			b.Add(scope, group)
		}
	}
	return b.Take()
}
