package collectorconfig

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pipeline"

	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

func load(t *testing.T, text string) (*Config, error) {
	t.Helper()
	return Load(t.Context(), []string{"yaml:" + text})
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "collector.yaml")
	t.Setenv("PANOPTES_TEST_DIR", "/plugins")
	require.NoError(t, os.WriteFile(path, []byte(`
receivers:
  panoptes: {plugins: {directories: ["${env:PANOPTES_TEST_DIR}"]}}
  otlp/two: {protocols: {grpc: }}
exporters: {debug: }
service:
  telemetry: {metrics: {level: none}}
  pipelines: {metrics/a: {receivers: [panoptes, otlp/two], exporters: [debug]}}
`), 0o600))
	c, err := Load(t.Context(), []string{path, "yaml:service::pipelines::metrics/a::processors: [batch]"})
	require.NoError(t, err)
	assert.Equal(t, map[pipeline.ID]Pipeline{
		pipeline.NewIDWithName(pipeline.SignalMetrics, "a"): {
			Receivers:  []component.ID{component.NewID(ReceiverType), component.MustNewIDWithName("otlp", "two")},
			Processors: []component.ID{component.MustNewID("batch")},
			Exporters:  []component.ID{component.MustNewID("debug")},
		},
	}, c.Pipelines)
	assert.Equal(t, []component.ID{component.MustNewIDWithName("otlp", "two"), component.NewID(ReceiverType)}, c.IDs(Receivers))
	assert.True(t, c.Has(Exporters, component.MustNewID("debug")))
	assert.Empty(t, c.Raw(Exporters, component.MustNewID("debug")))

	cfg, err := c.Decode(Receivers, component.NewID(ReceiverType))
	require.NoError(t, err)
	assert.Equal(t, "/plugins", cfg.(*panoptesreceiver.Config).Plugins.Directories[0].Path)
	cfg, err = c.Decode(Receivers, component.MustNewIDWithName("otlp", "two"))
	require.NoError(t, err)
	assert.Nil(t, cfg, "a stock component")
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	_, err := Load(t.Context(), []string{filepath.Join(t.TempDir(), "absent.yaml")})
	require.ErrorContains(t, err, "absent.yaml")
	require.NotContains(t, err.Error(), "\n")
	_, err = Load(t.Context(), []string{t.TempDir()})
	require.ErrorContains(t, err, "is a directory")
	for _, source := range []string{"/dev/zero", "yaml:receivers: ${file:/dev/zero}"} {
		_, err = Load(t.Context(), []string{source})
		require.ErrorContains(t, err, "/dev/zero has more than 16777216 bytes")
	}
	_, err = load(t, "{receivers: [")
	require.Error(t, err)
	_, err = load(t, "receivers: 5")
	require.ErrorContains(t, err, "receivers")
	_, err = load(t, `receivers: {"a b": }`)
	require.ErrorContains(t, err, `receivers::a b`)
	_, err = load(t, "service: {pipelines: {nonsense: {}}}")
	require.ErrorContains(t, err, "service")

	c, err := load(t, "processors: {panoptes_rate: {max_series: 0}}")
	require.NoError(t, err)
	_, err = c.Decode(Processors, component.NewID(ProcessorType))
	require.ErrorContains(t, err, "max_series must be at least 1")
	c, err = load(t, "exporters: {panoptes_json: {nonsense: 1}}")
	require.NoError(t, err)
	_, err = c.Decode(Exporters, component.NewID(ExporterType))
	require.ErrorContains(t, err, "nonsense")
}
