package pluginsdk

import (
	"errors"
	"fmt"
)

// Groups builds the metrics groups of a run, the short way:
//
//	groups := pc.NewGroups()
//	groups.Group("disk", "mount", "/").Gauge("used", 0.4).Counter("reads", 12)
//	return groups.Result()
//
// What breaks a rule is an error of Result, so that nothing has to be checked in between. It is not safe for concurrent
// use.
type Groups struct {
	pc   *PluginContext
	set  MetricsGroupSet
	open []*GroupBuilder
	errs []error
}

// GroupBuilder is one group on its way. Its methods return it, so that they can be chained.
type GroupBuilder struct {
	groups *Groups
	group  *MetricsGroup
}

// NewGroups returns a builder of groups for the run's resource and interval.
func (pc *PluginContext) NewGroups() *Groups { return &Groups{pc: pc} }

// Group begins a group of a type. Its dimensions are pairs of a name and a value.
func (s *Groups) Group(groupType string, dimensions ...string) *GroupBuilder {
	g, err := s.pc.NewMetricsGroup(groupType)
	b := &GroupBuilder{groups: s, group: g}
	b.check(err)
	if len(dimensions)%2 != 0 {
		b.check(fmt.Errorf("dimensions of group %q must be pairs of a name and a value, there are %d texts", groupType, len(dimensions)))
		dimensions = dimensions[:len(dimensions)-1]
	}
	for i := 0; i < len(dimensions); i += 2 {
		b.Dimension(dimensions[i], dimensions[i+1])
	}
	s.open = append(s.open, b)
	return b
}

// Dimension adds a dimension.
func (b *GroupBuilder) Dimension(name, value string) *GroupBuilder {
	return b.check(b.group.AddDimension(name, value))
}

// Gauge adds a gauge.
func (b *GroupBuilder) Gauge(name string, value float64) *GroupBuilder {
	return b.check(b.group.AddGauge(name, value))
}

// Counter adds a counter.
func (b *GroupBuilder) Counter(name string, value uint64) *GroupBuilder {
	return b.check(b.group.AddCounter(name, value))
}

// Number adds a metric with a value of any kind, such as an integer gauge: Number("procs", Gauge, Int(5)).
func (b *GroupBuilder) Number(name string, kind MetricType, value Number) *GroupBuilder {
	return b.check(b.group.AddMetric(Metric{Name: name, Type: kind, Value: value, Timestamp: Now()}))
}

func (b *GroupBuilder) check(err error) *GroupBuilder {
	if err != nil {
		b.groups.errs = append(b.groups.errs, err)
	}
	return b
}

// Result is what Run returns: the groups, or what broke a rule. A group that is there twice is an error, since one of
// the two would be lost: tell them apart by a dimension.
func (s *Groups) Result() (*MetricsGroupSet, error) {
	for _, b := range s.open {
		if len(s.errs) == 0 && !s.set.Add(b.group) && len(b.group.metrics) > 0 {
			b.check(fmt.Errorf("group %q is there twice with the same dimensions and metrics", b.group.Type))
		}
	}
	s.open = nil
	if len(s.errs) > 0 {
		return nil, errors.Join(s.errs...)
	}
	return &s.set, nil
}
