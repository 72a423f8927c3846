package panoptesrateprocessor

import (
	"errors"
	"fmt"
	"math"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
)

// defaultMaxSeries holds the counters of some 20,000 interfaces of 48 counters each, or 70 MB.
const defaultMaxSeries = 1_000_000

// Config is the configuration of the processor.
type Config struct {
	// Transforms say which counters become rates, in addition to what each plugin names itself. None by default.
	Transforms []Transform `mapstructure:"transforms"`

	// MaxSeries is the largest number of counters whose last value is held, 60 to 75 bytes each. A further one makes
	// the processor forget the one that was silent for longest. Must be at least 1; 1,000,000 by default.
	MaxSeries int `mapstructure:"max_series"`

	// Width is how wide counters are: 32, 64, auto or none. It holds for the groups of all plugins and for all
	// transforms that have none of their own. none by default: no fall of a counter is taken for a wrap.
	Width Width `mapstructure:"width"`

	// Uptime is the name of the metric that says how long the device has been up, such as sysUpTime; where it falls
	// there is no rate. It holds where Width does, except for transforms that have one of their own. None by default.
	Uptime string `mapstructure:"uptime"`

	// Storage is the storage extension that keeps the last values, so that a restart costs no rate. None by default:
	// the first value of each counter after a restart has no rate.
	Storage *component.ID `mapstructure:"storage"`

	// Sharding is the extension panoptes_shards by which several Collectors share a fleet: the last values of a shard are
	// here while it is this Collector's, and are handed over with it. None by default.
	Sharding *component.ID `mapstructure:"sharding"`
}

var _ confmap.Validator = (*Config)(nil)

// Validate implements confmap.Validator. Each of the transforms validates itself.
func (c *Config) Validate() error {
	var errs []error
	if c.MaxSeries < 1 {
		errs = append(errs, fmt.Errorf("max_series must be at least 1, is %d", c.MaxSeries))
	}
	errs = append(errs, c.Width.check())
	if c.Width == WidthAuto && c.Uptime == "" {
		errs = append(errs, errAutoWidth)
	}
	for i := range c.Transforms {
		t := &c.Transforms[i]
		if t.Width == WidthAuto && t.Uptime == "" && c.Uptime == "" {
			errs = append(errs, fmt.Errorf("transforms::%d: %w", i, errAutoWidth))
		}
	}
	return errors.Join(errs...)
}

var errAutoWidth = errors.New("width auto needs uptime: only that shows that a counter which fell did not begin anew; name the metric, or the width")

// Width is how many bits a counter has: 32, 64, or one of the words below.
type Width int

// The words have numbers that nobody writes for a width.
const (
	// WidthDefault, where nothing is said, is the processor's width, and none for that.
	WidthDefault Width = 0
	// WidthNone takes no fall for a wrap.
	WidthNone Width = math.MinInt32
	// WidthAuto takes a fall for a wrap of 32 or 64 bits where the uptime shows that the device did not begin anew.
	WidthAuto Width = math.MinInt32 + 1
)

// UnmarshalText implements encoding.TextUnmarshaler, for what YAML does not read as a number.
func (w *Width) UnmarshalText(text []byte) error {
	switch string(text) {
	case "":
		*w = WidthDefault
	case "none":
		*w = WidthNone
	case "auto":
		*w = WidthAuto
	case "32":
		*w = 32
	case "64":
		*w = 64
	default:
		return fmt.Errorf("width must be 32, 64, auto or none, is %q", text)
	}
	return nil
}

func (w Width) check() error {
	switch w {
	case WidthDefault, WidthNone, WidthAuto, 32, 64:
		return nil
	}
	return fmt.Errorf("width must be 32, 64, auto or none, is %d", int(w))
}
