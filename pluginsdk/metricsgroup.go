package pluginsdk

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync/atomic"
	"time"
	"unicode"
)

// SchemaVersion is the version of the metrics group schema that this package writes.
const SchemaVersion = "0.2"

// MetricType says how a metric's value is to be read.
type MetricType uint8

const (
	// Gauge is a value that stands for itself.
	Gauge MetricType = iota
	// Counter is a value that only grows, and of which the growth per second is of interest.
	Counter
)

// String is the name used in JSON.
func (t MetricType) String() string {
	if t == Counter {
		return "counter"
	}
	return "gauge"
}

// Metric is one value of a metrics group.
type Metric struct {
	Name string
	Type MetricType
	// Width is how many bits the counter has where it is counted: it begins anew at 2 to the power of Width. 0 says nothing.
	// It goes as far as Unit does, for rates.
	Width uint8
	Value Number
	// Timestamp is the time of the value in seconds since 1970. NewMetric and AddMetric round it to milliseconds.
	Timestamp Number
	// Unit is the unit as UCUM writes it, such as By or s; "" says nothing. OpenTelemetry has it, Panoptes' JSON does
	// not, so it gets no further than the Collector's pipeline.
	Unit string
	// Description says for people what the metric is; "" says nothing. It goes as far as Unit does.
	Description string
}

// Dimension tells groups of one type apart, such as the interface or CPU they speak of.
type Dimension struct{ Name, Value string }

// MetricsGroup is what a plugin says about a resource at one time: metrics that share dimensions, such as everything
// about one interface. It is not safe for concurrent use.
type MetricsGroup struct {
	Resource *Resource
	Type     string
	// Interval is the time between two such groups, in seconds; the rate processor takes it to tell a late group from a gap.
	Interval int
	// Timestamp is the time of creation in seconds since 1970.
	Timestamp Timestamp
	// CountersSince is when the counters began to count, zero where that is not known. It should be the same from run to run:
	// another one begins new series. It goes as far as Metric.Unit does.
	CountersSince time.Time

	metrics    []Metric
	dimensions []Dimension
	// index has the metrics of a group that has many, and places where its many dimensions are: they keep a hostile group
	// from costing the square of its size.
	index  map[metricKey]struct{}
	places map[string]int
}

type metricKey struct {
	name string
	kind MetricType
}

// indexFrom is the number of metrics or dimensions from which on looking through them all would cost more than an index.
const indexFrom = 64

// NewMetricsGroup returns an empty group, created now.
func NewMetricsGroup(resource *Resource, groupType string, interval time.Duration) (*MetricsGroup, error) {
	g := &MetricsGroup{
		Resource:  resource,
		Type:      groupType,
		Interval:  int(interval / time.Second),
		Timestamp: NumberTimestamp(Now()),
	}
	return g, g.checkHead()
}

func (g *MetricsGroup) checkHead() error {
	switch {
	case g.Resource == nil:
		return errors.New("resource must be given")
	case g.Type == "":
		return errors.New("group_type must be a non-empty string")
	case g.Interval <= 0:
		return fmt.Errorf("interval of group %q must be at least one second", g.Type)
	}
	return nil
}

// Reset empties the group for another use and keeps its memory: what Metrics and Dimensions returned is no longer valid.
func (g *MetricsGroup) Reset() {
	clear(g.metrics)
	clear(g.dimensions)
	*g = MetricsGroup{metrics: g.metrics[:0], dimensions: g.dimensions[:0]}
}

// Now is the present time in seconds, rounded to milliseconds as Panoptes does. While a host records or repeats a run of a
// plugin under Serve it is the time that the host gave.
func Now() Number {
	if given := givenNow.Load(); given != nil {
		return *given
	}
	return UnixTime(time.Now())
}

// givenNow is what a host says of the time while it records or repeats a run of a plugin under Serve, one at a time.
var givenNow atomic.Pointer[Number]

// UnixTime is t in seconds since 1970, rounded to milliseconds.
func UnixTime(t time.Time) Number {
	return Float(float64(t.Round(time.Millisecond).UnixMilli()) / 1000)
}

// Grow makes room for that many more metrics and dimensions, so that adding them allocates nothing. It need not be called.
func (g *MetricsGroup) Grow(metrics, dimensions int) {
	g.metrics = slices.Grow(g.metrics, metrics)
	g.dimensions = slices.Grow(g.dimensions, dimensions)
}

// AddGauge adds a gauge with the time of now.
func (g *MetricsGroup) AddGauge(name string, value float64) error {
	return g.AddMetric(Metric{Name: name, Type: Gauge, Value: Float(value), Timestamp: Now()})
}

// AddCounter adds a counter with the time of now.
func (g *MetricsGroup) AddCounter(name string, value uint64) error {
	return g.AddMetric(Metric{Name: name, Type: Counter, Value: Uint(value), Timestamp: Now()})
}

