package pluginsdk

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
)

func roundTime(n Number) Number {
	if n.IsInt() {
		return n
	}
	return Float(pyjson.RoundMillis(n.Float64()))
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
		if v := g.metrics[i].Value; !v.IsInt() && !v.IsFinite() {
			return nil, fmt.Errorf("metric %q of group %q is not finite: it has no JSON form", g.metrics[i].Name, g.Type)
		}
	}
	return g.AppendJSON(nil), nil
}

// MarshalJSON implements json.Marshaler.
func (r *Resource) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// fields says how the values of an object are read, by their keys. Others are skipped.
type fields map[string]func() error

func (f fields) read(s *pyjson.Scanner) error {
	return s.Object(func(key string) error {
		if read := f[key]; read != nil {
			return read()
		}
		return s.Skip()
	})
}

// readText reads a string, with "" for null.
func readText(s *pyjson.Scanner, to *string) func() error {
	return func() (err error) {
		if !s.Null() {
			*to, err = s.ReadString()
		}
		return err
	}
}

// readOnce reads a value, or null, that must not come twice.
func readOnce(s *pyjson.Scanner, read func() error) func() error {
	seen := false
	return func() error {
		if seen {
			return errors.New("is there twice")
		}
		if seen = true; s.Null() {
			return nil
		}
		return read()
	}
}

// readList reads a list, entry by entry.
func readList(s *pyjson.Scanner, entry func(*pyjson.Scanner) error) func() error {
	return readOnce(s, func() error {
		return s.List(func(int) error { return entry(s) })
	})
}

// readAll reads data, of which read must leave nothing.
func readAll(data []byte, read func(*pyjson.Scanner) error) error {
	s := pyjson.NewScanner(data)
	s.Blanks()
	err := read(s)
	if err == nil && !s.AtEnd() {
		err = s.Expected("the end")
	}
	return err
}

// UnmarshalJSON reads a group in Panoptes' form, in any order of keys, and checks it as the constructors do. Keys that
// are not known are ignored. A group without a resource keeps the one it has: set g.Resource first to allow that.
func (g *MetricsGroup) UnmarshalJSON(data []byte) error {
	out := MetricsGroup{Resource: g.Resource}
	if err := readAll(data, out.read); err != nil {
		return fmt.Errorf("group %q: %w", out.Type, err)
	}
	if !out.Timestamp.set {
		out.Timestamp = NumberTimestamp(Now())
	}
	*g = out
	return nil
}

func (g *MetricsGroup) read(s *pyjson.Scanner) error {
	version := SchemaVersion
	err := fields{
		"metrics_group_type":               readText(s, &g.Type),
		"metrics_group_interval":           func() error { return g.readInterval(s) },
		"metrics_group_creation_timestamp": func() error { return g.Timestamp.read(s) },
		"metrics_group_schema_version":     readText(s, &version),
		"resource": readOnce(s, func() error {
			g.Resource = &Resource{}
			return g.Resource.read(s)
		}),
		"metrics":    readList(s, g.readMetric),
		"dimensions": readList(s, g.readDimension),
	}.read(s)
	switch {
	case err != nil:
		return err
	case version != SchemaVersion:
		return fmt.Errorf("metrics_group_schema_version is %.40q, expected %q", version, SchemaVersion)
	case g.Type == "":
		return errors.New("metrics_group_type must be a non-empty string")
	case g.Interval == 0:
		return errors.New("metrics_group_interval must be an integer greater than zero")
	}
	return g.checkHead()
}

func (g *MetricsGroup) readInterval(s *pyjson.Scanner) error {
	n, err := readNumber(s)
	if err != nil {
		return err
	}
	seconds, ok := n.Int64()
	if !ok || seconds <= 0 || seconds > math.MaxInt32 {
		return fmt.Errorf("must be an integer greater than zero, is %.40s", n)
	}
	g.Interval = int(seconds)
	return nil
}

