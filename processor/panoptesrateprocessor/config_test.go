package panoptesrateprocessor

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

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
			Transforms: []Transform{
				{Line: "interface = rate:interface:in_octets,out_octets"},
				{Line: "cpu_total = rate:cpu: context_switches "},
				{Line: "interface = rate:interface:in_errors", Width: 32, Uptime: "sysUpTime"},
				{Metrics: []string{"system.network.io"}},
				{
					Metrics: []string{"system.disk.*", "hw.?"}, Match: MatchGlob, MaxGap: 15 * time.Minute,
					Output: OutputReplace, Name: "rate_of_{name}", Unit: "{op}/s", Width: 64,
				},
				{
					Metrics: []string{`k8s\..*\.count`}, Match: MatchRegexp, Output: OutputBeside,
					Width: WidthAuto, Uptime: "k8s.node.uptime",
				},
				{Metrics: []string{"one"}, Name: "another", Width: WidthNone},
				{Metrics: []string{"system.cpu.time"}, Output: OutputReplace, Name: "{name}"},
			},
			MaxSeries: 5000,
			Width:     WidthAuto,
			Uptime:    "uptime",
		}},
		"storage":     {want: &Config{MaxSeries: 1_000_000, Storage: &storageID}},
		"bad_storage": {err: []string{`'storage' in "file_storage/" id: the part after / should not be empty`}},
		"bad_transforms": {err: []string{
			`transforms::1: transform "interface" = " rate:interface": expected three parts separated by ":", as in rate:T:metric,metric, found 2`,
			`transforms::2: transform "interface" = " delta:interface:in_octets": unknown type "delta"`,
			`transforms::3: transform "in_octets" has no "="`,
			`transforms::4: needs line ("K = rate:T:a,b") or metrics`,
			`transforms::5: "a = rate:b:c\nd = rate:e:f" is more than one line; give each line an entry of its own`,
			`transforms::6: needs line ("K = rate:T:a,b") or metrics`,
			"transforms::7: width must be 32, 64, auto or none, is 16\n" +
				"match is for metrics; it cannot be given beside line\n" +
				"max_gap is for metrics; it cannot be given beside line\n" +
				"output is for metrics; it cannot be given beside line\n" +
				"name is for metrics; it cannot be given beside line\n" +
				"unit is for metrics; it cannot be given beside line",
		}},
		"bad_selectors": {err: []string{
			"transforms::0: line and metrics cannot both be given; make them two transforms",
			`transforms::1: match must be one of ["strict" "glob" "regexp"], is "prefix"`,
			`transforms::2: output must be one of ["beside" "replace"], is "instead"`,
			"transforms::3: width must be 32, 64, auto or none, is 33",
			"transforms::13: width must be 32, 64, auto or none, is -1",
			"transforms::4: max_gap must be from 1s to 83333h20m0s, is 10ms",
			"transforms::5: max_gap must be from 1s to 83333h20m0s, is -1s",
			"transforms::6: metrics must not have an empty entry",
			"transforms::7: metrics: cannot read \"(\": error parsing regexp: missing closing ): `(`\n" +
				"metrics: cannot read \")|(\": error parsing regexp: unexpected ): `)|(`",
			`transforms::8: name "x" must contain {name}: the rates of several metrics need several names`,
			`transforms::9: name "x" must contain {name}`,
			`transforms::10: name "{name}" gives the rate the name of the counter beside it; choose another, or output: replace`,
			"transforms::11: width auto needs uptime",
			"transforms::12: width auto needs uptime",
		}},
		"bad_width":                  {err: []string{"width must be 32, 64, auto or none, is 16"}},
		"bad_width_word":             {err: []string{`width must be 32, 64, auto or none, is "wide"`}},
		"auto_without_uptime":        {err: []string{"width auto needs uptime: only that shows that a counter which fell did not begin anew"}},
		"unknown_key_of_a_transform": {err: []string{"metric"}},
		"no_series":                  {err: []string{"max_series must be at least 1, is 0"}},
		"unknown_key":                {err: []string{"max_serie"}},
		"not_a_number":               {err: []string{"max_series"}},
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
	_, err = createMetrics(t.Context(), nopSettings(), &Config{MaxSeries: 1, Transforms: []Transform{{Line: "x"}}}, nil)
	require.ErrorContains(t, err, "transforms::0")
}

// TestReadmeExamples: what the README shows is a valid configuration.
func TestReadmeExamples(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(readme, -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		retrieved, err := confmap.NewRetrievedFromYAML(block[1])
		require.NoError(t, err)
		conf, err := retrieved.AsConf()
		require.NoError(t, err)
		sub, err := conf.Sub("processors::panoptes_rate")
		require.NoError(t, err)
		cfg := NewFactory().CreateDefaultConfig()
		require.NoError(t, sub.Unmarshal(cfg), "%s", block[1])
		require.NoError(t, confmap.Validate(cfg), "%s", block[1])
		require.NotEqual(t, NewFactory().CreateDefaultConfig(), cfg)
	}
}
