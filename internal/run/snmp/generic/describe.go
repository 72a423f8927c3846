package generic

import (
	"fmt"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Describe lists the groups that the configuration makes. statusMetric is the name of the gauge with the state.
func (c *Configuration) Describe(statusMetric string) []pluginsdk.GroupContract {
	var out []pluginsdk.GroupContract
	for i := range c.groups {
		g := &c.groups[i]
		one := pluginsdk.GroupContract{Type: g.name}
		for k := range g.metrics {
			one.Metrics = append(one.Metrics, pluginsdk.MetricContract{
				Name: g.metrics[k].name, Type: g.metrics[k].kind().String(), Description: g.metrics[k].text,
			})
		}
		for k := range g.dimensions {
			one.Dimensions = append(one.Dimensions, pluginsdk.DimensionContract{Name: g.dimensions[k].name, Description: g.dimensions[k].text})
		}
		out = append(out, one)
	}
	return append(out, pluginsdk.GroupContract{
		Type: "status", Metrics: []pluginsdk.MetricContract{{Name: statusMetric, Type: "gauge", Description: "how the poll went: 0 is well"}},
	})
}

// Notices say what is wrong in the configuration, one line each.
func (c *Configuration) Notices() []string {
	var out []string
	for _, n := range c.notices {
		out = append(out, fmt.Sprintf("%q of group %q is left out: %v", n.target, n.group, n.err))
	}
	if c.err != nil {
		out = append(out, c.err.Error())
	}
	return out
}
