package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// maxBadLines is how many lines that are no JSON are passed over in one output.
const maxBadLines = 100

// readJSON reads values that follow each other, each a group, an array of groups or {"groups": [...]}. A line that does
// not go on as JSON is passed over.
func readJSON(data []byte, d Defaults) []Item {
	r := NewReader(d)
	var items []Item
	bad, line := 0, 1
	for {
		rest := bytes.TrimLeft(data, " \t\r\n")
		line += bytes.Count(data[:len(data)-len(rest)], []byte("\n"))
		if data = rest; len(data) == 0 {
			return items
		}
		dec := json.NewDecoder(bytes.NewReader(data))
		var value json.RawMessage
		err := dec.Decode(&value)
		if err == nil {
			items = r.append(items, value)
			n := int(dec.InputOffset())
			line += bytes.Count(data[:n], []byte("\n"))
			data = data[n:]
			continue
		}
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			end = len(data)
		}
		items = append(items, failed("", "line %d is no JSON: %w, at %q", line, err, excerpt(data[:end])))
		if bad++; bad == maxBadLines {
			return append(items, failed("", "the rest is not read: %d lines are no JSON", bad))
		}
		data = data[end:]
	}
}

func excerpt(text []byte) []byte {
	const most = 60
	return text[:min(len(text), most)]
}

// append adds the groups of one value.
func (r *Reader) append(items []Item, value json.RawMessage) []Item {
	var list []json.RawMessage
	switch value[0] {
	case '[':
		if err := json.Unmarshal(value, &list); err != nil {
			return append(items, failed("", "%w", err))
		}
	case '{':
		var head struct {
			Groups *[]json.RawMessage `json:"groups"`
		}
		if err := json.Unmarshal(value, &head); err != nil {
			return append(items, failed("", `"groups" must be an array: %w`, err))
		}
		if head.Groups == nil {
			return append(items, r.Group(value))
		}
		list = *head.Groups
	default:
		return append(items, failed("", "%q is no metrics group: write an object, an array of them, or {\"groups\": [...]}", excerpt(value)))
	}
	for _, v := range list {
		items = append(items, r.Group(v))
	}
	return items
}

// shortGroup is the short form of a group.
type shortGroup struct {
	Type       string              `json:"type"`
	Dimensions members             `json:"dimensions"`
	Gauges     *members            `json:"gauges"`
	Counters   *members            `json:"counters"`
	Resource   *pluginsdk.Resource `json:"resource"`
	Interval   *int                `json:"interval"`
	Timestamp  *pluginsdk.Number   `json:"timestamp"`
}

// Reader reads metrics groups one at a time. It is not safe for concurrent use.
type Reader struct {
	defaults Defaults
	decoder  *panoptesjson.Decoder
}

// NewReader returns a Reader for the groups of one run.
func NewReader(d Defaults) *Reader {
	return &Reader{defaults: d, decoder: panoptesjson.NewDecoder(panoptesjson.DecoderOptions{Resource: d.Resource})}
}

// Group reads one metrics group in Panoptes' JSON or in the short form.
func (r *Reader) Group(value json.RawMessage) Item {
	if len(value) == 0 || value[0] != '{' {
		return failed("", "%q is no metrics group: it must be an object", excerpt(value))
	}
	g := &pluginsdk.MetricsGroup{}
	err := r.decoder.Decode(value, g)
	if err == nil {
		return Item{Group: g, Type: g.Type}
	}
	var head struct {
		Full  json.RawMessage `json:"metrics_group_type"`
		Short *string         `json:"type"`
	}
	headErr := json.Unmarshal(value, &head)
	switch {
	case headErr == nil && head.Full != nil:
		return badGroup(panoptesjson.GroupType(value), err)
	case headErr != nil:
		return failed("", "%w", headErr)
	case head.Short == nil:
		return failed("", `the object %q has neither "metrics_group_type" nor, as the short form, "type"`, excerpt(value))
	}
	var s shortGroup
	if err := json.Unmarshal(value, &s); err != nil {
		return failed(*head.Short, "group %q: %w", *head.Short, err)
	}
	g, err = s.group(r.defaults)
	if err != nil {
		return failed(s.Type, "%w", err)
	}
	return Item{Group: g, Type: s.Type}
}

// badGroup is the item of a group in Panoptes' JSON that breaks a rule: the error names the field.
func badGroup(groupType string, err error) Item {
	var at *panoptesjson.Error
	if errors.As(err, &at) {
		err = at.Err
		if at.Field != "" {
			err = fmt.Errorf("%.200s: %w", at.Field, err)
		}
	}
	return failed(groupType, "group %q: %w", groupType, err)
}

func (s *shortGroup) group(d Defaults) (*pluginsdk.MetricsGroup, error) {
	if s.Type == "" {
		return nil, errors.New(`"type" must be a non-empty string`)
	}
	if s.Gauges == nil && s.Counters == nil {
		return nil, fmt.Errorf(`group %q has neither "gauges" nor "counters"`, s.Type)
	}
	if s.Interval != nil {
		if d.Interval = *s.Interval; d.Interval <= 0 {
			return nil, fmt.Errorf(`"interval" of group %q must be greater than zero, is %d`, s.Type, d.Interval)
		}
	}
	if s.Timestamp != nil {
		d.Time = *s.Timestamp
	}
	g := d.group(s.Type)
	if s.Resource != nil {
		g.Resource = s.Resource
	}
	for _, part := range []struct {
		key     string
		kind    pluginsdk.MetricType
		members *members
	}{{"gauges", pluginsdk.Gauge, s.Gauges}, {"counters", pluginsdk.Counter, s.Counters}} {
		if part.members == nil {
			continue
		}
		for _, m := range *part.members {
			value, err := pluginsdk.ParseNumber(string(m.value))
			if err != nil {
				return nil, fmt.Errorf("group %q: %q of %q must be a number, is %q", s.Type, m.name, part.key, excerpt(m.value))
			}
			if err := g.AddMetric(pluginsdk.Metric{Name: m.name, Type: part.kind, Value: value, Timestamp: d.Time}); err != nil {
				return nil, fmt.Errorf("group %q: %w", s.Type, err)
			}
		}
	}
	for _, m := range s.Dimensions {
		var text string
		if err := json.Unmarshal(m.value, &text); err != nil || m.value[0] != '"' {
			return nil, fmt.Errorf("group %q: dimension %q must be a string, is %q", s.Type, m.name, excerpt(m.value))
		}
		if err := g.AddDimension(m.name, text); err != nil {
			return nil, fmt.Errorf("group %q: %w", s.Type, err)
		}
	}
	return g, nil
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
