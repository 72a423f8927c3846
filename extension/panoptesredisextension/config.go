package panoptesredisextension

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"
)

// Config is the configuration of the extension.
type Config struct {
	// Endpoint is the Redis, HOST:PORT (default localhost:6379). There is one: no shards, no cluster, no Sentinel.
	Endpoint string `mapstructure:"endpoint"`
	// Username is for a Redis with users (6 or later); "" is its user default.
	Username string `mapstructure:"username"`
	// Password is Redis' requirepass, or that of the user; "" means that it wants none.
	Password configopaque.String `mapstructure:"password"`
	// DB is the number of the data base (default 0).
	DB int `mapstructure:"db"`
	// TLS makes the connection one of TLS. Absent: plain TCP. Empty: TLS with the system's authorities.
	TLS configoptional.Optional[configtls.ClientConfig] `mapstructure:"tls"`
	// Prefix is what all keys begin with (default "panoptes:", which is Panoptes' own).
	Prefix string `mapstructure:"prefix"`
	// Timeout is the longest that a plugin waits for Redis, and that Redis may be silent before calls fail at once
	// (default 2s).
	Timeout time.Duration `mapstructure:"timeout"`
	// PoolSize is the most connections (default 32). A call that finds all taken waits.
	PoolSize int `mapstructure:"pool_size"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Bounds of the settings.
const (
	minTimeout  = 10 * time.Millisecond
	maxTimeout  = time.Minute
	maxPoolSize = 1024
)

var _ confmap.Validator = (*Config)(nil)

// Validate implements confmap.Validator.
func (c *Config) Validate() error {
	errs := []error{c.checkEndpoint()}
	if c.Username != "" && c.Password == "" {
		errs = append(errs, fmt.Errorf("username %q needs a password", c.Username))
	}
	if c.DB < 0 {
		errs = append(errs, fmt.Errorf("db must not be negative, is %d", c.DB))
	}
	if c.Prefix == "" || strings.ContainsAny(c.Prefix, " \t\r\n") {
		errs = append(errs, fmt.Errorf("prefix must not be empty and have no blanks, is %q: Panoptes' own is %q", c.Prefix, defaultPrefix))
	}
	if c.Timeout < minTimeout || c.Timeout > maxTimeout {
		errs = append(errs, fmt.Errorf("timeout must be between %s and %s, is %s", minTimeout, maxTimeout, c.Timeout))
	}
	if c.PoolSize < 1 || c.PoolSize > maxPoolSize {
		errs = append(errs, fmt.Errorf("pool_size must be between 1 and %d, is %d", maxPoolSize, c.PoolSize))
	}
	return errors.Join(errs...)
}

// checkEndpoint says what is wrong with the endpoint. What looks like a URL is not shown: it may have a password.
func (c *Config) checkEndpoint() error {
	switch e := c.Endpoint; {
	case strings.Contains(e, "://"), strings.Contains(e, "@"):
		return errors.New("endpoint must be HOST:PORT and no URL: db, username, password and tls are keys of their own")
	case strings.ContainsAny(e, ", "):
		return fmt.Errorf("endpoint must be one HOST:PORT, is %q: shards, clusters and Sentinels are not supported", e)
	}
	host, port, err := net.SplitHostPort(c.Endpoint)
	if err != nil {
		return fmt.Errorf("endpoint must be HOST:PORT: %w", err)
	}
	if n, err := strconv.ParseUint(port, 10, 16); host == "" || err != nil || n == 0 {
		return fmt.Errorf("endpoint must be HOST:PORT with a port between 1 and 65535, is %q", c.Endpoint)
	}
	return nil
}
