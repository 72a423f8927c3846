package panoptesreceiver

import (
	"errors"
	"fmt"
	"time"
)

// LimitsConfig bounds the runs under way at once, and what they return.
type LimitsConfig struct {
	// PerResource is the most runs at once against one resource, of all plugins together (default 8; 0 is no bound).
	PerResource int `mapstructure:"per_resource"`
	// PerEndpoint is the same for all resources with one resource_endpoint (default 0, no bound).
	PerEndpoint int `mapstructure:"per_endpoint"`
	// PerPlugin is the most runs at once of one plugin (default 0: what the runtime and other plugins leave).
	PerPlugin int `mapstructure:"per_plugin"`
	// Dimensions is the most dimensions of a metrics group (default 128); a group that has more is dropped.
	Dimensions int `mapstructure:"dimensions"`
}

// BreakerConfig says when a resource that does not answer is left alone.
type BreakerConfig struct {
	// Failures is how many runs in a row must time out, or fail after a second or more (default 3; 0 turns it off).
	Failures int `mapstructure:"failures"`
	// Backoff is how long the resource is left alone then (default 1m). Each further failure doubles it.
	Backoff time.Duration `mapstructure:"backoff"`
	// MaxBackoff is the longest of these times (default 10m).
	MaxBackoff time.Duration `mapstructure:"max_backoff"`
}

// Validate checks the block limits.
func (c *LimitsConfig) Validate() error {
	return errors.Join(
		atLeast("per_resource", c.PerResource, 0),
		atLeast("per_endpoint", c.PerEndpoint, 0),
		atLeast("per_plugin", c.PerPlugin, 0),
		between("dimensions", c.Dimensions, 1, 4096),
	)
}

// Validate checks the block breaker.
func (c *BreakerConfig) Validate() error {
	errs := []error{between("failures", c.Failures, 0, 1000)}
	if c.Backoff < time.Second {
		errs = append(errs, fmt.Errorf("backoff must be at least 1s, is %s", c.Backoff))
	}
	if c.MaxBackoff < c.Backoff || c.MaxBackoff > 24*time.Hour {
		errs = append(errs, fmt.Errorf("max_backoff must be between backoff (%s) and 24h, is %s", c.Backoff, c.MaxBackoff))
	}
	return errors.Join(errs...)
}
