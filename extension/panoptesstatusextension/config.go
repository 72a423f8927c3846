package panoptesstatusextension

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"
)

// Config is the configuration of the extension.
type Config struct {
	// Server says where to listen (endpoint, default 127.0.0.1:13150), and who may ask (auth, tls): the Collector's
	// usual settings of an HTTP server.
	Server confighttp.ServerConfig `mapstructure:",squash"`
	// Actions are what a page may do beside showing. All are off by default, and need auth.
	Actions ActionsConfig `mapstructure:"actions"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// ActionsConfig says what a page may do beside showing.
type ActionsConfig struct {
	// RunNow offers to run a task at once.
	RunNow bool `mapstructure:"run_now"`
	// LastOutput shows the metrics groups of a task's last run.
	LastOutput bool `mapstructure:"last_output"`
	// Enrichment shows what is kept of a resource: enrichment, and the keys of plugins that name it.
	Enrichment bool `mapstructure:"enrichment"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// maxRequestBody bounds what a request may send: forms of a few names.
const maxRequestBody = 64 << 10

var _ confmap.Validator = (*Config)(nil)

// Validate implements confmap.Validator.
func (c *Config) Validate() error {
	var errs []error
	if c.Server.NetAddr.Endpoint == "" {
		errs = append(errs, errors.New("endpoint must not be empty"))
	} else if _, _, err := net.SplitHostPort(c.Server.NetAddr.Endpoint); err != nil && c.Server.NetAddr.Transport != "unix" {
		errs = append(errs, fmt.Errorf("endpoint %q must be HOST:PORT: %w", c.Server.NetAddr.Endpoint, err))
	}
	if (c.Actions.RunNow || c.Actions.LastOutput || c.Actions.Enrichment) && !c.Server.Auth.HasValue() {
		errs = append(errs, errors.New("actions need auth: name an extension that says who asks, such as auth: {authenticator: basicauth}"))
	}
	return errors.Join(errs...)
}

// Exposed says what others on the network can do where that is more than an operator may want, and "" where it is not: where
// the endpoint is not of this machine alone, everybody who reaches it reads the pages unless auth asks who it is, and without
// tls reads what those whom it asks send.
func (c *Config) Exposed() string {
	host, _, err := net.SplitHostPort(c.Server.NetAddr.Endpoint)
	if err != nil || host == "localhost" { // a socket of this machine, or what Validate refuses
		return ""
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() {
		return ""
	}
	switch {
	case !c.Server.Auth.HasValue():
		return "everybody who reaches it reads resources, errors and logs of plugins: set auth, or an endpoint of 127.0.0.1"
	case !c.Server.TLS.HasValue():
		return "names and passwords for auth pass the network in clear: set tls, or an endpoint of 127.0.0.1"
	}
	return ""
}
