package panoptesjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// standardGroup reads a group with encoding/json alone, for the tests to hold the decoder against.
func standardGroup(data []byte) (*pluginsdk.MetricsGroup, error) {
	var in struct {
		Type       string            `json:"metrics_group_type"`
		Interval   json.Number       `json:"metrics_group_interval"`
		Timestamp  any               `json:"metrics_group_creation_timestamp"`
		Version    *string           `json:"metrics_group_schema_version"`
		Resource   *standardResource `json:"resource"`
		Metrics    []*standardMetric `json:"metrics"`
		Dimensions []*struct {
			Name  string `json:"dimension_name"`
			Value string `json:"dimension_value"`
		} `json:"dimensions"`
	}
	if err := standardJSON(data, &in); err != nil {
		return nil, err
	}
	interval, err := in.Interval.Int64()
	switch {
	case err != nil || interval <= 0 || interval > math.MaxInt32:
		return nil, errors.New("interval")
	case in.Resource == nil || in.Type == "" || in.Version != nil && *in.Version != pluginsdk.SchemaVersion:
		return nil, errors.New("head")
	}
	g := &pluginsdk.MetricsGroup{Type: in.Type, Interval: int(interval)}
	if g.Timestamp, err = standardTime(in.Timestamp); err != nil {
		return nil, err
	}
	if g.Resource, err = in.Resource.resource(); err != nil {
		return nil, err
	}
	for _, m := range in.Metrics {
		if err := m.add(g); err != nil {
			return nil, err
		}
	}
	for _, d := range in.Dimensions {
		if d == nil {
			return nil, errors.New("null")
		}
		if err := g.AddDimension(d.Name, d.Value); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// otherReaders read groups in other ways than the decoder does.
var otherReaders = map[string]func([]byte) (*pluginsdk.MetricsGroup, error){
	"encoding/json": standardGroup,
	"the SDK": func(data []byte) (*pluginsdk.MetricsGroup, error) {
		g := &pluginsdk.MetricsGroup{}
		return g, json.Unmarshal(data, g)
	},
}

func standardJSON(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return errors.New("more")
	}
	return nil
}

// standardTime is a time as it was given; now where there is none.
func standardTime(v any) (pluginsdk.Timestamp, error) {
	switch v := v.(type) {
	case nil:
		return pluginsdk.NumberTimestamp(pluginsdk.Now()), nil
	case string:
		return pluginsdk.TextTimestamp(v), nil
	case json.Number:
		n, err := pluginsdk.ParseNumber(string(v))
		return pluginsdk.NumberTimestamp(n), err
	}
	return pluginsdk.Timestamp{}, fmt.Errorf("a time is %T", v)
}

type standardMetric struct {
	Name  string      `json:"metric_name"`
	Type  string      `json:"metric_type"`
	Value json.Number `json:"metric_value"`
	Time  any         `json:"metric_creation_timestamp"`
	Unit  string      `json:"metric_unit"`
}

func (m *standardMetric) add(g *pluginsdk.MetricsGroup) error {
	kind, ok := map[string]pluginsdk.MetricType{"gauge": pluginsdk.Gauge, "counter": pluginsdk.Counter}[m.Type]
	value, err := pluginsdk.ParseNumber(string(m.Value))
	at, timeErr := standardTime(m.Time)
	if at.Text != "" {
		at.Number, timeErr = pluginsdk.ParseNumber(strings.TrimSpace(at.Text))
	}
	if err := errors.Join(err, timeErr); err != nil || !ok {
		return fmt.Errorf("metric: %w", err)
	}
	return g.AddMetric(pluginsdk.Metric{Name: m.Name, Type: kind, Value: value, Timestamp: at.Number, Unit: m.Unit})
}

type standardResource struct {
	Site     string           `json:"resource_site"`
	Class    string           `json:"resource_class"`
	Subclass string           `json:"resource_subclass"`
	Type     string           `json:"resource_type"`
	ID       string           `json:"resource_id"`
	Endpoint string           `json:"resource_endpoint"`
	Plugin   string           `json:"resource_plugin"`
	Created  any              `json:"resource_creation_timestamp"`
	Metadata standardMetadata `json:"resource_metadata"`
}

// standardMetadata keeps the order of keys.
type standardMetadata struct{ pluginsdk.Metadata }

func (m *standardMetadata) UnmarshalJSON(data []byte) error {
	var values map[string]string
	if err := json.Unmarshal(data, &values); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	for depth := 0; d.More() || depth > 0; {
		token, err := d.Token()
		if err != nil {
			return err
		}
		if token == json.Delim('{') {
			depth++
		} else if token == json.Delim('}') {
			depth--
		} else if key, ok := token.(string); ok {
			m.Metadata = m.Set(key, values[key])
			if _, err := d.Token(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *standardResource) resource() (*pluginsdk.Resource, error) {
	created, err := standardTime(r.Created)
	if created.IsZero() {
		created = pluginsdk.NumberTimestamp(pluginsdk.Now())
	}
	out := &pluginsdk.Resource{
		Site: r.Site, Class: r.Class, Subclass: r.Subclass, Type: r.Type, ID: r.ID, Endpoint: r.Endpoint, Plugin: r.Plugin,
		CreationTimestamp: created, Metadata: r.Metadata.Metadata,
	}
	return out, errors.Join(err, out.Validate())
}
