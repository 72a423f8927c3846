package panoptesrateprocessor

import (
	"errors"
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/confmap"

	"github.com/panoptes-otel/panoptes-otel/internal/transforms"
)

// defaultMaxSeries holds the counters of some 20,000 interfaces of 48 counters each, or 70 MB.
const defaultMaxSeries = 1_000_000

// Config is the configuration of the processor.
type Config struct {
	// Transforms are lines "K = rate:T:a,b", as a plugin's [transforms] section has them. They hold for the groups of
	// all plugins, in addition to what each plugin names itself. None by default.
	Transforms []string `mapstructure:"transforms"`

	// MaxSeries is the largest number of counters whose last value is held, 60 to 75 bytes each. A further one makes
	// the processor forget the one that was silent for longest. Must be at least 1; 1,000,000 by default.
	MaxSeries int `mapstructure:"max_series"`
}

var _ confmap.Validator = (*Config)(nil)

// Validate implements confmap.Validator.
func (c *Config) Validate() error {
	var errs []error
	for i, line := range c.Transforms {
		if _, err := parseLine(line); err != nil {
			errs = append(errs, fmt.Errorf("transforms[%d]: %w", i, err))
		}
	}
	if c.MaxSeries < 1 {
		errs = append(errs, fmt.Errorf("max_series must be at least 1, is %d", c.MaxSeries))
	}
	return errors.Join(errs...)
}

// rules returns what Transforms say. Validate must have passed.
func (c *Config) rules() ([]transforms.Rule, error) {
	var rules []transforms.Rule
	for i, line := range c.Transforms {
		rule, err := parseLine(line)
		if err != nil {
			return nil, fmt.Errorf("transforms[%d]: %w", i, err)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func parseLine(line string) (transforms.Rule, error) {
	line = strings.TrimSpace(line)
	if strings.ContainsAny(line, "\r\n") {
		return transforms.Rule{}, fmt.Errorf("%q is more than one line; give each line an entry of its own", line)
	}
	rules, errs := transforms.Parse(line)
	if len(errs) > 0 {
		return transforms.Rule{}, errors.Join(errs...)
	}
	if len(rules) != 1 {
		return transforms.Rule{}, fmt.Errorf(`%q is no transform: expected "K = rate:T:a,b"`, line)
	}
	return rules[0], nil
}
