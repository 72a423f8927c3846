package panoptesinfluxexporter

import (
	"errors"
	"fmt"
	"net/url"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
)

// Config is the configuration of the exporter.
type Config struct {
	// Client has endpoint (the URL of InfluxDB, without /write; it must be set), timeout of a request (default 30s; 0 means
	// no bound), compression (default gzip), tls, headers, auth and the like.
	Client confighttp.ClientConfig `mapstructure:",squash"`
	// Queue is exporterhelper's queue (default: on). Its batch::max_size is refused.
	Queue configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
	// Retry is what happens with metrics that InfluxDB could not take (default: tried again without end).
	Retry configretry.BackOffConfig `mapstructure:"retry_on_failure"`

	// Database is the data base to write to (default Panoptes). It must exist.
	Database string `mapstructure:"database"`
	// RetentionPolicy is the retention policy to write to; "" (the default) is the default one of the data base.
	RetentionPolicy string `mapstructure:"retention_policy"`
	// Request bounds what goes out at a time.
	Request RequestConfig `mapstructure:"request"`
	// Rates is the number type of rates: int (default), truncated toward zero as Panoptes does, or double.
	Rates exporterkit.Rates `mapstructure:"rates"`
	// ResourceDefaults are for metrics that never were Panoptes'.
	ResourceDefaults exporterkit.ResourceDefaults `mapstructure:"resource_defaults"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// RequestConfig bounds a request to InfluxDB.
type RequestConfig struct {
	// MaxPoints is the most points of InfluxDB, which are metrics groups, in a request (default 5000).
	MaxPoints int `mapstructure:"max_points"`
	// MaxBytes is the most bytes of line protocol, before compression, in a request (default 4 MiB). A single point of more
	// is a request of its own.
	MaxBytes int `mapstructure:"max_bytes"`

	// prevent unkeyed literal initialization
	_ struct{}
}

var _ component.Config = (*Config)(nil)

// Validate checks what nested types do not check themselves.
func (c *Config) Validate() error {
	errs := []error{
		c.checkEndpoint(),
		exporterkit.CheckQueue(c.Queue, "request::max_points and request::max_bytes bound a request"),
	}
	if c.Database == "" {
		errs = append(errs, errors.New("database must not be empty"))
	}
	if c.Client.Timeout < 0 {
		errs = append(errs, fmt.Errorf("timeout (%s) must not be negative", c.Client.Timeout))
	}
	return errors.Join(errs...)
}

func (c *Config) checkEndpoint() error {
	const expected = "expected the URL of InfluxDB, such as http://influxdb:8086"
	if c.Client.Endpoint == "" {
		return errors.New("endpoint must be set: " + expected)
	}
	u, err := url.Parse(c.Client.Endpoint)
	switch {
	case err != nil:
		return fmt.Errorf("endpoint is no URL: %s", expected) // the error of url.Parse would show a password in it
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("endpoint %q has no scheme http or https, or no host: %s", u.Redacted(), expected)
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return fmt.Errorf("endpoint %q must have no user, query or fragment: database, retention_policy, auth and headers say these", u.Redacted())
	}
	return nil
}

// Most of what a request may hold: above it InfluxDB's own limits, and its advice, are far exceeded.
const (
	maxPoints = 1_000_000
	minBytes  = 1 << 10
	maxBytes  = 1 << 30
)

// Validate checks the bounds.
func (c *RequestConfig) Validate() error {
	var errs []error
	if c.MaxPoints < 1 || c.MaxPoints > maxPoints {
		errs = append(errs, fmt.Errorf("max_points (%d) must be from 1 to %d", c.MaxPoints, maxPoints))
	}
	if c.MaxBytes < minBytes || c.MaxBytes > maxBytes {
		errs = append(errs, fmt.Errorf("max_bytes (%d) must be from %d to %d", c.MaxBytes, minBytes, maxBytes))
	}
	return errors.Join(errs...)
}

// writeURL is where points are written to.
func (c *Config) writeURL() (string, error) {
	u, err := url.Parse(c.Client.Endpoint)
	if err != nil {
		return "", err
	}
	u = u.JoinPath("write")
	q := url.Values{"db": {c.Database}, "precision": {"s"}}
	if c.RetentionPolicy != "" {
		q.Set("rp", c.RetentionPolicy)
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}
