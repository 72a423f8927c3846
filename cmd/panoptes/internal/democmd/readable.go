package democmd

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
)

// readable is a message of zap's console form, from after its level on, for a person: without the place in the code, and
// with the fields as "message: error (key value, key value)".
func readable(text string) string {
	parts := strings.Split(text, "\t")
	if len(parts) > 1 && inCode.MatchString(parts[0]) {
		parts = parts[1:]
	}
	fields := map[string]any{}
	last := len(parts) - 1
	if last == 0 || json.Unmarshal([]byte(parts[last]), &fields) != nil {
		return strings.Join(parts, "\t")
	}
	said := strings.Join(parts[:last], "\t")
	if cause, ok := fields["error"]; ok {
		said += ": " + term.Message(fmt.Sprint(cause))
		delete(fields, "error")
	}
	maps.DeleteFunc(fields, func(key string, _ any) bool { return strings.HasPrefix(key, "otelcol.") })
	var rest []string
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		value, ok := fields[key].(string)
		if !ok {
			raw, err := json.Marshal(fields[key])
			if err != nil {
				continue
			}
			value = string(raw)
		}
		rest = append(rest, term.Cell(key)+" "+term.Message(value))
	}
	if len(rest) > 0 {
		said += " (" + strings.Join(rest, ", ") + ")"
	}
	return said
}

// inCode is the place in the code that a line comes from.
var inCode = regexp.MustCompile(`^\S+\.go:\d+$`)
