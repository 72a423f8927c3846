package panoptesrateprocessor

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// uptimeKind tells uptimes apart from counters in the state.
const uptimeKind = 0xfe

// uptimeKey names an uptime of the resource at hand: an index into rules.uptimes, and the key of its attributes.
type uptimeKey struct {
	index      int
	attributes ratestate.Key
}

func (c *pass) uptimeSeries(resource ratestate.Key, k uptimeKey) ratestate.Key {
	return c.in(c.hasher.Join(resource, c.hasher.Join(c.hasher.Word(uptimeKind, uint64(k.index)), k.attributes)))
}

// observeUptimes takes the uptimes of a batch, before any of its counters.
func (c *pass) observeUptimes(resources pmetric.ResourceMetricsSlice) {
	if len(c.rules.uptimes) == 0 {
		return
	}
	for _, rm := range resources.All() {
		if c.take(rm.Resource()); !c.here {
			continue
		}
		for _, sm := range rm.ScopeMetrics().All() {
			scope := sm.Scope().Attributes()
			prefix := ""
			if groupType, ok := scope.Get(attrs.GroupType); ok {
				prefix = groupType.AsString() + "."
			}
			for _, m := range sm.Metrics().All() {
				if i := c.rules.uptime(m.Name(), prefix); i >= 0 {
					c.observeUptime(i, m, scope)
				}
			}
		}
	}
}

// uptime returns the index of the uptime that a metric is, or -1.
func (r *rules) uptime(metric, prefix string) int {
	for i, name := range r.uptimes {
		if metric == name || prefix != "" && len(metric) == len(prefix)+len(name) &&
			strings.HasPrefix(metric, prefix) && strings.HasSuffix(metric, name) {
			return i
		}
	}
	return -1
}

func (c *pass) observeUptime(index int, m pmetric.Metric, scope pcommon.Map) {
	points, ok := numberPoints(m)
	if !ok {
		return
	}
	gap := gapOf(scope)
	if gap == 0 {
		gap = c.rules.maxGap
	}
	for _, p := range points.All() {
		if point, ok := pointOf(p); ok {
			k := uptimeKey{index, c.attributesAt(0, p.Attributes())}
			if _, evicted := c.state.ObserveUptime(c.uptimeSeries(c.key(), k), point, gap, c.now); evicted {
				c.evicted++
			}
		}
	}
}

// uptimeOf is what is known of the uptime that has the attributes, or else of the one that has none: the group's own, or
// the resource's.
func (c *pass) uptimeOf(index int, attributes ratestate.Key) ratestate.Uptime {
	k := uptimeKey{index, attributes}
	u, ok := c.uptimes[k]
	if !ok {
		u = c.state.Uptime(c.uptimeSeries(c.key(), k), c.now)
		if u.Last == 0 && attributes != (ratestate.Key{}) {
			u = c.uptimeOf(index, ratestate.Key{})
		}
		c.uptimes[k] = u
	}
	return u
}
