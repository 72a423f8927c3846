package influx

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// resourceTags are the fields of a resource that become tags, and win over dimensions of their name.
var resourceTags = []string{"resource_class", "resource_subclass", "resource_type", "resource_endpoint", "resource_site"}

// AppendLine appends the line of a message, without an end of line. It takes what Panoptes' consumer takes, which is more
// than the schema allows: metrics of unknown types are left out, and the last of several of one name and type counts.
func AppendLine(b, message []byte) ([]byte, error) {
	if !utf8.Valid(message) {
		return b, errors.New("the message is no UTF-8")
	}
	group, err := object("the message", message)
	if err != nil {
		return b, err
	}
	measurement, err := group.text("metrics_group_type")
	if err != nil {
		return b, err
	}
	tags, err := group.tags()
	if err != nil {
		return b, err
	}
	fields, err := group.fields()
	if err != nil {
		return b, err
	}
	at, err := seconds(group.values["metrics_group_creation_timestamp"])
	if err != nil {
		return b, fmt.Errorf("metrics_group_creation_timestamp %w", err)
	}
	return appendLine(b, measurement, tags, fields, at)
}

// AppendGroup appends the line of a group, the same as AppendLine of its JSON. The only error of a valid group whose time
// is a number is ErrBackslash.
func AppendGroup(b []byte, g *pluginsdk.MetricsGroup) ([]byte, error) {
	tags := make(map[string]string, len(g.Dimensions())+len(resourceTags))
	for _, d := range g.Dimensions() {
		tags[d.Name] = d.Value
	}
	r := g.Resource
	for i, value := range [...]string{r.Class, r.Subclass, r.Type, r.Endpoint, r.Site} {
		tags[resourceTags[i]] = value
	}
	fields := make(map[string]pluginsdk.Number, len(g.Metrics()))
	for _, m := range g.Metrics() {
		fields[m.Name+FieldSeparator+m.Type.String()] = m.Value
	}
	at := wholeSeconds(g.Timestamp.Number)
	if g.Timestamp.Text != "" {
		var ok bool
		if at, ok = wholeText(g.Timestamp.Text); !ok {
			return b, fmt.Errorf("the time of the group must be a number, is %q", g.Timestamp.Text)
		}
	}
	return appendLine(b, g.Type, tags, fields, at)
}

// FieldSeparator stands between a metric's name and type in the name of its field.
const FieldSeparator = "__"

// ErrBackslash is a tag's value with a backslash where InfluxDB would take it for an escape: at its end, or before an equals
// sign or a line break, whose own escape it would undo. InfluxDB then refuses the point, or makes several of it, or of it
// and its neighbours one.
var ErrBackslash = errors.New("has a backslash at its end, before an equals sign or before a line break, where line protocol takes it for an escape")

func appendLine(b []byte, measurement string, tags map[string]string, fields map[string]pluginsdk.Number, at string) ([]byte, error) {
	switch {
	case measurement == "":
		return b, errors.New("metrics_group_type must not be empty")
	case len(fields) == 0:
		return b, errors.New("metrics has no gauge and no counter")
	}
	start := len(b)
	b = AppendMeasurement(b, measurement)
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		b = append(append(append(b, ','), name...), '=')
		var err error
		if b, err = AppendTagValue(b, name, tags[name]); err != nil {
			return b[:start], err
		}
	}
	separator := byte(' ')
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		b = append(append(append(b, separator), name...), '=')
		b = fields[name].Append(b)
		separator = ','
	}
	return append(append(b, ' '), at...), nil
}

// members is a JSON object and its place.
type members struct {
	path   string
	values map[string]json.RawMessage // a map, since the names of a struct's fields would match in any case
}

func object(path string, value json.RawMessage) (members, error) {
	m := members{path: path}
	if value == nil {
		return m, fmt.Errorf("%s is missing", path)
	}
	if err := json.Unmarshal(value, &m.values); err != nil || m.values == nil {
		if kind := pyjson.Kind(value); kind != "an object" {
			return m, fmt.Errorf("%s must be an object, is %s", path, kind)
		}
		return m, fmt.Errorf("%s is no JSON: %w", path, err)
	}
	return m, nil
}

func (m members) at(key string) string {
	if m.path == "the message" {
		return key
	}
	return m.path + "." + key
}

func (m members) text(key string) (string, error) {
	value, ok := m.values[key]
	if !ok {
		return "", fmt.Errorf("%s is missing", m.at(key))
	}
	var text *string
	if json.Unmarshal(value, &text) != nil || text == nil {
		return "", fmt.Errorf("%s must be a string, is %s", m.at(key), pyjson.Kind(value))
	}
	return *text, nil
}

