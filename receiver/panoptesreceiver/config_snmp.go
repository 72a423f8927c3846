package panoptesreceiver

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"go.opentelemetry.io/collector/confmap"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/devices"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
)

// SNMPCredentialsConfig gives credentials to resources. Its secrets are named: each is a name of the secrets store, where the
// resource's site has its own value, or all sites have one.
type SNMPCredentialsConfig struct {
	// Resources is a filter in the language of resource_filter; "" fits all resources.
	Resources string `mapstructure:"resources"`
	// Version is 1, 2c (default) or 3.
	Version string `mapstructure:"version"`
	// Community names the secret that is the community of version 1 or 2c.
	Community string `mapstructure:"community"`
	// User is the user of version 3.
	User string `mapstructure:"user"`
	// Auth is how messages are authenticated: none (default), md5, sha, sha224, sha256, sha384 or sha512.
	Auth string `mapstructure:"auth"`
	// AuthSecret names the secret that is the passphrase for it.
	AuthSecret string `mapstructure:"auth_secret"`
	// Priv is how messages are encrypted: none (default), des, aes, aes192, aes256, and aes192c and aes256c as Cisco has them.
	Priv string `mapstructure:"priv"`
	// PrivSecret names the secret that is the passphrase for it.
	PrivSecret string `mapstructure:"priv_secret"`
	// Context is the context of version 3.
	Context string `mapstructure:"context"`
}

var _ confmap.Unmarshaler = (*SNMPCredentialsConfig)(nil)

// Unmarshal takes a version that YAML has for a number.
func (c *SNMPCredentialsConfig) Unmarshal(conf *confmap.Conf) error {
	if n, ok := conf.Get("version").(int); ok {
		if err := conf.Merge(confmap.NewFromStringMap(map[string]any{"version": fmt.Sprint(n)})); err != nil {
			return err
		}
	}
	return conf.Unmarshal(c)
}

// Validate checks one rule.
func (c *SNMPCredentialsConfig) Validate() error {
	_, err := c.rule()
	return err
}

func (c *SNMPCredentialsConfig) rule() (r devices.Rule, err error) {
	r = devices.Rule{
		Community: c.Community, User: c.User, AuthSecret: c.AuthSecret, PrivSecret: c.PrivSecret, Context: c.Context,
	}
	var errs []error
	if c.Version != "" {
		errs = append(errs, r.Version.UnmarshalText([]byte(c.Version)))
	}
	errs = append(errs, r.Auth.UnmarshalText([]byte(c.Auth)), r.Priv.UnmarshalText([]byte(c.Priv)))
	if r.Resources, err = optionalFilter(c.Resources); err != nil {
		errs = append(errs, fmt.Errorf("resources %q: %w", c.Resources, err))
	}
	if err := errors.Join(errs...); err != nil {
		return r, err
	}
	return r, r.Validate()
}

// optionalFilter is nil for "".
func optionalFilter(text string) (*filter.Filter, error) {
	if text == "" {
		return nil, nil
	}
	return filter.Parse(text)
}

// DeviceSettings say how devices are asked. The configuration is valid.
func (c *SNMPConfig) DeviceSettings() devices.Settings {
	s := devices.Settings{
		CommunityKey: c.CommunityStringKey, Port: c.Port, Timeout: time.Duration(c.Timeout) * time.Second, Retries: c.Retries,
		InFlight: c.InFlight, PacketsPerSecond: c.PacketsPerSecond,
	}
	if community := string(c.Community); community != defaultCommunity {
		s.Community = engine.Secret(community) // the default is Panoptes', which nobody chose
	}
	for i := range c.Credentials {
		rule, _ := c.Credentials[i].rule()
		s.Rules = append(s.Rules, rule)
	}
	s.AnySource, _ = optionalFilter(c.AnySource)
	return s
}

// EngineOptions are those of the engine that asks all devices.
func (c *SNMPConfig) EngineOptions() engine.Options {
	return engine.Options{SourceAddresses: c.sources(), InFlight: c.MaxInFlight}
}

func (c *SNMPConfig) sources() (all []netip.Addr) {
	for _, text := range c.SourceAddress {
		addr, _ := netip.ParseAddr(text)
		all = append(all, addr)
	}
	return all
}

// validateEngine checks what concerns the engine.
func (c *SNMPConfig) validateEngine() error {
	errs := []error{between("in_flight", c.InFlight, 1, 1000), between("max_in_flight", c.MaxInFlight, 1, 1<<20)}
	if !(c.PacketsPerSecond >= 0) { // NaN neither
		errs = append(errs, fmt.Errorf("packets_per_second must not be negative, is %v", c.PacketsPerSecond))
	}
	if _, err := optionalFilter(c.AnySource); err != nil {
		errs = append(errs, fmt.Errorf("any_source %q: %w", c.AnySource, err))
	}
	six := map[bool]bool{}
	for _, text := range c.SourceAddress {
		addr, err := netip.ParseAddr(text)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("source_address %q is no IP address", text))
		case six[addr.Unmap().Is6()]:
			errs = append(errs, fmt.Errorf("source_address must have at most one address of IPv4 and one of IPv6, has %q", c.SourceAddress))
		default:
			six[addr.Unmap().Is6()] = true
		}
	}
	return errors.Join(errs...)
}
