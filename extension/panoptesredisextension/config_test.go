package panoptesredisextension

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesredisextension/internal/metadata"
)

func TestLoadConfig(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		want *Config
		err  []string
	}{
		"": {want: &Config{
			Endpoint: "localhost:6379", TLS: configoptional.Default(configtls.NewDefaultClientConfig()),
			Prefix: "panoptes:", Timeout: 2 * time.Second, PoolSize: 32,
		}},
		"all": {want: &Config{
			Endpoint: "[2001:db8::1]:6380", Username: "panoptes", Password: "hush", DB: 3,
			TLS: configoptional.Some(configtls.ClientConfig{
				Config: configtls.Config{CAFile: "/etc/ssl/redis-ca.pem"}, ServerName: "redis.example.com",
			}),
			Prefix: "trial:", Timeout: 500 * time.Millisecond, PoolSize: 4,
		}},
		"tls": {want: &Config{
			Endpoint: "localhost:6379", TLS: configoptional.Some(configtls.NewDefaultClientConfig()),
			Prefix: "panoptes:", Timeout: 2 * time.Second, PoolSize: 32,
		}},
		"bad_values": {err: []string{
			"endpoint must be HOST:PORT: address redis1: missing port in address",
			`username "panoptes" needs a password`,
			"db must not be negative, is -1",
			`prefix must not be empty and have no blanks, is "": Panoptes' own is "panoptes:"`,
			"timeout must be between 10ms and 1m0s, is 1ms",
			"pool_size must be between 1 and 1024, is 0",
		}},
		"too_much": {err: []string{
			`prefix must not be empty and have no blanks, is "two words:"`,
			"timeout must be between 10ms and 1m0s, is 2m0s",
			"pool_size must be between 1 and 1024, is 5000",
		}},
		"bad_port":    {err: []string{`endpoint must be HOST:PORT with a port between 1 and 65535, is "redis1:port"`}},
		"no_port":     {err: []string{`endpoint must be HOST:PORT with a port between 1 and 65535, is "redis1:0"`}},
		"no_host":     {err: []string{`endpoint must be HOST:PORT with a port between 1 and 65535, is ":6379"`}},
		"url":         {err: []string{"endpoint must be HOST:PORT and no URL: db, username, password and tls are keys of their own"}},
		"shards":      {err: []string{`endpoint must be one HOST:PORT, is "redis1:6379,redis2:6379": shards, clusters and Sentinels are not supported`}},
		"unknown_key": {err: []string{"address"}},
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
				assert.NotContains(t, err.Error(), "hush")
			}
			if tt.want != nil {
				require.NoError(t, err)
				assert.Equal(t, tt.want, cfg)
			}
		})
	}
}
