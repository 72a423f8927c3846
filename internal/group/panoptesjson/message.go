package panoptesjson

import (
	"math"
	"slices"
	"time"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Time is the group's creation timestamp, rounded to milliseconds as it is in JSON.
func (m *Message) Time() time.Time {
	if m.points != nil {
		return time.UnixMilli(int64(roundedMillis(m.points.earliest)))
	}
	seconds, _ := m.group.Timestamp.Seconds()
	return time.UnixMilli(int64(math.Round(seconds * 1000)))
}

// Interval is the time between two such groups.
func (m *Message) Interval() time.Duration {
	if m.points != nil {
		return time.Duration(m.encoder.scope.shape.interval) * time.Second
	}
	return time.Duration(m.group.Interval) * time.Second
}

// Counters says whether the group has a counter, and whether one of its counters has its rate beside it: a gauge of the
// same name.
func (m *Message) Counters() (has, rated bool) {
	var counters, gauges []string
	m.eachMetric(func(name string, gauge bool) {
		if gauge {
			gauges = append(gauges, name)
		} else {
			counters = append(counters, name)
		}
	})
	return len(counters) > 0, slices.ContainsFunc(counters, func(c string) bool { return slices.Contains(gauges, c) })
}

func (m *Message) eachMetric(visit func(name string, gauge bool)) {
	if m.points == nil {
		for _, metric := range m.group.Metrics() {
			visit(metric.Name, metric.Type == pluginsdk.Gauge)
		}
		return
	}
	s := &m.encoder.scope
	for at := m.points.first; ; at = s.points[at].next {
		metric := s.metrics[s.points[at].metric/2]
		visit(metric.name, metric.gauge)
		if at == m.points.last {
			return
		}
	}
}
