package devices

import (
	"context"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Settings say how devices are asked.
type Settings struct {
	// Rules give credentials to resources: the first that fits counts.
	Rules []Rule
	// CommunityKey names the secret that is the community of a site where no rule fits, and Community is the one of sites
	// without that secret. "" is none: nothing is sent that nobody chose.
	CommunityKey string
	Community    engine.Secret

	// Port is where agents listen, Timeout is for one try, Retries is how often a request is sent again.
	Port    int
	Timeout time.Duration
	Retries int
	// InFlight and PacketsPerSecond bound what a device has to answer (engine.Target).
	InFlight         int
	PacketsPerSecond float64
	// AnySource fits the resources that may answer from another address than they are asked at; nil fits none.
	AnySource *filter.Filter

	// Agent answers in the place of all devices, if it is not nil. Then no credentials are looked for.
	Agent engine.Agent
	// Heard is told of each request and its result; nil tells nobody. It is called from many goroutines.
	Heard func(*engine.Target, *engine.Request, *engine.Result)
}

// Defaults of Settings, which are those of Panoptes.
const (
	DefaultPort    = engine.DefaultPort
	DefaultTimeout = 5 * time.Second
	DefaultRetries = 1
)

// Devices asks devices. All methods may be called from any goroutine.
type Devices struct {
	settings    Settings
	engine      *engine.Engine
	credentials credentials
}

// New returns devices that are asked with an engine, which stays the caller's, and with the secrets of a store.
func New(s Settings, e *engine.Engine, secrets pluginsdk.SecretsStore) *Devices {
	if s.Port == 0 {
		s.Port = DefaultPort
	}
	if s.Timeout == 0 {
		s.Timeout, s.Retries = DefaultTimeout, DefaultRetries
	}
	return &Devices{settings: s, engine: e, credentials: credentials{secrets: secrets}}
}

// Wish is what a plugin says of a connection. What it leaves out is as the settings and the resource have it.
type Wish struct {
	// Host is a name or an address, with or without a port; "" is the resource's endpoint. Port counts where Host has none
	// and the resource's metadata has no snmp_port.
	Host string
	Port int
	// Timeout is for one try. Retries counts where Timeout is not zero.
	Timeout time.Duration
	Retries int
	// Credentials are the plugin's own, which come before all; nil leaves them to the rules.
	Credentials *engine.Credentials
	// Community is the plugin's own, which is sent with version 2c.
	Community engine.Secret
	// Site and CommunityKey say which secret is the community where no rule fits.
	Site, CommunityKey string
	// Suffix is of the community, as COMMUNITY@SUFFIX: the number of a VLAN on switches of Cisco, which have the context
	// vlan-SUFFIX in version 3.
	Suffix string
}

// Target is how the device of a resource, or one that a plugin names, is asked. The resource may be nil, if host and site
// are wished for. The error says which secret is missing, or what is wrong with the address.
func (d *Devices) Target(ctx context.Context, r *pluginsdk.Resource, w Wish) (engine.Target, error) {
	t := engine.Target{
		Timeout: d.settings.Timeout, Retries: d.settings.Retries, InFlight: d.settings.InFlight,
		PacketsPerSecond: d.settings.PacketsPerSecond, Agent: d.settings.Agent,
	}
	if w.Timeout > 0 {
		t.Timeout, t.Retries = w.Timeout, w.Retries
	}
	var err error
	if t.Address, err = d.address(r, &w); err != nil {
		return t, err
	}
	t.Name = w.Host
	if r != nil {
		t.AnySource = d.settings.AnySource != nil && d.settings.AnySource.Match(r)
		if w.Host == "" || w.Host == r.Endpoint {
			t.Name = r.ID
		}
	}
	if t.Agent == nil {
		t.Credentials, err = d.find(ctx, r, &w)
	}
	return t, err
}

// Do asks a device and waits for all that comes (engine.Engine.Do).
func (d *Devices) Do(ctx context.Context, t *engine.Target, r *engine.Request) *engine.Result {
	result := d.engine.Do(ctx, t, r)
	if d.settings.Heard != nil {
		d.settings.Heard(t, r, result)
	}
	return result
}

// Resolve says whether the name of a target's host can be looked up.
func (d *Devices) Resolve(ctx context.Context, t *engine.Target) error {
	if t.Agent != nil {
		return nil
	}
	return d.engine.Resolve(ctx, t)
}
