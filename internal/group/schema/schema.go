package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// check looks at one value; path says where it is, for the error.
type check func(path string, value json.RawMessage) error

// member is a key that an object must have.
type member struct {
	key   string
	check check
}

var metricsGroup = object(
	member{"metrics_group_type", text},
	member{"metrics_group_interval", number},
	member{"metrics_group_creation_timestamp", number},
	member{"metrics_group_schema_version", exactly(pluginsdk.SchemaVersion)},
	member{"resource", object(
		member{"resource_site", text},
		member{"resource_class", text},
		member{"resource_subclass", text},
		member{"resource_type", text},
		member{"resource_id", text},
	)},
	member{"metrics", list(1, object(
		member{"metric_name", text},
		member{"metric_value", number},
		member{"metric_type", metricType},
		member{"metric_creation_timestamp", number},
	))},
	member{"dimensions", list(0, object(
		member{"dimension_name", text},
		member{"dimension_value", text},
	))},
)

var resourceSet = object(
	member{"resources", list(1, object(
		member{"resource_site", text},
		member{"resource_class", text},
		member{"resource_subclass", text},
		member{"resource_type", text},
		member{"resource_id", text},
		member{"resource_endpoint", text},
		member{"resource_metadata", object()},
		member{"resource_creation_timestamp", timestamp},
	))},
	member{"resource_set_creation_timestamp", number},
	member{"resource_set_schema_version", exactly("0.1")},
)

// Validate checks the JSON of a metrics group, raw or processed. The error is the first fault, with its place:
// "metrics[1].metric_type: must be gauge or counter, is \"x\"".
func Validate(message []byte) error { return validate(message, metricsGroup) }

// ValidateResources checks the JSON of a resource set, which is what discovery puts on the bus.
func ValidateResources(message []byte) error { return validate(message, resourceSet) }

func validate(message []byte, c check) error {
	if !utf8.Valid(message) {
		return errors.New("the message is not UTF-8")
	}
	var value json.RawMessage
	if err := json.Unmarshal(message, &value); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return fmt.Errorf("the message is no JSON: byte %d: %w", syntax.Offset, err)
		}
		return fmt.Errorf("the message is no JSON: %w", err)
	}
	return c("", value)
}

func object(members ...member) check {
	return func(path string, value json.RawMessage) error {
		if pyjson.Kind(value) != "an object" {
			return fault(path, "must be an object", value)
		}
		// A map, because the names of a struct's fields would match in any case.
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(value, &fields); err != nil {
			return err
		}
		for _, m := range members {
			at := m.key
			if path != "" {
				at = path + "." + m.key
			}
			field, ok := fields[m.key]
			if !ok {
				return errors.New(at + ": is missing")
			}
			if err := m.check(at, field); err != nil {
				return err
			}
		}
		return nil
	}
}

func list(least int, element check) check {
	return func(path string, value json.RawMessage) error {
		if pyjson.Kind(value) != "a list" {
			return fault(path, "must be a list", value)
		}
		var elements []json.RawMessage
		if err := json.Unmarshal(value, &elements); err != nil {
			return err
		}
		if len(elements) < least {
			return errors.New(path + ": must not be empty")
		}
		for i, e := range elements {
			if err := element(path+"["+strconv.Itoa(i)+"]", e); err != nil {
				return err
			}
		}
		return nil
	}
}

func text(path string, value json.RawMessage) error {
	if pyjson.Kind(value) != "a string" {
		return fault(path, "must be a string", value)
	}
	return nil
}

func number(path string, value json.RawMessage) error {
	if pyjson.Kind(value) != "a number" {
		return fault(path, "must be a number", value)
	}
	return nil
}

// timestamp is a number, or a string that holds one: discovery files have such strings.
func timestamp(path string, value json.RawMessage) error {
	var t pluginsdk.Timestamp
	if k := pyjson.Kind(value); k == "a number" || k == "a string" && json.Unmarshal(value, &t) == nil {
		if _, ok := t.Seconds(); ok || k == "a number" {
			return nil
		}
	}
	return fault(path, "must be a number, or a string that holds one", value)
}

func exactly(want string) check {
	return func(path string, value json.RawMessage) error {
		if s, ok := str(value); !ok || s != want {
			return fault(path, "must be "+strconv.Quote(want), value)
		}
		return nil
	}
}

func metricType(path string, value json.RawMessage) error {
	if s, ok := str(value); !ok || s != pluginsdk.Gauge.String() && s != pluginsdk.Counter.String() {
		return fault(path, "must be gauge or counter", value)
	}
	return nil
}

func str(value json.RawMessage) (s string, ok bool) {
	return s, pyjson.Kind(value) == "a string" && json.Unmarshal(value, &s) == nil
}

// fault is the error for a value, which it shows where it is short.
func fault(path, rule string, value json.RawMessage) error {
	is := pyjson.Kind(value)
	if s, ok := str(value); ok && len(s) <= 40 {
		is = strconv.Quote(s)
	} else if len(value) <= 24 && (is == "a number" || is == "a boolean") {
		is = string(value)
	}
	if path == "" {
		return fmt.Errorf("the message %s, is %s", rule, is)
	}
	return fmt.Errorf("%s: %s, is %s", path, rule, is)
}
