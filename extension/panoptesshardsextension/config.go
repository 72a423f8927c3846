package panoptesshardsextension

import (
	"errors"
	"fmt"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/route"
	"github.com/panoptes-otel/panoptes-otel/internal/kafkaclient"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
)

// Config is the configuration of the extension. One of static and group must be given.
type Config struct {
	// Shards is the number of shards, the same at all members (default 256). It cannot change while a fleet is shared.
	Shards int `mapstructure:"shards"`
	// Static gives this Collector a fixed share.
	Static configoptional.Optional[StaticConfig] `mapstructure:"static"`
	// Group lets the members of a Kafka group share.
	Group configoptional.Optional[GroupConfig] `mapstructure:"group"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// StaticConfig is a fixed share.
type StaticConfig struct {
	// Index is which of the Collectors this one is, from 0 to count-1. By default it is the number at the end of the
	// host's name, as a StatefulSet of Kubernetes names its pods.
	Index *int `mapstructure:"index"`
	// Count is how many Collectors there are.
	Count int `mapstructure:"count"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// GroupConfig is membership of a Kafka group.
type GroupConfig struct {
	// Client has brokers, client_id, tls, auth, metadata and the like: those of the stock kafka components.
	Client configkafka.ClientConfig `mapstructure:",squash"`
	// Name is the group's (default panoptes-shards). Each fleet has its own, and its own topic.
	Name string `mapstructure:"name"`
	// Topic is where states go from one owner to the next.
	Topic TopicConfig `mapstructure:"topic"`
	// Instance is this member's name, for people (default: the host's).
	Instance string `mapstructure:"instance"`
	// SessionTimeout is after how long without a heartbeat others get this member's shards (default 15s). A broker that
	// dies is replaced as coordinator within 9 to 10 s, so less than 12s makes all members lose all shards then.
	SessionTimeout time.Duration `mapstructure:"session_timeout"`
	// RebalanceTimeout is how long a rebalance waits for members that do not rejoin (default 15s).
	RebalanceTimeout time.Duration `mapstructure:"rebalance_timeout"`
	// HeartbeatInterval is how often a member asks for changes (default 500ms). For some seconds after a change it asks more
	// often, since a planned move takes more than one.
	HeartbeatInterval time.Duration `mapstructure:"heartbeat_interval"`
	// Drain is how long runs may take to end when their shard is given away (default 2s). Longer ones are cancelled.
	Drain time.Duration `mapstructure:"drain"`
	// WhenAway is what to do while no broker at all can be reached for longer than a session: stop (default), or go_on.
	WhenAway WhenAway `mapstructure:"when_away"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// TopicConfig is the topic of a group.
type TopicConfig struct {
	// Name is the topic's (default panoptes-shards).
	Name string `mapstructure:"name"`
	// Create makes the topic where it is missing (default true).
	Create bool `mapstructure:"create"`
	// ReplicationFactor is that of a topic that is made; -1 (default) is the brokers' default.
	ReplicationFactor int16 `mapstructure:"replication_factor"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// WhenAway is what a member does while no broker can be reached.
type WhenAway string

// What a member does while no broker can be reached.
const (
	// WhenAwayStop owns nothing until a heartbeat is answered: never two owners.
	WhenAwayStop WhenAway = "stop"
	// WhenAwayGoOn keeps what it owns. If it alone is cut off there are two owners until it can reach a broker again.
	WhenAwayGoOn WhenAway = "go_on"
)

// UnmarshalText reads "stop" or "go_on".
func (w *WhenAway) UnmarshalText(text []byte) error {
	switch v := WhenAway(text); v {
	case WhenAwayStop, WhenAwayGoOn:
		*w = v
		return nil
	default:
		return fmt.Errorf("unknown when_away %q: expected %q or %q", v, WhenAwayStop, WhenAwayGoOn)
	}
}

var (
	_ component.Config  = (*Config)(nil)
	_ confmap.Validator = (*Config)(nil)
)

// Validate implements confmap.Validator. The blocks validate themselves.
func (c *Config) Validate() error {
	var errs []error
	if c.Shards < 1 || c.Shards > shard.MaxCount {
		errs = append(errs, fmt.Errorf("shards (%d) must be from 1 to %d", c.Shards, shard.MaxCount))
	}
	switch {
	case c.Static.HasValue() && c.Group.HasValue():
		errs = append(errs, errors.New("static and group exclude each other: remove one"))
	case !c.Static.HasValue() && !c.Group.HasValue():
		errs = append(errs, errors.New("needs static (a fixed share) or group (a Kafka group)"))
	case c.Static.HasValue() && c.Static.Get().Count > c.Shards:
		errs = append(errs, fmt.Errorf("static::count (%d) is more than shards (%d): some Collectors would have nothing to do", c.Static.Get().Count, c.Shards))
	}
	return errors.Join(errs...)
}

// Validate implements confmap.Validator.
func (c *StaticConfig) Validate() error {
	switch {
	case c.Count < 1:
		return fmt.Errorf("count (%d) must be at least 1: how many Collectors share the fleet", c.Count)
	case c.Index != nil && (*c.Index < 0 || *c.Index >= c.Count):
		return fmt.Errorf("index (%d) must be from 0 to %d, one less than count", *c.Index, c.Count-1)
	}
	return nil
}

// Bounds of a group's times.
const (
	minSession   = time.Second
	minHeartbeat = 20 * time.Millisecond
	maxTimeout   = time.Hour
)

// Validate implements confmap.Validator.
func (c *GroupConfig) Validate() error {
	errs := kafkaclient.Unsupported(&c.Client)
	if c.Name == "" {
		errs = append(errs, errors.New("name must not be empty"))
	}
	for _, t := range []struct {
		key        string
		value, min time.Duration
	}{
		{"session_timeout", c.SessionTimeout, minSession},
		{"rebalance_timeout", c.RebalanceTimeout, minSession},
		{"heartbeat_interval", c.HeartbeatInterval, minHeartbeat},
	} {
		if t.value < t.min || t.value > maxTimeout {
			errs = append(errs, fmt.Errorf("%s (%s) must be from %s to %s", t.key, t.value, t.min, maxTimeout))
		}
	}
	if c.HeartbeatInterval > c.SessionTimeout/5 {
		errs = append(errs, fmt.Errorf("heartbeat_interval (%s) must be no more than a fifth of session_timeout (%s)", c.HeartbeatInterval, c.SessionTimeout))
	}
	if c.Drain < 0 || c.Drain > c.RebalanceTimeout/3 {
		errs = append(errs, fmt.Errorf("drain (%s) must be no more than a third of rebalance_timeout (%s): the group does not wait for longer", c.Drain, c.RebalanceTimeout))
	}
	return errors.Join(errs...)
}

// Validate implements confmap.Validator.
func (c *TopicConfig) Validate() error {
	var errs []error
	if c.Name == "" {
		errs = append(errs, errors.New("name must not be empty"))
	} else if _, changed := route.Sanitise(c.Name); changed {
		errs = append(errs, fmt.Errorf(`name %q is no legal topic name: expected no more than 249 letters, digits, ".", "_" and "-"`, c.Name))
	}
	if c.ReplicationFactor != -1 && c.ReplicationFactor < 1 {
		errs = append(errs, fmt.Errorf("replication_factor (%d) must be at least 1, or -1 for the brokers' default", c.ReplicationFactor))
	}
	return errors.Join(errs...)
}
