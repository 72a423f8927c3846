package panoptesencodingextension

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
)

// Config is the configuration of the extension.
type Config struct {
	// Framing is how the groups of a batch are written: lines (default), one a line, or array, one JSON array.
	Framing Framing `mapstructure:"framing"`
	// Rates is the number type of rates that are written: int (default), truncated toward zero as Panoptes does, or double.
	Rates exporterkit.Rates `mapstructure:"rates"`
	// DefaultInterval is the interval of groups that are written and whose data do not tell it (default 60s): whole seconds.
	DefaultInterval time.Duration `mapstructure:"default_interval"`
	// ResourceDefaults are for metrics to be written that never were Panoptes'.
	ResourceDefaults exporterkit.ResourceDefaults `mapstructure:"resource_defaults"`
	// ServiceIdentity adds service.namespace, service.name and service.instance.id to what is read (default true).
	ServiceIdentity bool `mapstructure:"service_identity"`
	// MaxMessageBytes is the largest message, or line of a stream, that is read (default 16 MiB).
	MaxMessageBytes int `mapstructure:"max_message_bytes"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Framing is how the groups of a batch stand in one message.
type Framing string

// The framings.
const (
	FramingLines Framing = "lines"
	FramingArray Framing = "array"
)

// UnmarshalText reads "lines" or "array".
func (f *Framing) UnmarshalText(text []byte) error {
	switch t := Framing(text); t {
	case FramingLines, FramingArray:
		*f = t
		return nil
	default:
		return fmt.Errorf("unknown framing %q: expected %q or %q", t, FramingLines, FramingArray)
	}
}

// Bounds of max_message_bytes: a group has some hundred bytes at least, and what is read is held in memory as a whole.
const (
	minMessageBytes = 512
	maxMessageBytes = 1 << 30
)

var _ component.Config = (*Config)(nil)

// Validate checks what the types do not check themselves.
func (c *Config) Validate() error {
	var errs []error
	if d := c.DefaultInterval; d < time.Second || d%time.Second != 0 {
		errs = append(errs, fmt.Errorf("default_interval (%s) must be one or more whole seconds", d))
	}
	if b := c.MaxMessageBytes; b < minMessageBytes || b > maxMessageBytes {
		errs = append(errs, fmt.Errorf("max_message_bytes (%d) must be from %d to %d", b, minMessageBytes, maxMessageBytes))
	}
	return errors.Join(errs...)
}
