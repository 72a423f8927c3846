package main

import (
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// shape is what the batches of a stream look like: so many resources with so many groups of so many counters.
type shape struct {
	name                                    string
	resources, groups, counters, dimensions int
}

var (
	// single has one point a metric: the standard group, with counters only.
	single = shape{"one point a metric", 1250, 1, 8, 3}
	// table is what an interface plugin makes: one metric for each counter, with a point for each interface.
	table = shape{"table", 15, 48, 14, 2}
)

func (s shape) points() int { return s.resources * s.groups * s.counters }

func (s shape) names() []string {
	names := make([]string, s.counters)
	for c := range names {
		names[c] = fmt.Sprintf("counter_%d_total", c)
	}
	return names
}

// stream makes the batches of so many series: round after round each gets its next point.
type stream struct {
	shape    shape
	batches  int
	template pmetric.Metrics
}

const (
	groupType   = "interface_health"
	secondsStep = 60
)

// newStream returns a stream. With transforms the plugin says that all counters become rates.
func newStream(s shape, series int, transforms bool) *stream {
	b := pdata.NewBuilder(pdata.Options{ServiceIdentity: true})
	scope := pdata.Scope{Plugin: "interfaces"}
	if transforms {
		scope.Transforms = groupType + " = rate:" + groupType + ":" + strings.Join(s.names(), ",")
	}
	for r := range s.resources {
		resource := &pluginsdk.Resource{
			Site: "site-east-1", Class: "network", Subclass: "switch", Type: "vendor_os",
			ID: "to be filled in", Endpoint: fmt.Sprintf("10.20.%d.%d", r/250, r%250+1),
			Plugin: "inventory_scanner", CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Float(1512629517.03)),
		}
		must(resource.AddMetadata(pluginsdk.ResourceTTLKey, "604800"))
		for g := range s.groups {
			group := &pluginsdk.MetricsGroup{Resource: resource, Type: groupType, Interval: secondsStep}
			for d := range s.dimensions {
				must(group.AddDimension([]string{"interface_name", "alias", "speed"}[d], fmt.Sprintf("xe-0/0/%d", (g+d)%48)))
			}
			for _, name := range s.names() {
				must(group.AddMetric(pluginsdk.Metric{
					Name: name, Type: pluginsdk.Counter, Value: pluginsdk.Int(0), Timestamp: pluginsdk.Float(1.6e9),
				}))
			}
			b.Add(scope, group)
		}
		resource.ID += fmt.Sprint(r)
	}
	return &stream{s, (series + s.points() - 1) / s.points(), b.Take()}
}

func (s *stream) series() int { return s.batches * s.shape.points() }

// batch makes a batch of its own of a round. With sameTime the points of all rounds have one time, so none has a rate.
func (s *stream) batch(number, round int, sameTime bool) pmetric.Metrics {
	md := pmetric.NewMetrics()
	s.template.CopyTo(md)
	at := pcommon.Timestamp(1.6e18)
	if !sameTime {
		at += pcommon.Timestamp(round) * secondsStep * 1e9
	}
	for r, rm := range md.ResourceMetrics().All() {
		id := fmt.Sprintf("leaf-%07d.pod1.site-east-1.example.net", number*s.shape.resources+r)
		rm.Resource().Attributes().PutStr(attrs.ResourceID, id)
		rm.Resource().Attributes().PutStr("service.instance.id", id)
		for _, sm := range rm.ScopeMetrics().All() {
			for m, metric := range sm.Metrics().All() {
				for i, p := range metric.Sum().DataPoints().All() {
					p.SetTimestamp(at)
					p.SetIntValue(int64(round)*int64(15485863+1009*m+i) + int64(r))
				}
			}
		}
	}
	return md
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
