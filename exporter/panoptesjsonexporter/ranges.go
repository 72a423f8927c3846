package panoptesjsonexporter

import (
	"fmt"
	"time"
)

// Limits of the client, where configkafka allows more: it would refuse these at start, by names of its own.
const (
	minMessageBytes    = 512
	maxMessageBytes    = 1 << 30 // and of max_broker_write_bytes
	minTimeout         = 100 * time.Millisecond
	maxTimeout         = 24 * time.Hour
	minBackoff         = 10 * time.Millisecond
	minConnIdle        = 100 * time.Millisecond
	maxConnIdle        = 15 * time.Minute
	maxRefreshInterval = time.Hour
	maxLinger          = time.Minute
	maxClientID        = 256
	maxRackID          = 512
)

// outOfRange names the settings that are too small or too large.
func (c *Config) outOfRange() []error {
	var errs []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	t, p, m := c.Timeout.Timeout, c.Producer, c.Client.Metadata
	refuse(t > 0 && t < minTimeout || t > maxTimeout, "timeout (%s) must be from %s to %s, or 0 for none", t, minTimeout, maxTimeout)
	refuse(c.DefaultInterval < time.Second || c.DefaultInterval%time.Second != 0,
		"default_interval (%s) must be one or more whole seconds", c.DefaultInterval)
	refuse(p.MaxMessageBytes < minMessageBytes || p.MaxMessageBytes > maxMessageBytes,
		"producer::max_message_bytes (%d) must be from %d to %d", p.MaxMessageBytes, minMessageBytes, maxMessageBytes)
	refuse(p.MaxBrokerWriteBytes > maxMessageBytes,
		"producer::max_broker_write_bytes (%d) must be at most %d", p.MaxBrokerWriteBytes, maxMessageBytes)
	refuse(p.Linger < 0 || p.Linger > maxLinger, "producer::linger (%s) must be from 0 to %s", p.Linger, maxLinger)
	refuse(m.Retry.Backoff < minBackoff, "metadata::retry::backoff (%s) must be at least %s", m.Retry.Backoff, minBackoff)
	refuse(m.RefreshInterval < m.Retry.Backoff || m.RefreshInterval > maxRefreshInterval,
		"metadata::refresh_interval (%s) must be from metadata::retry::backoff (%s) to %s", m.RefreshInterval, m.Retry.Backoff, maxRefreshInterval)
	refuse(m.Retry.Max < 0, "metadata::retry::max (%d) must not be negative", m.Retry.Max)
	refuse(c.Client.ConnIdleTimeout < minConnIdle || c.Client.ConnIdleTimeout > maxConnIdle,
		"conn_idle_timeout (%s) must be from %s to %s", c.Client.ConnIdleTimeout, minConnIdle, maxConnIdle)
	refuse(len(c.Client.ClientID) > maxClientID, "client_id has %d bytes, no more than %d are allowed", len(c.Client.ClientID), maxClientID)
	refuse(len(c.Client.RackID) > maxRackID, "rack_id has %d bytes, no more than %d are allowed", len(c.Client.RackID), maxRackID)
	return errs
}
