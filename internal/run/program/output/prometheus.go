package output

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/group/bounds"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// maxLine is the longest line that is read: one at all limits of labels has less.
const maxLine = 4 << 20

// readPrometheus makes one group of all samples that have the same labels, which become dimensions. It reads line by
// line, so that a line that is none costs itself alone.
func readPrometheus(c *collector, data []byte) {
	r := promReader{
		collector: c,
		lines:     lineReader{openMetrics: isOpenMetrics(data)},
		families:  families{},
		groups:    map[string]*pluginsdk.MetricsGroup{},
		first:     map[promKey]pluginsdk.Number{},
	}
	for line := range bytes.Lines(data) {
		if c.done() {
			return
		}
		r.number++
		// Blanks at the ends, and the line ends of Windows among them, are none of the formats.
		if line = bytes.Trim(line, " \t\r\n"); len(line) == 0 {
			continue
		}
		if err := r.line(line); err != nil {
			c.failf("", "line %d: %w", r.number, err)
		}
	}
}

// isOpenMetrics says whether a text is OpenMetrics, in which times are in seconds: where it says so itself, by its last
// line, or by what the Prometheus text format does not have.
func isOpenMetrics(data []byte) bool {
	for line := range bytes.Lines(data) {
		fields := bytes.Fields(line)
		switch {
		case len(fields) < 2 || string(fields[0]) != "#":
		case len(fields) == 2 && string(fields[1]) == "EOF":
			return true
		case isUnit(line):
			return true
		case len(fields) == 4 && string(fields[1]) == "TYPE" &&
			slices.Contains([]string{"info", "stateset", "unknown", "gaugehistogram"}, string(fields[3])):
			return true
		}
	}
	return false
}

// promReader gathers samples in groups.
type promReader struct {
	*collector
	lines    lineReader
	number   int // of the line
	families families
	groups   map[string]*pluginsdk.MetricsGroup // by labels
	// first has the time of each metric in the group of its labels.
	first map[promKey]pluginsdk.Number
}

// promKey is a metric of the group of its labels.
type promKey struct {
	group *pluginsdk.MetricsGroup
	name  string
	kind  pluginsdk.MetricType
}

// line reads one line, which is not empty. Its error is of the line; that of a sample that breaks a rule is an item.
func (r *promReader) line(line []byte) error {
	if len(line) > maxLine {
		return fmt.Errorf("%w: the line has %d bytes, limit is %d", ErrLimit, len(line), maxLine)
	}
	e, err := r.lines.read(line)
	if err != nil {
		return err
	}
	switch e.what {
	case typeEntry:
		r.families.of(e.name).kind = e.text
	case helpEntry:
		r.families.of(e.name).help = cutHelp(e.text)
	case unitEntry:
		r.families.of(e.name).unit = ucumOf(e.text)
	case sampleEntry:
		if err := r.sample(&e); err != nil {
			r.fail(Item{
				Type: r.defaults.Type, Metric: short(e.name),
				Err: fmt.Errorf("line %d: sample %q: %w", r.number, short(e.name), err),
			})
		}
	}
	return nil
}

// sample adds a sample.
func (r *promReader) sample(e *entry) error {
	m := r.families.metric(e.name)
	if m.count && e.value < 0 {
		return fmt.Errorf("a count must not be negative, is %v", e.value)
	}
	dimensions, err := r.dimensions(e, m.bound)
	if err != nil {
		return err
	}
	metric := pluginsdk.Metric{
		Type: m.kind, Value: number(e.value), Timestamp: r.defaults.Time, Unit: m.unit, Description: m.help,
	}
	metric.Name, _ = pdata.SafeName(e.name)
	if e.hasTime {
		metric.Timestamp = pluginsdk.Float(float64(e.millis) / 1000)
	}
	g, err := r.group(dimensions, &metric)
	if g == nil || err != nil {
		return err
	}
	return g.AddMetric(metric)
}

// group returns the group of the labels, which it makes where there is none. A metric that the group has already at
// another time goes to a group of its own. The group is nil where there are too many.
func (r *promReader) group(dimensions []pluginsdk.Dimension, m *pluginsdk.Metric) (*pluginsdk.MetricsGroup, error) {
	var key []byte
	for _, d := range dimensions {
		key = strconv.AppendInt(key, int64(len(d.Name)), 10)
		key = append(append(key, ':'), d.Name...)
		key = strconv.AppendInt(key, int64(len(d.Value)), 10)
		key = append(append(key, ':'), d.Value...)
	}
	g, err := r.groupOf(key, dimensions)
	if g == nil || err != nil {
		return nil, err
	}
	at := promKey{g, m.Name, m.Type}
	if time, ok := r.first[at]; ok && !time.Equal(m.Timestamp) {
		return r.groupOf(m.Timestamp.Append(append(key, '@')), dimensions)
	}
	r.first[at] = m.Timestamp
	return g, nil
}

func (r *promReader) groupOf(key []byte, dimensions []pluginsdk.Dimension) (*pluginsdk.MetricsGroup, error) {
	if g := r.groups[string(key)]; g != nil {
		return g, nil
	}
	g := r.defaults.group(r.defaults.Type)
	for _, d := range dimensions {
		if err := g.AddDimension(d.Name, d.Value); err != nil {
			return nil, err
		}
	}
	if !r.room() {
		return nil, nil
	}
	r.groups[string(key)] = g
	r.add(g)
	return g, nil
}

// dimensions are the labels of a sample, by name. A label without a value is as good as none in Prometheus. bound is the
// name of the label that is a number.
func (r *promReader) dimensions(e *entry, bound string) ([]pluginsdk.Dimension, error) {
	if err := bounds.Metric(e.name); err != nil {
		return nil, err
	}
	most := r.defaults.Bounds.MaxDimensions()
	dimensions := make([]pluginsdk.Dimension, 0, min(len(e.labels), most))
	sorted := true
	for _, l := range e.labels {
		if l.Value == "" {
			continue
		}
		if len(dimensions) == most {
			return nil, r.defaults.Bounds.TooMany(len(e.labels))
		}
		if l.Name == bound {
			l.Value = canonicalBound(l.Value)
		}
		var changed bool
		if l.Name, changed = pdata.SafeName(l.Name); changed {
			sorted = false
		}
		dimensions = append(dimensions, l)
	}
	if !sorted {
		slices.SortFunc(dimensions, func(a, b pluginsdk.Dimension) int { return strings.Compare(a.Name, b.Name) })
	}
	for i := range dimensions {
		if i > 0 && dimensions[i-1].Name == dimensions[i].Name {
			return nil, fmt.Errorf("label %q is there twice", dimensions[i].Name)
		}
	}
	return dimensions, r.defaults.Bounds.Labels(dimensions)
}

// canonicalBound writes a bound of a bucket, or a quantile, always in the same way: "1", "1.0" and "1e0" are one series.
func canonicalBound(text string) string {
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return text
	case math.IsInf(f, 1):
		return "+Inf"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// number makes an integer of a value that is one: the formats have no other numbers than doubles, and Panoptes' counters
// are integers.
func number(f float64) pluginsdk.Number {
	const exact = 1 << 53
	if f == math.Trunc(f) && math.Abs(f) <= exact {
		return pluginsdk.Int(int64(f))
	}
	return pluginsdk.Float(f)
}