func readNumber(s *pyjson.Scanner) (Number, error) {
	if i, f, float, ok := s.ShortNumber(); ok {
		if float {
			return Float(f), nil
		}
		return Int(i), nil
	}
	text, err := s.NumberText()
	if err != nil {
		return Number{}, err
	}
	return ParseNumber(text)
}

func (g *MetricsGroup) readMetric(s *pyjson.Scanner) error {
	m, kind, hasValue, at := Metric{}, "", false, Timestamp{}
	err := fields{
		"metric_name": readText(s, &m.Name),
		"metric_type": readText(s, &kind),
		"metric_value": func() (err error) {
			m.Value, err = readNumber(s)
			hasValue = true
			return err
		},
		"metric_creation_timestamp": func() error { return at.read(s) },
		"metric_unit":               readText(s, &m.Unit),
	}.read(s)
	switch {
	case err != nil:
		return err
	case kind != Gauge.String() && kind != Counter.String():
		return fmt.Errorf("metric_type of %q must be \"gauge\" or \"counter\", is %.40q", m.Name, kind)
	case !hasValue:
		return fmt.Errorf("metric_value of %q must be a number", m.Name)
	case kind == Counter.String():
		m.Type = Counter
	}
	switch m.Timestamp = at.Number; {
	case !at.set:
		m.Timestamp = Now()
	case at.Text != "":
		if m.Timestamp, err = ParseNumber(strings.TrimSpace(at.Text)); err != nil {
			return err
		}
	}
	return g.AddMetric(m)
}

func (g *MetricsGroup) readDimension(s *pyjson.Scanner) error {
	d := Dimension{}
	if err := (fields{"dimension_name": readText(s, &d.Name), "dimension_value": readText(s, &d.Value)}).read(s); err != nil {
		return err
	}
	return g.AddDimension(d.Name, d.Value)
}

// UnmarshalJSON reads a number, a string, or null for none.
func (t *Timestamp) UnmarshalJSON(data []byte) error { return readAll(data, t.read) }

func (t *Timestamp) read(s *pyjson.Scanner) (err error) {
	*t = Timestamp{}
	if pyjson.Kind(s.Data[s.At:]) != "a number" {
		err = readText(s, &t.Text)()
		t.set = t.Text != ""
		return err
	}
	t.Number, err = readNumber(s)
	t.set = true
	return err
}

// UnmarshalJSON reads a resource in Panoptes' form and validates it. A resource without a creation timestamp, or with
// a false one (null, 0, ""), was created now.
func (r *Resource) UnmarshalJSON(data []byte) error {
	out := Resource{}
	if err := readAll(data, out.read); err != nil {
		return err
	}
	*r = out
	return nil
}

func (r *Resource) read(s *pyjson.Scanner) error {
	err := fields{
		"resource_site":               readText(s, &r.Site),
		"resource_class":              readText(s, &r.Class),
		"resource_subclass":           readText(s, &r.Subclass),
		"resource_type":               readText(s, &r.Type),
		"resource_id":                 readText(s, &r.ID),
		"resource_endpoint":           readText(s, &r.Endpoint),
		"resource_plugin":             readText(s, &r.Plugin),
		"resource_creation_timestamp": func() error { return r.CreationTimestamp.read(s) },
		"resource_metadata":           func() error { return r.Metadata.read(s) },
	}.read(s)
	if err == nil {
		err = r.Validate()
	}
	if err == nil && r.CreationTimestamp.IsZero() {
		r.CreationTimestamp = NumberTimestamp(Now())
	}
	return err
}

// UnmarshalJSON reads an object of strings and keeps its order. Of a key that comes twice the last value counts.
func (m *Metadata) UnmarshalJSON(data []byte) error { return readAll(data, m.read) }

func (m *Metadata) read(s *pyjson.Scanner) error {
	if *m = nil; s.Null() {
		return nil
	}
	return s.Object(func(key string) error {
		value, err := s.ReadString()
		*m = m.Set(key, value)
		return err
	})
}
