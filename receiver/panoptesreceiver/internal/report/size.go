package report

import (
	"time"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// jsonBytes is how long groups are as Panoptes' JSON, without what escapes would add: a sum of lengths, for a fraction
// of what it costs to write them.
func jsonBytes(groups []*pluginsdk.MetricsGroup) (n int) {
	var last *pluginsdk.Resource
	var resource, stamp int
	var at pluginsdk.Number
	var room [32]byte
	for _, g := range groups {
		if g.Resource != last {
			last, resource = g.Resource, len(g.Resource.AppendJSON(nil))
		}
		n += groupFrame + resource + len(g.Type) + len(pluginsdk.Int(int64(g.Interval)).Append(room[:0])) + len(g.Timestamp.Append(room[:0]))
		metrics, dimensions := g.Metrics(), g.Dimensions()
		for i := range metrics {
			m := &metrics[i]
			if stamp == 0 || m.Timestamp != at { // they mostly are one
				at, stamp = m.Timestamp, len(m.Timestamp.Append(room[:0]))
			}
			n += metricFrame + stamp + len(m.Name) + len(m.Value.Append(room[:0])) + len(m.Type.String())
		}
		for i := range dimensions {
			n += dimensionFrame + len(dimensions[i].Name) + len(dimensions[i].Value)
		}
		n += 2 * (max(len(metrics)-1, 0) + max(len(dimensions)-1, 0)) // what stands between them
	}
	return n
}

// What is the same in every group, metric and dimension, as pluginsdk writes them.
var groupFrame, metricFrame, dimensionFrame = frames()

func frames() (group, metric, dimension int) {
	g, err := pluginsdk.NewMetricsGroup(&pluginsdk.Resource{}, "t", time.Second)
	if err != nil {
		panic(err) // the type and the interval are good
	}
	length := func() int { return len(g.AppendJSON(nil)) }
	empty := length()
	group = empty - len(g.Resource.AppendJSON(nil)) - len("t") - len("1") - len(g.Timestamp.Append(nil))
	m := pluginsdk.Metric{Name: "m", Value: pluginsdk.Int(1), Timestamp: pluginsdk.Int(1)}
	if err := g.AddMetric(m); err != nil {
		panic(err)
	}
	metric = length() - empty - len("m") - len("1") - len("1") - len(m.Type.String())
	empty = length()
	if err := g.AddDimension("d", "v"); err != nil {
		panic(err)
	}
	return group, metric, length() - empty - len("d") - len("v")
}
