package pluginsdk

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// PollingPlugin is a plugin that is run against one resource at a time.
//
// The host calls Run once per interval and matching resource, from many goroutines at once but never twice at the same
// time for one resource. ctx ends at the run's deadline: a plugin that goes on past it is abandoned and its result
// thrown away. The groups returned are the host's from then on. A panic fails that run alone.
type PollingPlugin interface {
	Run(ctx context.Context, pc *PluginContext) (*MetricsGroupSet, error)
}

// PollingPluginFunc makes a function a PollingPlugin.
type PollingPluginFunc func(ctx context.Context, pc *PluginContext) (*MetricsGroupSet, error)

// Run calls f.
func (f PollingPluginFunc) Run(ctx context.Context, pc *PluginContext) (*MetricsGroupSet, error) {
	return f(ctx, pc)
}

// PluginContext is what a run is given. It belongs to that run and must not be kept.
type PluginContext struct {
	// Resource is what to look at. It is shared: do not change it.
	Resource *Resource
	// Config is the plugin file: section to option to text. Section names keep their case, option names are lower case.
	Config Config
	// Interval is the time between two runs, for NewMetricsGroup.
	Interval time.Duration
	// Logger writes to the Collector's log, with plugin and resource as fields.
	Logger *slog.Logger
	// KV is one store shared by all plugins. It is empty after a restart unless the receiver has storage.
	KV KeyValueStore
	// Secrets are read from the receiver's secrets directory.
	Secrets SecretsStore
	// Sites are the names of the sites that the receiver is configured for.
	Sites []string
}

// NewMetricsGroup returns an empty group for the run's resource and interval, created now.
func (pc *PluginContext) NewMetricsGroup(groupType string) (*MetricsGroup, error) {
	return NewMetricsGroup(pc.Resource, groupType, pc.Interval)
}

// Config is a plugin file as sections of options.
type Config map[string]map[string]string

// Get returns the text of an option, or "" where the file does not have it.
func (c Config) Get(section, option string) string { return c[section][option] }

// DefaultKeyTTL is how long a key lives that was stored without a time to live of its own, as in Panoptes.
const DefaultKeyTTL = 7 * 24 * time.Hour

// ErrNotFound is returned for a key or a secret that is not there.
var ErrNotFound = errors.New("not found")

// KeyValueStore is Panoptes' store for plugins (docs/panoptes/runtime.md, section 7). It is safe for concurrent use.
type KeyValueStore interface {
	// Get returns the value of key, or ErrNotFound.
	Get(ctx context.Context, key string) (string, error)
	// Set stores a value; a ttl of 0 or less keeps it for good.
	Set(ctx context.Context, key, value string, ttl time.Duration) error
	// GetSet stores a value and returns the one it replaces, or ErrNotFound if there was none (the value is stored all the same).
	GetSet(ctx context.Context, key, value string, ttl time.Duration) (string, error)
	// Delete removes a key, if it is there.
	Delete(ctx context.Context, key string) error
	// TTL returns the time that key has left; less than 0 means for good. ErrNotFound if it is not there.
	TTL(ctx context.Context, key string) (time.Duration, error)
	// FindKeys returns the keys that match a pattern of *, ? and [...], as Redis has them, in no order.
	FindKeys(ctx context.Context, pattern string) ([]string, error)
	// SetAdd adds a member to the set of that name; sets do not expire.
	SetAdd(ctx context.Context, name, member string) error
	// SetMembers returns the members of the set of that name in no order; none if there is no such set.
	SetMembers(ctx context.Context, name string) ([]string, error)
}

// SecretsStore gives secrets by name and site.
type SecretsStore interface {
	// Get returns the secret for a site, or the default one of that name, or ErrNotFound.
	Get(ctx context.Context, name, site string) (string, error)
}
