package pluginsdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
)

func roundTime(n Number) Number {
	if !n.float {
		return n
	}
	return Float(pyjson.RoundMillis(n.f))
}

// AppendJSON appends the group as one JSON object in Panoptes' form: its order of keys, separators, escapes and
// numbers. Values that are not finite come out as NaN, Infinity or -Infinity, which only Python reads: drop them first.
func (g *MetricsGroup) AppendJSON(b []byte) []byte { return g.appendJSON(b, g.Resource) }

// appendJSON leaves the resource out where it is nil.
func (g *MetricsGroup) appendJSON(b []byte, resource *Resource) []byte {
	b = append(b, `{"metrics_group_type": `...)
	b = pyjson.AppendString(b, g.Type)
	b = append(b, `, "metrics_group_interval": `...)
	b = strconv.AppendInt(b, int64(g.Interval), 10)
	b = append(b, `, "metrics_group_creation_timestamp": `...)
	b = g.Timestamp.Append(b)
	b = append(b, `, "metrics_group_schema_version": "`+SchemaVersion+`", `...)
	if resource != nil {
		b = append(b, `"resource": `...)
		b = append(resource.AppendJSON(b), ", "...)
	}
	b = append(b, `"metrics": [`...)
	for i := range g.metrics {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = g.metrics[i].appendJSON(b)
	}
	b = append(b, `], "dimensions": [`...)
	for i, d := range g.dimensions {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, `{"dimension_name": `...)
		b = pyjson.AppendString(b, d.Name)
		b = append(b, `, "dimension_value": `...)
		b = pyjson.AppendString(b, d.Value)
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

func (m *Metric) appendJSON(b []byte) []byte {
	b = append(b, `{"metric_creation_timestamp": `...)
	b = m.Timestamp.Append(b)
	b = append(b, `, "metric_name": `...)
	b = pyjson.AppendString(b, m.Name)
	b = append(b, `, "metric_value": `...)
	b = m.Value.Append(b)
	b = append(b, `, "metric_type": "`...)
	b = append(b, m.Type.String()...)
	return append(b, `"}`...)
}

// AppendJSON appends the resource as one JSON object in Panoptes' form.
func (r *Resource) AppendJSON(b []byte) []byte {
	for _, f := range [...]struct{ lead, value string }{
		{`{"resource_site": `, r.Site},
		{`, "resource_class": `, r.Class},
		{`, "resource_subclass": `, r.Subclass},
		{`, "resource_type": `, r.Type},
		{`, "resource_id": `, r.ID},
		{`, "resource_endpoint": `, r.Endpoint},
	} {
		b = append(b, f.lead...)
		b = pyjson.AppendString(b, f.value)
	}
	b = append(b, `, "resource_metadata": {`...)
	for i, e := range r.Metadata {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = pyjson.AppendString(b, e.Key)
		b = append(b, ": "...)
		b = pyjson.AppendString(b, e.Value)
	}
	b = append(b, `}, "resource_creation_timestamp": `...)
	b = r.CreationTimestamp.Append(b)
	b = append(b, `, "resource_plugin": `...)
	if r.Plugin == "" {
		return append(b, "null}"...)
	}
	return append(pyjson.AppendString(b, r.Plugin), '}')
}

// MarshalJSON implements json.Marshaler; see AppendJSON for the form. encoding/json takes the blanks out again.
func (g *MetricsGroup) MarshalJSON() ([]byte, error) {
	for i := range g.metrics {
		if v := g.metrics[i].Value; v.float && !v.IsFinite() {
			return nil, fmt.Errorf("metric %q of group %q is not finite: it has no JSON form", g.metrics[i].Name, g.Type)
		}
	}
	return g.AppendJSON(nil), nil
}

// MarshalJSON implements json.Marshaler.
func (r *Resource) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// UnmarshalJSON reads a group in Panoptes' form, in any order of keys, and checks it as the constructors do. Keys that
// are not known are ignored. A group without a resource keeps the one it has: set g.Resource first to allow that.
func (g *MetricsGroup) UnmarshalJSON(data []byte) error {
	var in struct {
		Type       *string         `json:"metrics_group_type"`
		Interval   json.RawMessage `json:"metrics_group_interval"`
		Timestamp  Timestamp       `json:"metrics_group_creation_timestamp"`
		Version    *string         `json:"metrics_group_schema_version"`
		Resource   *Resource       `json:"resource"`
		Metrics    []*wireMetric   `json:"metrics"`
		Dimensions []*struct {
			Name  *string `json:"dimension_name"`
			Value *string `json:"dimension_value"`
		} `json:"dimensions"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	out := MetricsGroup{Resource: g.Resource, Timestamp: in.Timestamp}
	if in.Resource != nil {
		out.Resource = in.Resource
	}
	if in.Type == nil {
		return errors.New("metrics_group_type must be given")
	}
	if in.Version != nil && *in.Version != SchemaVersion {
		return fmt.Errorf("metrics_group_schema_version is %q, expected %q", *in.Version, SchemaVersion)
	}
	out.Type = *in.Type
	interval, err := ParseNumber(string(in.Interval))
	seconds, isInt := interval.Int64()
	if err != nil || !isInt || seconds <= 0 || seconds > math.MaxInt32 {
		return fmt.Errorf("metrics_group_interval of group %q must be an integer greater than zero, is %.40q", out.Type, in.Interval)
	}
	out.Interval = int(seconds)
	if err := out.checkHead(); err != nil {
		return err
	}
	for i, m := range in.Metrics {
		metric, err := m.metric()
		if err == nil {
			err = out.AddMetric(metric)
		}
		if err != nil {
			return fmt.Errorf("group %q: metrics[%d]: %w", out.Type, i, err)
		}
	}
	for i, d := range in.Dimensions {
		if d == nil || d.Name == nil || d.Value == nil {
			return fmt.Errorf("group %q: dimensions[%d]: dimension_name and dimension_value must be strings", out.Type, i)
		}
		if err := out.AddDimension(*d.Name, *d.Value); err != nil {
			return fmt.Errorf("group %q: dimensions[%d]: %w", out.Type, i, err)
		}
	}
	if !out.Timestamp.set {
		out.Timestamp = NumberTimestamp(Now())
	}
	*g = out
	return nil
}

type wireMetric struct {
	Name      *string `json:"metric_name"`
	Type      *string `json:"metric_type"`
	Value     *Number `json:"metric_value"`
	Timestamp *Number `json:"metric_creation_timestamp"`
	Unit      string  `json:"metric_unit"`
}

func (w *wireMetric) metric() (Metric, error) {
	if w == nil || w.Name == nil {
		return Metric{}, errors.New("metric_name must be a non-empty string")
	}
	m := Metric{Name: *w.Name, Unit: w.Unit}
	switch {
	case w.Type == nil:
		return m, fmt.Errorf("metric_type of %q must be \"gauge\" or \"counter\"", m.Name)
	case *w.Type == "counter":
		m.Type = Counter
	case *w.Type != "gauge":
		return m, fmt.Errorf("metric_type of %q must be \"gauge\" or \"counter\", is %q", m.Name, *w.Type)
	}
	if w.Value == nil {
		return m, fmt.Errorf("metric_value of %q must be a number", m.Name)
	}
	m.Value = *w.Value
	if w.Timestamp != nil {
		m.Timestamp = *w.Timestamp
	} else {
		m.Timestamp = Now()
	}
	return m, nil
}

// UnmarshalJSON reads a number, a string, or null for none.
func (t *Timestamp) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) {
		*t = Timestamp{}
		return nil
	}
	if len(data) > 0 && data[0] == '"' {
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*t = TextTimestamp(s)
		return nil
	}
	n, err := ParseNumber(string(data))
	if err != nil {
		return fmt.Errorf("a timestamp must be a number or a string: %w", err)
	}
	*t = NumberTimestamp(n)
	return nil
}

// UnmarshalJSON reads a resource in Panoptes' form and validates it. A resource without a creation timestamp, or with
// a false one (null, 0, ""), was created now.
func (r *Resource) UnmarshalJSON(data []byte) error {
	var in struct {
		Site      *string   `json:"resource_site"`
		Class     *string   `json:"resource_class"`
		Subclass  *string   `json:"resource_subclass"`
		Type      *string   `json:"resource_type"`
		ID        *string   `json:"resource_id"`
		Endpoint  *string   `json:"resource_endpoint"`
		Plugin    *string   `json:"resource_plugin"`
		Timestamp Timestamp `json:"resource_creation_timestamp"`
		Metadata  Metadata  `json:"resource_metadata"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	out := Resource{
		Site: text(in.Site), Class: text(in.Class), Subclass: text(in.Subclass), Type: text(in.Type), ID: text(in.ID),
		Endpoint: text(in.Endpoint), Plugin: text(in.Plugin), CreationTimestamp: in.Timestamp, Metadata: in.Metadata,
	}
	if err := out.Validate(); err != nil {
		return err
	}
	if out.CreationTimestamp.IsZero() {
		out.CreationTimestamp = NumberTimestamp(Now())
	}
	*r = out
	return nil
}

// UnmarshalJSON reads an object of strings and keeps its order. Of a key that comes twice the last value counts.
func (m *Metadata) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.New("resource_metadata must be an object of strings")
	}
	var out Metadata
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		value, err := dec.Token()
		if err != nil {
			return err
		}
		text, ok := value.(string)
		if !ok {
			return fmt.Errorf("resource_metadata %q must be a string", key)
		}
		out = out.Set(key.(string), text)
	}
	*m = out
	return nil
}
