package panoptesreceiver

import (
	"errors"
	"fmt"
	"time"
)

// StatusConfig says when failing runs make the component's status an error.
type StatusConfig struct {
	// FailingShare is the share of the runs within Window that must have failed, above 0 and up to 1 (default 0.5); 0 lets
	// runs say nothing about the status.
	FailingShare float64 `mapstructure:"failing_share"`
	// Window is how far the share looks back (default 5m).
	Window time.Duration `mapstructure:"window"`
}

// Bounds of a window: shorter ones hold too few runs, longer ones would keep an error for very long.
const (
	minStatusWindow = 10 * time.Second
	maxStatusWindow = 24 * time.Hour
)

// Validate checks the block status.
func (c *StatusConfig) Validate() error {
	var errs []error
	if !(c.FailingShare >= 0 && c.FailingShare <= 1) { // NaN neither
		errs = append(errs, fmt.Errorf("failing_share must be between 0 and 1, is %v", c.FailingShare))
	}
	if c.Window < minStatusWindow || c.Window > maxStatusWindow {
		errs = append(errs, fmt.Errorf("window must be between %s and %s, is %s", minStatusWindow, maxStatusWindow, c.Window))
	}
	return errors.Join(errs...)
}
