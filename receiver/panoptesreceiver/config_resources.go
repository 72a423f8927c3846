package panoptesreceiver

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"

	"github.com/panoptes-otel/panoptes-otel/internal/kafkaclient"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// ResourcesConfig says what plugins are run against. Where several sources list one resource (site, class, subclass,
// type, id), inline wins over files, these over file_sd, and so on: http, http_sd, discovery, kafka, plugins that
// discover resources. Of two files the later one counts.
type ResourcesConfig struct {
	// Files are paths, with * ? and [...], of files in Panoptes' discovery JSON; also JSON lines (.jsonl, .ndjson) and
	// YAML (.yaml, .yml).
	Files []string `mapstructure:"files"`
	// Defaults are what resources of all sources but kafka and plugins need not say.
	Defaults DefaultsConfig `mapstructure:"defaults"`
	// Inline are resources with the keys that they have in JSON.
	Inline []map[string]any `mapstructure:"inline"`
	// HTTP are servers that list resources.
	HTTP []HTTPConfig `mapstructure:"http"`
	// FileSD are files of target groups, as Prometheus' file_sd has them.
	FileSD []FileSDConfig `mapstructure:"file_sd"`
	// HTTPSD are servers that list target groups, as Prometheus' http_sd has them.
	HTTPSD []HTTPSDConfig `mapstructure:"http_sd"`
	// Discovery are the extensions panoptes_discovery whose service discovery finds resources.
	Discovery []component.ID `mapstructure:"discovery"`
	// Kafka reads resource sets as Panoptes' discovery puts them on its bus.
	Kafka *KafkaConfig `mapstructure:"kafka"`
	// Publish sends what all sources but kafka list to Panoptes' bus.
	Publish *PublishConfig `mapstructure:"publish"`
	// ScanInterval is the time between two scans of the files (default 60s).
	ScanInterval time.Duration `mapstructure:"scan_interval"`
	// Filter keeps only the resources that match, in the language of resource_filter; "" keeps all.
	Filter string `mapstructure:"filter"`
	// Sample keeps a share of the resources, greater than 0 and up to 1 (default 1, all). It is always the same one.
	Sample float64 `mapstructure:"sample"`
	// MaxShrink is the share of its resources that a source of 20 or more may lose at once, up to 1, which is all. Where it loses more,
	// what it listed before stays for half an hour. By default, 0, it is half of them, and all of what an extension discovers.
	MaxShrink float64 `mapstructure:"max_shrink"`
}

// HTTPConfig is a server that lists resources.
type HTTPConfig struct {
	// URL is what is asked for, http or https.
	URL string `mapstructure:"url"`
	// Defaults are what this server's resources need not say; what is not set here is as in the defaults of all.
	Defaults DefaultsConfig `mapstructure:"defaults"`
	// Interval is the time between two requests (default 60s).
	Interval time.Duration `mapstructure:"interval"`
	// MaxSize is the most bytes that an answer may have (default 64 MiB).
	MaxSize int64 `mapstructure:"max_size"`
	// FollowOtherHosts follows redirects to other hosts as well, where no credentials are sent (default false).
	FollowOtherHosts bool `mapstructure:"follow_other_hosts"`
	// Client has tls, auth, headers, timeout (default 30s) and the like, as the Collector's own HTTP clients.
	Client confighttp.ClientConfig `mapstructure:"client"`
}

// DefaultsConfig is what resources need not say. What is not set is site default, class system, subclass host, type generic and
// plugin panoptes_otelcol, and no metadata.
type DefaultsConfig struct {
	Site     string            `mapstructure:"resource_site"`
	Class    string            `mapstructure:"resource_class"`
	Subclass string            `mapstructure:"resource_subclass"`
	Type     string            `mapstructure:"resource_type"`
	Plugin   string            `mapstructure:"resource_plugin"`
	Metadata map[string]string `mapstructure:"resource_metadata"`
}

// Resource is a resource with the defaults.
func (c *DefaultsConfig) Resource() *pluginsdk.Resource { return c.over(parse.Minimal) }

// over lays what is set over a resource.
func (c *DefaultsConfig) over(base *pluginsdk.Resource) *pluginsdk.Resource {
	r := &pluginsdk.Resource{
		Site: cmp.Or(c.Site, base.Site), Class: cmp.Or(c.Class, base.Class), Subclass: cmp.Or(c.Subclass, base.Subclass),
		Type: cmp.Or(c.Type, base.Type), Plugin: cmp.Or(c.Plugin, base.Plugin), Metadata: slices.Clone(base.Metadata),
	}
	for _, key := range slices.Sorted(maps.Keys(c.Metadata)) {
		r.Metadata = r.Metadata.Set(key, c.Metadata[key])
	}
	return r
}

// Validate checks the defaults as those of a resource.
func (c *DefaultsConfig) Validate() error {
	r := c.Resource()
	r.ID, r.Endpoint = "id", "endpoint"
	return r.Validate()
}

// KafkaConfig reads topics of resource sets.
type KafkaConfig struct {
	// Topics are the topics, <site>-resources. At least one is needed.
	Topics []string `mapstructure:"topics"`
	// Publish puts what discovery plugins find on the topics of the resources' sites, from where all receivers read it
	// (default false). With sharding each of these plugins then runs at one Collector alone.
	Publish bool `mapstructure:"publish"`
	// Client has brokers, client_id, tls, auth, metadata and the like, as the stock kafka components.
	Client configkafka.ClientConfig `mapstructure:",squash"`
}

