package panoptesencodingextension

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesencodingextension/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
)

func TestLoadConfig(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		want *Config
		err  []string
	}{
		"": {want: &Config{
			Framing: FramingLines, Rates: exporterkit.RatesInt, DefaultInterval: time.Minute, ServiceIdentity: true, MaxMessageBytes: 16777216,
		}},
		"all": {want: &Config{
			Framing: FramingArray, Rates: exporterkit.RatesDouble, DefaultInterval: 5 * time.Minute, MaxMessageBytes: 1048576,
			ResourceDefaults: exporterkit.ResourceDefaults{
				Site: "dc1", Class: "network", Subclass: "switch", Type: "os", ID: "unknown1", Endpoint: "nowhere",
			},
		}},
		"bad_values": {err: []string{
			"default_interval (1.5s) must be one or more whole seconds",
			"max_message_bytes (100) must be from 512 to 1073741824",
		}},
		"too_much":    {err: []string{"max_message_bytes (2000000000) must be from 512 to 1073741824"}},
		"bad_framing": {err: []string{`unknown framing "json": expected "lines" or "array"`}},
		"bad_rates":   {err: []string{`unknown number type of rates "float": expected "int" or "double"`}},
		"unknown_key": {err: []string{"frame"}},
	}
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	require.Len(t, conf.ToStringMap(), len(tests), "every configuration has a test")
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := NewFactory().CreateDefaultConfig()
			sub, err := conf.Sub(component.NewIDWithName(metadata.Type, name).String())
			require.NoError(t, err)
			if err = sub.Unmarshal(cfg); err == nil {
				err = confmap.Validate(cfg)
			}
			for _, want := range tt.err {
				require.ErrorContains(t, err, want)
			}
			if tt.want != nil {
				require.NoError(t, err)
				assert.Equal(t, tt.want, cfg)
			}
		})
	}
}
