package panoptesrateprocessor

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/metadata"
)

func TestLoadConfig(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		want *Config
		err  []string
	}{
		"": {want: &Config{MaxSeries: 1_000_000}},
		"all": {want: &Config{
			Transforms: []string{"interface = rate:interface:in_octets,out_octets", "cpu_total = rate:cpu: context_switches "},
			MaxSeries:  5000,
		}},
		"bad_transforms": {err: []string{
			`transforms[1]: transform "interface" = " rate:interface": has 2 parts`,
			`transforms[2]: transform "interface" = " delta:interface:in_octets": unknown type "delta"`,
			`transforms[3]: transform "in_octets" has no "="`,
			`transforms[4]: "" is no transform: expected "K = rate:T:a,b"`,
			`transforms[5]: "a = rate:b:c\nd = rate:e:f" is more than one line; give each line an entry of its own`,
		}},
		"no_series":    {err: []string{"max_series must be at least 1, is 0"}},
		"unknown_key":  {err: []string{"max_serie"}},
		"not_a_number": {err: []string{"max_series"}},
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
				assert.ErrorContains(t, err, want)
			}
			if tt.want != nil {
				require.NoError(t, err)
				assert.Equal(t, tt.want, cfg)
			} else {
				require.Error(t, err)
			}
		})
	}
}

func TestFactoryRefuses(t *testing.T) {
	t.Parallel()
	_, err := createMetrics(t.Context(), nopSettings(), &struct{}{}, nil)
	require.ErrorContains(t, err, "configuration is of type *struct {}")
	_, err = createMetrics(t.Context(), nopSettings(), &Config{MaxSeries: 1, Transforms: []string{"x"}}, nil)
	require.ErrorContains(t, err, "transforms[0]")
}
