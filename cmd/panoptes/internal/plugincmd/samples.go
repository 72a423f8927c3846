package plugincmd

import (
	"fmt"
	"slices"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/group/route"
	"github.com/panoptes-otel/panoptes-otel/internal/group/transforms"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// gapIntervals is after how many intervals a value makes no rate with the one before (docs/panoptes/formats.md,
// section 6).
const gapIntervals = 3

// samples remembers the values that rates are made of, to tell people how one came about, or why there is none.
type samples struct {
	rules []transforms.Rule
	last  map[string]pluginsdk.Metric // by series
}

func newSamples(p *plugin.Plugin) *samples {
	rules, _ := transforms.Parse(p.File.Transforms()) // the rate processor names the bad ones
	return &samples{rules: rules, last: map[string]pluginsdk.Metric{}}
}

// converts says whether a transform names the counter.
func (s *samples) converts(groupType, name string) bool {
	return slices.ContainsFunc(s.rules, func(r transforms.Rule) bool {
		return r.GroupType == groupType && slices.Contains(r.Metrics, name)
	})
}

// note takes the next value of a counter and tells in words what its rate, where it has one, was computed from.
func (s *samples) note(g pdata.Group, m pluginsdk.Metric, hasRate bool) string {
	if m.Type != pluginsdk.Counter || !s.converts(g.Type, m.Name) {
		return ""
	}
	// As the rate processor tells series apart: a resource whose endpoint changes stays the same one.
	series := fmt.Sprintf("%q", g.Resource.Identity()) + string(route.AppendPartitioningKey(nil, g.MetricsGroup)) + "\x00" + m.Name
	old, known := s.last[series]
	dt := m.Timestamp.Float64() - old.Timestamp.Float64()
	if !known || dt >= 0 {
		s.last[series] = m
	}
	passed := time.Duration(dt * float64(time.Second)).Round(time.Millisecond)
	fell := m.Value.Float64() < old.Value.Float64()
	switch {
	case hasRate:
		return fmt.Sprintf("%s -> %s in %s", old.Value, m.Value, passed)
	case !known:
		return "no rate: first value"
	case dt < 0:
		return fmt.Sprintf("no rate: %s older than the value before", -passed)
	case dt == 0:
		return "no rate: same time as the value before"
	case dt > gapIntervals*float64(g.Interval):
		return fmt.Sprintf("no rate: %s after the value before, more than %d intervals", passed, gapIntervals)
	case fell:
		return fmt.Sprintf("no rate: fell from %s to %s", old.Value, m.Value)
	}
	return "no rate: the group has a gauge of that name"
}
