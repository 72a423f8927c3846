package panoptesdiscoveryextension

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesdiscoveryextension/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/targets"
)

func TestLoadConfig(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{ // what is wrong
		"all":  nil,
		"none": {"scrape_configs must have at least one block"},
		"bad": {
			`scrape_configs::2: job_name "a" is that of another block`,
			"scrape_configs::0: job_name must not be empty",
			"scrape_configs::1: dns_sd_configs::0: line 2: field name not found in type dns.plain",
			"dns_sd_configs::1: a port is required in DNS-SD configs for all record types except SRV",
			"http_sd_configs::0: line 4: cannot unmarshal !!seq into config.plain",
			"marathon_sd_configs: this Collector is built without it; it has consul_sd_configs, dns_sd_configs, file_sd_configs",
			"relabel_configs::0: error parsing regexp: missing closing )",
			`scrape_configs::1::labels: resource_site must be the name of a label, is "a b"`,
			"scrape_configs::2: static_config: unknown key",
		},
		"unknown_key": {"scrape_config"},
	}
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	require.Len(t, conf.ToStringMap(), len(tests), "every configuration has a test")
	for name, wrong := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := NewFactory().CreateDefaultConfig()
			sub, err := conf.Sub(component.NewIDWithName(metadata.Type, name).String())
			require.NoError(t, err)
			if err = sub.Unmarshal(cfg); err == nil {
				err = confmap.Validate(cfg)
			}
			for _, want := range wrong {
				require.ErrorContains(t, err, want)
				assert.NotContains(t, err.Error(), "hush")
			}
			if wrong != nil {
				return
			}
			require.NoError(t, err)
			blocks := cfg.(*Config).ScrapeConfigs
			require.Len(t, blocks, 1)
			assert.Equal(t, "network", blocks[0].JobName)
			assert.Equal(t, targets.Labels{Endpoint: "__param_target"}, blocks[0].Labels)
			job, err := blocks[0].job()
			require.NoError(t, err)
			assert.Equal(t, []string{"metrics_path", "params", "scrape_interval"}, job.Ignored)
		})
	}
}