// PublishConfig sends resource sets to <site>-resources of each site.
type PublishConfig struct {
	// Interval is the most time between two sets of one plugin and site (default 60s).
	Interval time.Duration `mapstructure:"interval"`
	// Client has brokers, client_id, tls, auth, metadata and the like, as the stock kafka components.
	Client configkafka.ClientConfig `mapstructure:",squash"`
}

var (
	_ confmap.Unmarshaler = (*HTTPConfig)(nil)
	_ confmap.Unmarshaler = (*KafkaConfig)(nil)
	_ confmap.Unmarshaler = (*PublishConfig)(nil)
)

// Unmarshal gives what is not set its default.
func (c *HTTPConfig) Unmarshal(conf *confmap.Conf) error {
	*c = defaultHTTPConfig()
	return conf.Unmarshal(c)
}

func defaultHTTPConfig() HTTPConfig {
	c := HTTPConfig{Interval: time.Minute, MaxSize: 64 << 20, Client: confighttp.NewDefaultClientConfig()}
	c.Client.Timeout = 30 * time.Second
	return c
}

// Unmarshal gives what is not set its default.
func (c *KafkaConfig) Unmarshal(conf *confmap.Conf) error {
	*c = KafkaConfig{Client: configkafka.NewDefaultClientConfig()}
	c.Client.Metadata.Full = false
	return conf.Unmarshal(c)
}

// Unmarshal gives what is not set its default.
func (c *PublishConfig) Unmarshal(conf *confmap.Conf) error {
	*c = PublishConfig{Interval: time.Minute, Client: configkafka.NewDefaultClientConfig()}
	c.Client.Metadata.Full = false
	return conf.Unmarshal(c)
}

// Validate checks the block publish.
func (c *PublishConfig) Validate() error {
	var errs []error
	if c.Interval < minScanInterval {
		errs = append(errs, fmt.Errorf("interval must be at least %s, is %s", minScanInterval, c.Interval))
	}
	return errors.Join(append(errs, kafkaclient.Unsupported(&c.Client)...)...)
}

// Validate checks the block resources.
func (c *ResourcesConfig) Validate() error {
	errs := patterns(c.Files)
	_, bad := c.inlineResources()
	for _, err := range bad {
		errs = append(errs, fmt.Errorf("inline: %w", err))
	}
	for i, id := range c.Discovery {
		if slices.Contains(c.Discovery[:i], id) {
			errs = append(errs, fmt.Errorf("discovery has %q twice", id))
		}
	}
	errs = append(errs, scanInterval(c.ScanInterval))
	if c.Filter != "" {
		if _, err := filter.Parse(c.Filter); err != nil {
			errs = append(errs, fmt.Errorf("filter %q: %w", c.Filter, err))
		}
	}
	if !(c.MaxShrink >= 0 && c.MaxShrink <= 1) {
		errs = append(errs, fmt.Errorf("max_shrink must be between 0 and 1, is %g", c.MaxShrink))
	}
	if !(c.Sample > 0 && c.Sample <= 1) {
		errs = append(errs, fmt.Errorf("sample must be greater than 0 and at most 1, is %g", c.Sample))
	}
	return errors.Join(errs...)
}

// inlineResources reads the resources of the configuration.
func (c *ResourcesConfig) inlineResources() ([]*pluginsdk.Resource, []error) {
	list := c.Inline
	if len(list) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, []error{err}
	}
	return parse.ParseJSON(text, c.Defaults.Resource())
}

// InlineResources are the resources of the configuration itself, without those that Validate complains of.
func (c *ResourcesConfig) InlineResources() []*pluginsdk.Resource {
	list, _ := c.inlineResources()
	return list
}

// Validate checks one server.
func (c *HTTPConfig) Validate() error {
	var errs []error
	at, err := url.Parse(c.URL)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" {
		errs = append(errs, errors.New("url must be an http or https URL with a host"))
	}
	if c.Interval < minScanInterval {
		errs = append(errs, fmt.Errorf("interval must be at least %s, is %s", minScanInterval, c.Interval))
	}
	if c.MaxSize < 1 || c.MaxSize > parse.MaxSize {
		errs = append(errs, fmt.Errorf("max_size must be between 1 and %d bytes, is %d", parse.MaxSize, c.MaxSize))
	}
	if c.Client.Endpoint != "" {
		errs = append(errs, errors.New("client::endpoint has no effect: url says where the server is; remove it"))
	}
	return errors.Join(errs...)
}

// Validate checks the block kafka.
func (c *KafkaConfig) Validate() error {
	var errs []error
	if len(c.Topics) == 0 {
		errs = append(errs, errors.New("topics must name at least one topic, such as dc1-resources"))
	}
	for i, topic := range c.Topics {
		if topic == "" {
			errs = append(errs, fmt.Errorf("topics must not have an empty name, entry %d has", i+1))
		}
	}
	return errors.Join(append(errs, kafkaclient.Unsupported(&c.Client)...)...)
}
