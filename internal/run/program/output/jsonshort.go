package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/group/bounds"
	"github.com/panoptes-otel/panoptes-otel/internal/spelling"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// shortGroup is the short form of a group, as far as it was read.
type shortGroup struct {
	defaults   Defaults
	groupType  string
	resource   *pluginsdk.Resource
	dimensions members
	metrics    []shortMetrics
	problems   []Item
}

type shortMetrics struct {
	key     string
	kind    pluginsdk.MetricType
	members members
}

// shortKeys are the members of the short form.
var shortKeys = [...]string{"type", "dimensions", "gauges", "counters", "resource", "interval", "timestamp"}

// shortGroup reads the short form. A metric that breaks a rule costs itself alone. What is wrong with the group's
// dimensions, resource or times costs the group, which would be another one without them.
func (r *Reader) shortGroup(all members) []Item {
	s := shortGroup{defaults: r.defaults}
	var wrong error
	for _, m := range all {
		if err := s.member(m); err != nil && wrong == nil {
			wrong = err
		}
	}
	if wrong == nil && s.groupType == "" {
		wrong = errors.New(`"type" must be a non-empty string`)
	}
	if wrong == nil && s.metrics == nil && s.problems == nil {
		wrong = errors.New(`it has neither "gauges" nor "counters"`)
	}
	var g *pluginsdk.MetricsGroup
	if wrong == nil {
		g, wrong = s.group()
	}
	if wrong != nil {
		return failed(s.groupType, "group %q: %w", short(s.groupType), wrong)
	}
	if len(g.Metrics()) == 0 && s.problems != nil {
		return s.problems // nothing is left of the group
	}
	return append([]Item{{Group: g, Type: g.Type}}, s.problems...)
}

// member reads a member of the group.
func (s *shortGroup) member(m member) error {
	var err error
	switch m.name {
	case "type":
		if err := json.Unmarshal(m.value, &s.groupType); err != nil {
			return fmt.Errorf(`"type" must be a string, is %q`, excerpt(m.value))
		}
	case "dimensions":
		err = json.Unmarshal(m.value, &s.dimensions)
	case "gauges", "counters":
		part := shortMetrics{key: m.name, kind: pluginsdk.Gauge}
		if m.name == "counters" {
			part.kind = pluginsdk.Counter
		}
		if err = json.Unmarshal(m.value, &part.members); err == nil && !bytes.Equal(m.value, []byte("null")) {
			s.metrics = append(s.metrics, part)
		}
	case "resource":
		err = json.Unmarshal(m.value, &s.resource)
	case "interval":
		var interval *pluginsdk.Number
		if err = json.Unmarshal(m.value, &interval); err == nil && interval != nil {
			seconds := interval.Float64()
			if seconds < 1 || seconds > math.MaxInt32 || seconds != math.Trunc(seconds) {
				return fmt.Errorf(`"interval" must be a whole number of seconds greater than zero, is %s`, excerpt(m.value))
			}
			s.defaults.Interval = int(seconds)
		}
	case "timestamp":
		var time *pluginsdk.Number
		if err = json.Unmarshal(m.value, &time); err == nil && time != nil {
			s.defaults.Time = *time
		}
	default:
		return s.unknown(m)
	}
	if err != nil {
		return fmt.Errorf("%q: %w", m.name, err)
	}
	return nil
}

// unknown looks at a member that the short form does not have. One that is nearly one of it is a mistake: metrics that
// are lost by it, or a group that would be another one without it.
func (s *shortGroup) unknown(m member) error {
	near := nearKey(m.name)
	if near == "" {
		return nil
	}
	err := fmt.Errorf("%q is unknown: did you mean %q?", short(m.name), near)
	if near == "gauges" || near == "counters" {
		s.problem(Item{Err: err})
		return nil
	}
	return err
}

// problem notes something that is left out of the group; beyond maxErrors it is only counted.
func (s *shortGroup) problem(i Item) {
	if n := len(s.problems); n >= maxErrors {
		s.problems[n-1].More++
		return
	}
	i.Type, i.Err = s.groupType, fmt.Errorf("group %q: %w", short(s.groupType), i.Err)
	s.problems = append(s.problems, i)
}

// group makes the group of what was read.
func (s *shortGroup) group() (*pluginsdk.MetricsGroup, error) {
	g := s.defaults.group(s.groupType)
	if s.resource != nil {
		g.Resource = s.resource
	}
	if n := len(s.dimensions); n > s.defaults.Bounds.MaxDimensions() {
		return nil, s.defaults.Bounds.TooMany(n)
	}
	for _, m := range s.dimensions {
		value, err := dimensionValue(m)
		if err == nil {
			err = g.AddDimension(m.name, value)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := s.defaults.Bounds.Check(g); err != nil {
		return nil, err
	}
	for _, part := range s.metrics {
		for _, m := range part.members {
			if err := s.metric(g, part, m); err != nil {
				s.problem(Item{Metric: short(m.name), Err: err})
			}
		}
	}
	return g, nil
}

func (s *shortGroup) metric(g *pluginsdk.MetricsGroup, part shortMetrics, m member) error {
	value, err := pluginsdk.ParseNumber(string(m.value))
	if err == nil && !value.IsFinite() {
		err = errors.New("beyond the range of a double")
	}
	switch first := m.value[0]; {
	case err != nil && first != '-' && (first < '0' || first > '9'):
		return fmt.Errorf("%q of %q must be a number, is %q", short(m.name), part.key, excerpt(m.value))
	case err != nil:
		return fmt.Errorf("%q of %q: %w", short(m.name), part.key, err)
	}
	if err := bounds.Metric(m.name); err != nil {
		return err
	}
	return g.AddMetric(pluginsdk.Metric{Name: m.name, Type: part.kind, Value: value, Timestamp: s.defaults.Time})
}

// dimensionValue is the text of a dimension. A number is taken as it is written: the text is what tells series apart.
func dimensionValue(m member) (string, error) {
	var text string
	switch first := m.value[0]; {
	case first == '"':
		return text, json.Unmarshal(m.value, &text)
	case first == '-' || first >= '0' && first <= '9':
		return string(m.value), nil
	}
	return "", fmt.Errorf("dimension %q must be a string, is %q", short(m.name), excerpt(m.value))
}

// nearKey is the member of the short form that a name is nearly: without regard to case, or with two other letters.
func nearKey(name string) string {
	const longest = 20
	if len(name) > longest {
		return ""
	}
	lower := strings.ToLower(name)
	for _, key := range shortKeys {
		// Short words are near to too many others.
		if lower == key || len(key) > 4 && spelling.Distance(lower, key) <= 2 {
			return key
		}
	}
	return ""
}

// members are the members of an object in their order.
type members []member

type member struct {
	name  string
	value json.RawMessage
}

// UnmarshalJSON reads an object; null is an empty one.
func (m *members) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("%q must be an object", excerpt(data))
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		*m = append(*m, member{name.(string), value})
	}
	return nil
}
