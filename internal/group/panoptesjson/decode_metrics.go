package panoptesjson

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func (d *Decoder) metrics(g *pluginsdk.MetricsGroup) error {
	s := &d.scanner
	if s.null() {
		return nil
	}
	if err := s.begin('[', errArray); err != nil {
		return err
	}
	for i := 0; ; i++ {
		more, err := s.next(i == 0, ']')
		if err != nil || !more {
			return err
		}
		start := s.at
		m, ok := d.plainMetric()
		if !ok {
			s.at = start
			if m, err = d.metric(); err != nil {
				return d.in("["+strconv.Itoa(i)+"]", err)
			}
		}
		if err := g.AddMetric(m); err != nil {
			s.at = start
			return d.in("["+strconv.Itoa(i)+"]", err)
		}
	}
}

// plainMetric reads a metric as Panoptes writes it, or else says that it cannot.
func (d *Decoder) plainMetric() (m pluginsdk.Metric, ok bool) {
	s := &d.scanner
	if !s.literal(metricLead) {
		return m, false
	}
	if d.timeText == "" || !s.literal(d.timeText) {
		start := s.at
		var err error
		if m.Timestamp, err = s.number(); err != nil || s.at >= len(s.text) {
			return m, false
		}
		// With what follows it, so that a longer number is not taken for it.
		d.time, d.timeText = m.Timestamp, s.text[start:s.at+1]
		s.at++
	}
	m.Timestamp = d.time
	s.at--
	if !s.literal(`, "metric_name": `) {
		return m, false
	}
	var err error
	if m.Name, err = s.string(); err != nil || !s.literal(`, "metric_value": `) {
		return m, false
	}
	if m.Value, err = s.number(); err != nil {
		return m, false
	}
	switch {
	case s.literal(`, "metric_type": "gauge"}`):
		return m, true
	case s.literal(`, "metric_type": "counter"}`):
		m.Type = pluginsdk.Counter
		return m, true
	}
	return m, false
}

func (d *Decoder) metric() (m pluginsdk.Metric, err error) {
	s := &d.scanner
	if err := s.begin('{', errObject); err != nil {
		return m, err
	}
	var hasName, hasValue, hasType, timed bool
	for first := true; ; first = false {
		key, more, err := s.key(first)
		if err != nil {
			return m, err
		}
		if !more {
			break
		}
		switch key {
		case "metric_creation_timestamp":
			m.Timestamp, timed, err = s.seconds()
		case "metric_name":
			m.Name, err = s.string()
			hasName = true
		case "metric_value":
			m.Value, err = s.number()
			hasValue = true
		case "metric_type":
			m.Type, err = s.metricType()
			hasType = true
		case "metric_unit": // of ours: from plugins, never in a message of Panoptes
			m.Unit, err = s.string()
		default:
			err = s.skip(1)
		}
		if err != nil {
			return m, d.in(key, err)
		}
	}
	switch {
	case !hasName:
		return m, d.in("metric_name", errString)
	case !hasValue:
		return m, d.in("metric_value", errors.New("must be given"))
	case !hasType:
		return m, d.in("metric_type", errMetricType)
	}
	if !timed {
		m.Timestamp = pluginsdk.Now()
	}
	return m, nil
}

var errMetricType = errors.New(`must be "gauge" or "counter"`)

func (s *scanner) metricType() (pluginsdk.MetricType, error) {
	at := s.at
	text, err := s.string()
	switch {
	case err != nil:
		return 0, err
	case text == "gauge":
		return pluginsdk.Gauge, nil
	case text == "counter":
		return pluginsdk.Counter, nil
	}
	s.at = at
	return 0, fmt.Errorf("%w, is %.40q", errMetricType, text)
}

// seconds reads a time that must be a number, or the text of one.
func (s *scanner) seconds() (pluginsdk.Number, bool, error) {
	at := s.at
	t, given, err := s.timestamp()
	if err != nil || t.Text == "" {
		return t.Number, given, err
	}
	n, err := pluginsdk.ParseNumber(strings.TrimSpace(t.Text))
	if err != nil {
		s.at = at
	}
	return n, true, err
}

func (d *Decoder) dimensions(g *pluginsdk.MetricsGroup) error {
	s := &d.scanner
	if s.null() {
		return nil
	}
	if err := s.begin('[', errArray); err != nil {
		return err
	}
	for i := 0; ; i++ {
		more, err := s.next(i == 0, ']')
		if err != nil || !more {
			return err
		}
		if i >= maxEntries {
			return fmt.Errorf("more than %d dimensions", maxEntries)
		}
		start := s.at
		name, value, ok := s.plainDimension()
		if !ok {
			s.at = start
			name, value, err = d.dimension()
		}
		if err == nil {
			if err = g.AddDimension(name, value); err != nil {
				s.at = start
			}
		}
		if err != nil {
			return d.in("["+strconv.Itoa(i)+"]", err)
		}
	}
}

// plainDimension reads a dimension as Panoptes writes it, or else says that it cannot.
func (s *scanner) plainDimension() (name, value string, ok bool) {
	var err error
	if !s.literal(`{"dimension_name": `) {
		return "", "", false
	}
	if name, err = s.string(); err != nil || !s.literal(`, "dimension_value": `) {
		return "", "", false
	}
	value, err = s.string()
	return name, value, err == nil && s.literal("}")
}

func (d *Decoder) dimension() (name, value string, err error) {
	s := &d.scanner
	if err := s.begin('{', errObject); err != nil {
		return "", "", err
	}
	for first := true; ; first = false {
		key, more, err := s.key(first)
		if err != nil || !more {
			return name, value, err
		}
		switch key {
		case "dimension_name":
			name, err = s.string()
		case "dimension_value":
			value, err = s.string()
		default:
			err = s.skip(1)
		}
		if err != nil {
			return "", "", d.in(key, err)
		}
	}
}