func (m members) list(key string) ([]members, error) {
	value, ok := m.values[key]
	if !ok {
		return nil, fmt.Errorf("%s is missing", m.at(key))
	}
	var raw []json.RawMessage
	if json.Unmarshal(value, &raw) != nil || raw == nil {
		return nil, fmt.Errorf("%s must be a list, is %s", m.at(key), pyjson.Kind(value))
	}
	out := make([]members, len(raw))
	for i, v := range raw {
		var err error
		if out[i], err = object(m.at(key)+"["+strconv.Itoa(i)+"]", v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// tags are the dimensions and what is told of the resource.
func (m members) tags() (map[string]string, error) {
	tags := map[string]string{}
	dimensions, err := m.list("dimensions")
	if err != nil {
		return nil, err
	}
	for _, d := range dimensions {
		name, err := d.text("dimension_name")
		if err != nil {
			return nil, err
		}
		if tags[name], err = d.text("dimension_value"); err != nil {
			return nil, err
		}
	}
	resource, err := object("resource", m.values["resource"])
	if err != nil {
		return nil, err
	}
	for _, key := range resourceTags {
		if tags[key], err = resource.text(key); err != nil {
			return nil, err
		}
	}
	return tags, nil
}

// fields are the gauges and counters, by name and type.
func (m members) fields() (map[string]pluginsdk.Number, error) {
	fields := map[string]pluginsdk.Number{}
	metrics, err := m.list("metrics")
	if err != nil {
		return nil, err
	}
	for _, metric := range metrics {
		kind, err := metric.text("metric_type")
		if err != nil {
			return nil, err
		}
		if kind != pluginsdk.Gauge.String() && kind != pluginsdk.Counter.String() {
			continue
		}
		name, err := metric.text("metric_name")
		if err != nil {
			return nil, err
		}
		value := metric.values["metric_value"]
		n, err := pluginsdk.ParseNumber(string(value))
		if err != nil {
			return nil, fmt.Errorf("%s must be a number: %w", metric.at("metric_value"), err)
		}
		fields[name+FieldSeparator+kind] = n
	}
	return fields, nil
}

// seconds is a time as whole seconds, cut off toward zero. Text is read as Python's int does: whole numbers only.
func seconds(value json.RawMessage) (string, error) {
	var text string
	n, err := pluginsdk.ParseNumber(string(value))
	switch {
	case value == nil:
		return "", errors.New("is missing")
	case err == nil:
		return wholeSeconds(n), nil
	case json.Unmarshal(value, &text) == nil && pyjson.Kind(value) == "a string":
		if whole, ok := wholeText(text); ok {
			return whole, nil
		}
	}
	return "", fmt.Errorf("must be a number, or the text of a whole one, is %.40s", value)
}

func wholeText(text string) (string, bool) {
	i, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return strconv.FormatInt(i, 10), err == nil
}

func wholeSeconds(n pluginsdk.Number) string {
	if n.IsInt() {
		return n.String()
	}
	return strconv.FormatFloat(math.Trunc(n.Float64())+0, 'f', 0, 64) // +0 makes 0 of -0
}

// AppendMeasurement appends the name of a group's type, with one _ for each run of characters outside of
// 0-9, a-z, A-Z and _.
func AppendMeasurement(b []byte, name string) []byte {
	replaced := false
	for _, r := range name {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			b, replaced = append(b, byte(r)), false
		} else if !replaced {
			b, replaced = append(b, '_'), true
		}
	}
	return b
}

// AppendTagValue appends the value of the tag name, with a backslash before each comma, equals sign and whitespace
// character, and before nothing else. The only error is ErrBackslash.
func AppendTagValue(b []byte, name, value string) ([]byte, error) {
	if strings.IndexByte(value, '\\') >= 0 && ambiguous(value) {
		return b, fmt.Errorf("the value %q of tag %s %w", value, name, ErrBackslash)
	}
	if plain(value) {
		return append(b, value...), nil
	}
	for _, r := range value {
		if r == ',' || r == '=' || unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f { // whitespace as Python's \s has it
			b = append(b, '\\')
		}
		b = utf8.AppendRune(b, r)
	}
	return b, nil
}

func ambiguous(value string) bool {
	return strings.HasSuffix(value, `\`) || strings.Contains(value, `\=`) || strings.Contains(value, "\\\n")
}

// plain says whether a value is ASCII that needs no escapes.
func plain(value string) bool {
	for i := range len(value) {
		if c := value[i]; c <= ' ' || c >= utf8.RuneSelf || c == ',' || c == '=' {
			return false
		}
	}
	return true
}
