package parity

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Side is one of the two streams.
type Side int

// The sides. A is what B is held against.
const (
	A Side = iota
	B
)

func (s Side) other() Side { return 1 - s }

func (s Side) String() string { return [...]string{"A", "B"}[s] }

// Group is a metrics group as it came from Kafka.
type Group struct {
	*pluginsdk.MetricsGroup
	Key       string
	Partition int32
}

// resource is what is known of a resource.
type resource struct {
	seen   [2]bool
	missed [2]int // groups of it that the other side lacks
}

// series is a group's identity over time: its resource, type and dimensions.
type series struct {
	name     string
	resource *resource
	// waiting are the samples of each side that have no partner yet, by time.
	waiting [2][]*sample
	// before is A's last sample that waits no more.
	before *sample
	paired bool
	seen   [2]bool
}

// sample is one group of a series.
type sample struct {
	at        time.Time
	interval  time.Duration
	key       string
	partition int32
	values    []value // by name, gauges first
}

// size is what counts for the bound on what waits: that of a sample itself is about that of two values.
func (s *sample) size() int { return 2 + len(s.values) }

type value struct {
	name    string
	counter bool
	// rate says that it is a gauge beside a counter of its name.
	rate   bool
	number float64
}

// find returns the value of a metric, or nil.
func (s *sample) find(name string, counter bool) *value {
	if s == nil {
		return nil
	}
	for i := range s.values {
		if v := &s.values[i]; v.name == name && v.counter == counter {
			return v
		}
	}
	return nil
}

// names keeps one copy of names that come again and again.
type names map[string]string

// maxNames bounds it: what is beyond is kept with each sample.
const maxNames = 100_000

func (n names) keep(s string) string {
	if kept, ok := n[s]; ok {
		return kept
	}
	s = strings.Clone(s)
	if len(n) < maxNames {
		n[s] = s
	}
	return s
}

// sampleOf copies what is compared of a group, which is the reader's.
func (n names) sampleOf(g Group) (*sample, bool) {
	seconds, ok := g.Timestamp.Seconds()
	if !ok {
		return nil, false
	}
	s := &sample{
		at: time.UnixMilli(int64(seconds * 1000)), interval: time.Duration(g.Interval) * time.Second,
		key: n.keep(g.Key), partition: g.Partition, values: make([]value, 0, len(g.Metrics())),
	}
	for _, m := range g.Metrics() {
		s.values = append(s.values, value{name: n.keep(m.Name), counter: m.Type == pluginsdk.Counter, number: m.Value.Float64()})
	}
	slices.SortFunc(s.values, func(a, b value) int {
		if a.counter != b.counter {
			if b.counter {
				return -1
			}
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	for i := range s.values {
		v := &s.values[i]
		v.rate = !v.counter && s.find(v.name, true) != nil
	}
	return s, true
}

// identify names a group's resource and series, for people, and so that no two have one name.
func identify(g *pluginsdk.MetricsGroup) (resource, series string) {
	r := g.Resource
	var out strings.Builder
	for i, field := range []string{r.Site, r.Class, r.Subclass, r.Type, r.ID} {
		if i > 0 {
			out.WriteByte(' ')
		}
		out.WriteString(word(field))
	}
	resource = out.String()
	out.WriteString(" " + word(g.Type) + " {")
	for i, d := range g.SortedDimensions() {
		if i > 0 {
			out.WriteString(", ")
		}
		out.WriteString(word(d.Name) + "=" + word(d.Value))
	}
	out.WriteString("}")
	return resource, out.String()
}

// word quotes what is not plain.
func word(s string) string {
	quoted := strconv.Quote(s)
	if s == "" || len(quoted) != len(s)+2 || strings.ContainsAny(s, " ,={}") {
		return quoted
	}
	return s
}