// AddMetric adds a metric. Its name must be a valid name that the group does not have yet for this type.
func (g *MetricsGroup) AddMetric(m Metric) error {
	if err := checkName("metric", m.Name); err != nil {
		return err
	}
	if m.Type != Gauge && m.Type != Counter {
		return fmt.Errorf("type of metric %q must be gauge or counter", m.Name)
	}
	if g.has(m.Name, m.Type) {
		return fmt.Errorf("metric %q (type %q) of group %q is already there", m.Name, m.Type, g.Type)
	}
	m.Timestamp = roundTime(m.Timestamp)
	g.metrics = append(g.metrics, m)
	if g.index != nil {
		g.index[metricKey{m.Name, m.Type}] = struct{}{}
	}
	return nil
}

// has says whether the group has a metric of that name and type.
func (g *MetricsGroup) has(name string, kind MetricType) bool {
	if len(g.metrics) < indexFrom {
		for i := range g.metrics {
			if g.metrics[i].Name == name && g.metrics[i].Type == kind {
				return true
			}
		}
		return false
	}
	if g.index == nil {
		g.index = make(map[metricKey]struct{}, 2*len(g.metrics))
		for i := range g.metrics {
			g.index[metricKey{g.metrics[i].Name, g.metrics[i].Type}] = struct{}{}
		}
	}
	_, ok := g.index[metricKey{name, kind}]
	return ok
}

// AddDimension adds a dimension. Its name must be a valid name that the group does not have yet; its value may be any
// text that is not empty.
func (g *MetricsGroup) AddDimension(name, value string) error {
	if err := checkDimension(name, value); err != nil {
		return err
	}
	if g.place(name) >= 0 {
		return fmt.Errorf("dimension %q of group %q is already there; use UpsertDimension to change it", name, g.Type)
	}
	g.appendDimension(name, value)
	return nil
}

func (g *MetricsGroup) appendDimension(name, value string) {
	if g.places != nil {
		g.places[name] = len(g.dimensions)
	}
	g.dimensions = append(g.dimensions, Dimension{name, value})
}

// place returns where the dimension of that name is, or -1.
func (g *MetricsGroup) place(name string) int {
	if len(g.dimensions) < indexFrom {
		for i := range g.dimensions {
			if g.dimensions[i].Name == name {
				return i
			}
		}
		return -1
	}
	if g.places == nil {
		g.places = make(map[string]int, 2*len(g.dimensions))
		for i := range g.dimensions {
			g.places[g.dimensions[i].Name] = i
		}
	}
	if i, ok := g.places[name]; ok {
		return i
	}
	return -1
}

// UpsertDimension adds a dimension, or changes the one of that name.
func (g *MetricsGroup) UpsertDimension(name, value string) error {
	if err := checkDimension(name, value); err != nil {
		return err
	}
	if i := g.place(name); i >= 0 {
		g.dimensions[i].Value = value
		return nil
	}
	g.appendDimension(name, value)
	return nil
}

// DeleteDimension removes the dimension of that name, if there is one.
func (g *MetricsGroup) DeleteDimension(name string) {
	if i := g.place(name); i >= 0 {
		g.dimensions = append(g.dimensions[:i], g.dimensions[i+1:]...)
		g.places = nil // those after it have moved
	}
}

// Dimension returns the value of the dimension of that name, and whether there is one.
func (g *MetricsGroup) Dimension(name string) (string, bool) {
	if i := g.place(name); i >= 0 {
		return g.dimensions[i].Value, true
	}
	return "", false
}

// Metrics returns the metrics in the order they were added. The slice belongs to the group.
func (g *MetricsGroup) Metrics() []Metric { return g.metrics }

// Dimensions returns the dimensions in the order they were added. The slice belongs to the group.
func (g *MetricsGroup) Dimensions() []Dimension { return g.dimensions }

// SortedDimensions returns a copy of the dimensions, ordered by name: the order of partitioning keys.
func (g *MetricsGroup) SortedDimensions() []Dimension {
	d := append([]Dimension(nil), g.dimensions...)
	sort.Slice(d, func(i, j int) bool { return d[i].Name < d[j].Name })
	return d
}

// ValidName says whether s may name a metric, a dimension or a metadata entry: a letter or "_", then letters, digits
// and "_", of any script. It is Python's pattern ^[^\d\W]\w*\Z.
func ValidName(s string) bool {
	for i, r := range s {
		switch {
		case r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
		case r >= '0' && r <= '9':
			if i == 0 {
				return false
			}
		case r < 0x80 || r == unicode.ReplacementChar:
			return false
		case unicode.Is(unicode.Nd, r):
			if i == 0 {
				return false
			}
		case !unicode.IsLetter(r) && !unicode.IsNumber(r):
			return false
		}
	}
	return s != ""
}

func checkName(what, name string) error {
	if name == "" {
		return fmt.Errorf("%s name must be a non-empty string", what)
	}
	if !ValidName(name) {
		return fmt.Errorf(`%s name %q has to match pattern: (letter|"_") (letter | digit | "_")*`, what, name)
	}
	return nil
}

func checkDimension(name, value string) error {
	if err := checkName("dimension", name); err != nil {
		return err
	}
	if value == "" {
		return fmt.Errorf("value of dimension %q must be a non-empty string", name)
	}
	return nil
}
