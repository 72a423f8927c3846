package output

import (
	"errors"
	"fmt"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Format is what an exec plugin writes to its stdout: [main] output of its plugin file.
type Format string

const (
	// JSON is metrics groups in Panoptes' JSON or the short form. It is the default.
	JSON Format = "json"
	// Prometheus is the Prometheus text format.
	Prometheus Format = "prometheus"
	// Nagios is status and performance data of a Nagios plugin.
	Nagios Format = "nagios"
)

// ParseFormat reads a format; "" is JSON.
func ParseFormat(text string) (Format, error) {
	switch f := Format(text); f {
	case "":
		return JSON, nil
	case JSON, Prometheus, Nagios:
		return f, nil
	}
	return "", fmt.Errorf("output must be %q, %q or %q, is %q", JSON, Prometheus, Nagios, text)
}

// Defaults are what output may leave out.
type Defaults struct {
	Resource *pluginsdk.Resource
	// Type is the type of groups in formats that have no types of their own.
	Type string
	// Interval is in seconds.
	Interval int
	// Time is for what has no time of its own, in seconds since 1970.
	Time pluginsdk.Number
}

func (d Defaults) group(groupType string) *pluginsdk.MetricsGroup {
	return &pluginsdk.MetricsGroup{
		Resource: d.Resource, Type: groupType, Interval: d.Interval, Timestamp: pluginsdk.NumberTimestamp(d.Time),
	}
}

// Item is one metrics group, or why it is none.
type Item struct {
	// Group is nil where Err is set.
	Group *pluginsdk.MetricsGroup
	// Type is the group's type, as far as it is known.
	Type string
	Err  error
}

// ErrFormat is what the error of Read wraps where nothing at all could be read.
var ErrFormat = errors.New("stdout has no metrics groups")

// Read reads all output of a run, of which exitCode is the exit code that Nagios plugins speak with. The items come in
// the order of the output. Output without any group is no error, unless something was there that is none.
func Read(format Format, data []byte, exitCode int, d Defaults) ([]Item, error) {
	var items []Item
	switch format {
	case Prometheus:
		items = readPrometheus(data, d)
	case Nagios:
		return readNagios(data, exitCode, d), nil
	default:
		items = readJSON(data, d)
	}
	for _, i := range items {
		if i.Err == nil || i.Type != "" {
			return items, nil
		}
	}
	if len(items) > 0 {
		return nil, fmt.Errorf("%w: %w", ErrFormat, items[0].Err)
	}
	return nil, nil
}

func failed(groupType string, format string, args ...any) Item {
	return Item{Type: groupType, Err: fmt.Errorf(format, args...)}
}
