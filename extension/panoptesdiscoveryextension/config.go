package panoptesdiscoveryextension

import (
	"errors"
	"fmt"
	"slices"

	"go.opentelemetry.io/collector/confmap"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesdiscoveryextension/internal/discover"
	_ "github.com/panoptes-otel/panoptes-otel/extension/panoptesdiscoveryextension/internal/providers" // which *_sd_configs there are
	"github.com/panoptes-otel/panoptes-otel/internal/resource/targets"
)

// Config is the configuration of the extension.
type Config struct {
	// ScrapeConfigs are blocks as in prometheus.yml. At least one is needed.
	ScrapeConfigs []ScrapeConfig `mapstructure:"scrape_configs"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// ScrapeConfig is a block of scrape_configs. What it says about scraping has no effect.
type ScrapeConfig struct {
	// JobName is the label job of all targets. No two blocks may have the same.
	JobName string `mapstructure:"job_name"`
	// Labels name labels that give fields of resources, before those that do anyway.
	Labels targets.Labels `mapstructure:"labels"`
	// Prometheus has all other keys: *_sd_configs, static_configs and relabel_configs, as Prometheus reads them.
	Prometheus map[string]any `mapstructure:",remain"`
}

var _ confmap.Validator = (*Config)(nil)

// Validate implements confmap.Validator.
func (c *Config) Validate() error {
	if len(c.ScrapeConfigs) == 0 {
		return errors.New("scrape_configs must have at least one block")
	}
	var errs []error
	var names []string
	for i := range c.ScrapeConfigs {
		name := c.ScrapeConfigs[i].JobName
		if slices.Contains(names, name) {
			errs = append(errs, fmt.Errorf("scrape_configs::%d: job_name %q is that of another block", i, name))
		}
		names = append(names, name)
	}
	return errors.Join(errs...)
}

// Validate checks one block.
func (c *ScrapeConfig) Validate() error {
	if c.JobName == "" {
		return errors.New("job_name must not be empty")
	}
	_, err := c.job()
	return err
}

func (c *ScrapeConfig) job() (*discover.Job, error) { return discover.Parse(c.JobName, c.Prometheus) }
