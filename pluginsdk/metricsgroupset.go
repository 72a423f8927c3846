package pluginsdk

import (
	"errors"
	"sort"
	"strconv"
)

// MetricsGroupSet is what one run of a plugin returns. Of groups that say the same only the first is kept. It is not
// safe for concurrent use. The zero set is empty and ready.
type MetricsGroupSet struct {
	groups []*MetricsGroup
	seen   map[string]struct{}
}

// NewMetricsGroupSet returns a set of the given groups.
func NewMetricsGroupSet(groups ...*MetricsGroup) *MetricsGroupSet {
	s := &MetricsGroupSet{}
	for _, g := range groups {
		s.Add(g)
	}
	return s
}

// Add adds g and says whether it was new: false where the set has an equal group (same type, interval, resource,
// dimensions and metrics; times do not count). Groups without metrics carry no data, and two of them for one
// resource and the same dimensions are equal whatever their type. Fill a group before adding it.
func (s *MetricsGroupSet) Add(g *MetricsGroup) bool {
	key := g.equalityKey()
	if _, ok := s.seen[key]; ok {
		return false
	}
	if s.seen == nil {
		s.seen = map[string]struct{}{}
	}
	s.seen[key] = struct{}{}
	s.groups = append(s.groups, g)
	return true
}

// Groups returns the groups in the order they were added. The slice belongs to the set; a nil set has none.
func (s *MetricsGroupSet) Groups() []*MetricsGroup {
	if s == nil {
		return nil
	}
	return s.groups
}

// Len is the number of groups.
func (s *MetricsGroupSet) Len() int { return len(s.Groups()) }

// equalityKey is a text that is the same for equal groups and for no others.
func (g *MetricsGroup) equalityKey() string {
	var b []byte
	part := func(s string) {
		b = strconv.AppendInt(b, int64(len(s)), 10)
		b = append(b, ':')
		b = append(b, s...)
	}
	if g.Resource != nil {
		part(g.Resource.Key())
	}
	if len(g.metrics) > 0 {
		part(g.Type)
		part(strconv.Itoa(g.Interval))
	}
	for _, d := range g.SortedDimensions() {
		part(d.Name)
		part(d.Value)
	}
	b = append(b, '|')
	metrics := append([]Metric(nil), g.metrics...)
	sort.Slice(metrics, func(i, j int) bool {
		if metrics[i].Name != metrics[j].Name {
			return metrics[i].Name < metrics[j].Name
		}
		return metrics[i].Type < metrics[j].Type
	})
	for _, m := range metrics {
		part(m.Name)
		part(m.Type.String())
		part(m.Value.String())
	}
	return string(b)
}

// ErrNoResults is what a plugin returns where it has nothing to say this time and that is no failure: the run counts
// as one without results.
var ErrNoResults = errors.New("plugin has no results")
