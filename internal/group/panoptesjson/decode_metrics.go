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
	if s.Null() {
		return nil
	}
	if err := s.Begin('['); err != nil {
		return err
	}
	for i := 0; ; i++ {
		more, err := s.Next(i == 0, ']')
		if err != nil || !more {
			return err
		}
		start := s.At
		m, ok := d.plainMetric()
		if !ok {
			s.At = start
			if m, err = d.metric(); err != nil {
				return s.In("["+strconv.Itoa(i)+"]", err)
			}
		}
		if err := g.AddMetric(m); err != nil {
			s.At = start
			return s.In("["+strconv.Itoa(i)+"]", err)
		}
	}
}

// plainMetric reads a metric as Panoptes writes it, or else says that it cannot.
func (d *Decoder) plainMetric() (m pluginsdk.Metric, ok bool) {
	s := &d.scanner
	if !s.Literal(metricLead) {
		return m, false
	}
	if d.timeText == "" || !s.Literal(d.timeText) {
		start := s.At
		var err error
		if m.Timestamp, err = s.number(); err != nil || s.At >= len(s.Text) {
			return m, false
		}
		// With what follows it, so that a longer number is not taken for it.
		d.time, d.timeText = m.Timestamp, s.Text[start:s.At+1]
		s.At++
	}
	m.Timestamp = d.time
	s.At--
	if !s.Literal(`, "metric_name": `) {
		return m, false
	}
	var err error
	if m.Name, err = s.ReadString(); err != nil || !s.Literal(`, "metric_value": `) {
		return m, false
	}
	if m.Value, err = s.number(); err != nil {
		return m, false
	}
	switch {
	case s.Literal(`, "metric_type": "gauge"}`):
		return m, true
	case s.Literal(`, "metric_type": "counter"}`):
		m.Type = pluginsdk.Counter
		return m, true
	}
	return m, false
}

func (d *Decoder) metric() (m pluginsdk.Metric, err error) {
	s := &d.scanner
	var hasName, hasValue, hasType, timed bool
	err = s.Object(func(key string) (err error) {
		switch key {
		case "metric_creation_timestamp":
			m.Timestamp, timed, err = s.seconds()
		case "metric_name":
			m.Name, err = s.ReadString()
			hasName = true
		case "metric_value":
			m.Value, err = s.number()
			hasValue = true
		case "metric_type":
			m.Type, err = s.metricType()
			hasType = true
		case "metric_unit": // of ours: from plugins, never in a message of Panoptes
			m.Unit, err = s.stringOrNull()
		default:
			err = s.Skip()
		}
		return err
	})
	switch {
	case err != nil:
		return m, err
	case !hasName:
		return m, s.In("metric_name", errMissing)
	case !hasValue:
		return m, s.In("metric_value", errMissing)
	case !hasType:
		return m, s.In("metric_type", errMetricType)
	}
	if !timed {
		m.Timestamp = pluginsdk.Now()
	}
	return m, nil
}

var errMetricType = errors.New(`must be "gauge" or "counter"`)

func (s *scanner) metricType() (pluginsdk.MetricType, error) {
	at := s.At
	text, err := s.ReadString()
	switch {
	case err != nil:
		return 0, err
	case text == "gauge":
		return pluginsdk.Gauge, nil
	case text == "counter":
		return pluginsdk.Counter, nil
	}
	s.At = at
	return 0, fmt.Errorf("%w, is %.40q", errMetricType, text)
}

// seconds reads a time that must be a number, or the text of one.
func (s *scanner) seconds() (pluginsdk.Number, bool, error) {
	at := s.At
	t, given, err := s.timestamp()
	if err != nil || t.Text == "" {
		return t.Number, given, err
	}
	n, err := pluginsdk.ParseNumber(strings.TrimSpace(t.Text))
	if err != nil {
		s.At = at
	}
	return n, true, err
}

func (d *Decoder) dimensions(g *pluginsdk.MetricsGroup) error {
	s := &d.scanner
	if s.Null() {
		return nil
	}
	if err := s.Begin('['); err != nil {
		return err
	}
	for i := 0; ; i++ {
		more, err := s.Next(i == 0, ']')
		if err != nil || !more {
			return err
		}
		if i >= maxEntries {
			return fmt.Errorf("more than %d dimensions", maxEntries)
		}
		start := s.At
		name, value, ok := s.plainDimension()
		if !ok {
			s.At = start
			name, value, err = d.dimension()
		}
		if err == nil {
			if err = g.AddDimension(name, value); err != nil {
				s.At = start
			}
		}
		if err != nil {
			return s.In("["+strconv.Itoa(i)+"]", err)
		}
	}
}

// plainDimension reads a dimension as Panoptes writes it, or else says that it cannot.
func (s *scanner) plainDimension() (name, value string, ok bool) {
	var err error
	if !s.Literal(`{"dimension_name": `) {
		return "", "", false
	}
	if name, err = s.ReadString(); err != nil || !s.Literal(`, "dimension_value": `) {
		return "", "", false
	}
	value, err = s.ReadString()
	return name, value, err == nil && s.Literal("}")
}

func (d *Decoder) dimension() (name, value string, err error) {
	s := &d.scanner
	err = s.Object(func(key string) (err error) {
		switch key {
		case "dimension_name":
			name, err = s.ReadString()
		case "dimension_value":
			value, err = s.ReadString()
		default:
			err = s.Skip()
		}
		return err
	})
	return name, value, err
}
