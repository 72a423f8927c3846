package panoptesstatusextension

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesstatusextension/internal/metadata"
)

func config(t *testing.T, name string) (*Config, error) {
	t.Helper()
	all, err := confmaptest.LoadConf("testdata/config.yaml")
	require.NoError(t, err)
	id := component.NewIDWithName(metadata.Type, name)
	sub, err := all.Sub(id.String())
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	if err := sub.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestConfig(t *testing.T) {
	t.Parallel()
	cfg, err := config(t, "")
	require.NoError(t, err)
	assert.Equal(t, createDefaultConfig(), cfg)
	assert.Equal(t, "127.0.0.1:13150", cfg.Server.NetAddr.Endpoint)
	cfg, err = config(t, "all")
	require.NoError(t, err)
	assert.Equal(t, ActionsConfig{RunNow: true, LastOutput: true}, cfg.Actions)
	assert.True(t, cfg.Server.Auth.HasValue())
	_, err = config(t, "socket")
	require.NoError(t, err)
	for name, want := range map[string]string{
		"no_auth":        "actions need auth",
		"no_auth_output": "actions need auth",
		"no_endpoint":    "endpoint must not be empty",
		"no_port":        `endpoint "localhost" must be HOST:PORT`,
	} {
		_, err := config(t, name)
		require.ErrorContains(t, err, want, name)
	}
}
