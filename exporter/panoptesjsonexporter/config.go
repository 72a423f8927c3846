package panoptesjsonexporter

import (
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/group/route"
)

// Config is the configuration of the exporter. What it shares with the stock kafka exporter is written the same way.
type Config struct {
	// Timeout bounds an attempt to deliver a batch (default 30s; 0 means no bound). Messages that may be with Kafka
	// already are waited for all the same, since giving them up could only repeat them.
	Timeout exporterhelper.TimeoutConfig `mapstructure:",squash"`
	// Queue is exporterhelper's queue (default: on, one consumer, blocks when full). Its batch::max_size is refused.
	Queue configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
	// Retry is what happens with messages that an attempt left undelivered (default: tried again without end).
	Retry configretry.BackOffConfig `mapstructure:"retry_on_failure"`
	// Client has brokers, client_id, tls, auth, metadata and the like.
	Client configkafka.ClientConfig `mapstructure:",squash"`
	// Producer has required_acks (default all), compression, max_message_bytes and the like.
	Producer configkafka.ProducerConfig `mapstructure:"producer"`

	// Topics says to which topics a group goes.
	Topics TopicsConfig `mapstructure:"topics"`
	// Headers gives each record headers with the content type and the schema version (default false: today's consumers
	// see the same records).
	Headers bool `mapstructure:"headers"`
	// Rates is the number type of rates: int (default), truncated toward zero as Panoptes does, or double.
	Rates exporterkit.Rates `mapstructure:"rates"`
	// Prime holds back, after a start, the first sample of each group that has counters and no rate yet (default false), so
	// that what consumers see begins with rates.
	Prime bool `mapstructure:"prime"`
	// DefaultInterval is the interval of groups whose data do not tell it (default 60s): whole seconds.
	DefaultInterval time.Duration `mapstructure:"default_interval"`
	// ResourceDefaults are for metrics that never were Panoptes'.
	ResourceDefaults exporterkit.ResourceDefaults `mapstructure:"resource_defaults"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// TopicsConfig says to which topics a group goes. Site or Global must be on.
type TopicsConfig struct {
	// Site sends groups to the topics <site>-<suffix> (default true).
	Site bool `mapstructure:"site"`
	// Global sends groups to one topic for all sites as well (default false).
	Global bool `mapstructure:"global"`
	// GlobalName is that topic's name (default panoptes-metrics).
	GlobalName string `mapstructure:"global_name"`
	// Suffixes are the suffixes of site topics that every group has (default: processed). A plugin's [topics] add more.
	Suffixes []string `mapstructure:"suffixes"`
	// Allow are the topics that may be used: names, or patterns with * and ? (default: all). Groups of others are dropped.
	Allow []string `mapstructure:"allow"`
	// Max is the most topics that may be used between start and stop (default 1000). Groups of further ones are dropped.
	Max int `mapstructure:"max"`

	// prevent unkeyed literal initialization
	_ struct{}
}

var _ component.Config = (*Config)(nil)

// Validate checks what nested types do not check themselves, and refuses what the exporter does not support: a setting
// that would be ignored is an error.
func (c *Config) Validate() error {
	return errors.Join(append(c.unsupported(), c.outOfRange()...)...)
}

// mapping is how pdata are read.
func (c *Config) mapping() pdata.FromOptions {
	return exporterkit.Mapping(c.Rates, &c.ResourceDefaults, c.DefaultInterval)
}

// routes is where groups go.
func (c *Config) routes() route.Options {
	return route.Options{
		SiteTopics:      c.Topics.Site,
		GlobalTopic:     c.Topics.Global,
		GlobalTopicName: c.Topics.GlobalName,
		Suffixes:        c.Topics.Suffixes,
	}
}

// Validate checks the names.
func (c *TopicsConfig) Validate() error {
	var errs []error
	if !c.Site && !c.Global {
		errs = append(errs, errors.New("site and global are both off: no metrics group would be sent"))
	}
	if c.Global {
		errs = append(errs, checkTopic("global_name", c.GlobalName))
	}
	if c.Site && len(c.Suffixes) == 0 {
		errs = append(errs, errors.New("suffixes must not be empty while site is on"))
	}
	for i, s := range c.Suffixes {
		errs = append(errs, checkTopic(fmt.Sprintf("suffixes[%d]", i), s))
	}
	if c.Max < 1 {
		errs = append(errs, fmt.Errorf("max (%d) must be at least 1", c.Max))
	}
	errs = append(errs, c.checkAllow())
	return errors.Join(errs...)
}

// checkAllow checks the patterns, and that they do not bar what all groups go to.
func (c *TopicsConfig) checkAllow() error {
	var errs []error
	global := !c.Global || len(c.Allow) == 0
	for i, pattern := range c.Allow {
		ok, err := path.Match(pattern, c.GlobalName)
		if err != nil || pattern == "" {
			errs = append(errs, fmt.Errorf("allow[%d] %q is no name or pattern: expected one such as %q", i, pattern, "dc*-processed"))
		}
		global = global || ok
	}
	if !global {
		errs = append(errs, fmt.Errorf("allow lacks global_name %q: add it, or turn global off", c.GlobalName))
	}
	return errors.Join(errs...)
}

func checkTopic(key, name string) error {
	if name == "" {
		return fmt.Errorf("%s must not be empty", key)
	}
	if _, changed := route.Sanitise(name); changed {
		return fmt.Errorf(`%s %q is no legal topic name: expected no more than 249 letters, digits, ".", "_" and "-"`, key, name)
	}
	return nil
}
