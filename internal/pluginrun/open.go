package pluginrun

import (
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/pluginfile"
)

// OpenOptions change what Open takes from the plugin file.
type OpenOptions struct {
	// Interval replaces execute_frequency where it is not 0.
	Interval time.Duration
	// Deadline replaces 1.25 x the interval where it is not 0.
	Deadline time.Duration
}

// Open reads the plugin file at path, finds its module and makes sure that it may be run. The warnings are for the
// log, one line each. Where the plugin is fine but has no execute_frequency, both a plugin and an error that wraps
// ErrNotScheduled come back.
func Open(path string, o OpenOptions) (*Plugin, []string, error) {
	file, err := pluginfile.Load(path)
	if err != nil {
		return nil, nil, err
	}
	return Prepare(file, o)
}

// Prepare is Open for a plugin file that is parsed already, such as one given inline in the receiver's configuration.
func Prepare(file *pluginfile.File, o OpenOptions) (*Plugin, []string, error) {
	return &Plugin{File: file, Interval: o.Interval, Deadline: o.Deadline}, file.Warnings, nil
}
