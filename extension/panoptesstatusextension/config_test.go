package panoptesstatusextension

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
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
	assert.Equal(t, ActionsConfig{RunNow: true, LastOutput: true, Enrichment: true}, cfg.Actions)
	assert.True(t, cfg.Server.Auth.HasValue())
	_, err = config(t, "socket")
	require.NoError(t, err)
	for name, want := range map[string]string{
		"no_auth":            "actions need auth",
		"no_auth_output":     "actions need auth",
		"no_auth_enrichment": "actions need auth",
		"no_endpoint":        "endpoint must not be empty",
		"no_port":            `endpoint "localhost" must be HOST:PORT`,
	} {
		_, err := config(t, name)
		require.ErrorContains(t, err, want, name)
	}
}

func TestEndpointsOpenToTheNetwork(t *testing.T) {
	t.Parallel()
	auth := configoptional.Some(confighttp.AuthConfig{Config: configauth.Config{AuthenticatorID: component.MustNewID("basicauth")}})
	tls := configoptional.Some(configtls.ServerConfig{})
	for _, c := range []struct {
		endpoint string
		auth     configoptional.Optional[confighttp.AuthConfig]
		tls      configoptional.Optional[configtls.ServerConfig]
		want     string
	}{
		{endpoint: "127.0.0.1:13150"},
		{endpoint: "[::1]:13150"},
		{endpoint: "localhost:13150"},
		{endpoint: "/run/panoptes.sock"},
		{endpoint: ":13150", want: "set auth"},
		{endpoint: "0.0.0.0:13150", want: "set auth"},
		{endpoint: "[::]:13150", tls: tls, want: "set auth"},
		{endpoint: "poller1.example.net:13150", auth: auth, want: "set tls"},
		{endpoint: "poller1.example.net:13150", auth: auth, tls: tls},
	} {
		cfg := createDefaultConfig().(*Config)
		cfg.Server.NetAddr.Endpoint, cfg.Server.Auth, cfg.Server.TLS = c.endpoint, c.auth, c.tls
		if c.want == "" {
			assert.Empty(t, cfg.Exposed(), c.endpoint)
		} else {
			assert.Contains(t, cfg.Exposed(), c.want, c.endpoint)
		}
	}
}
