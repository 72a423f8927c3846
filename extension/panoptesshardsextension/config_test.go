package panoptesshardsextension

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/metadata"
)

func config(t *testing.T, name string) (*Config, error) {
	t.Helper()
	all, err := confmaptest.LoadConf("testdata/config.yaml")
	require.NoError(t, err)
	sub, err := all.Sub(component.NewIDWithName(metadata.Type, name).String())
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	if err := sub.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestConfig(t *testing.T) {
	t.Parallel()
	cfg, err := config(t, "static")
	require.NoError(t, err)
	assert.Equal(t, 1, *cfg.Static.Get().Index)
	assert.Equal(t, 3, cfg.Static.Get().Count)
	assert.False(t, cfg.Group.HasValue())
	cfg, err = config(t, "ordinal")
	require.NoError(t, err)
	assert.Nil(t, cfg.Static.Get().Index)

	cfg, err = config(t, "group")
	require.NoError(t, err)
	g := cfg.Group.Get()
	assert.Equal(t, []string{"kafka:9092"}, g.Client.Brokers)
	assert.Equal(t, "panoptes-shards", g.Name)
	assert.Equal(t, TopicConfig{Name: "panoptes-shards", Create: true, ReplicationFactor: -1}, g.Topic)
	assert.Equal(t, 15*time.Second, g.SessionTimeout)
	assert.Equal(t, 500*time.Millisecond, g.HeartbeatInterval)
	assert.Equal(t, WhenAwayStop, g.WhenAway)
	assert.Equal(t, 256, cfg.Shards)

	cfg, err = config(t, "all")
	require.NoError(t, err)
	g = cfg.Group.Get()
	assert.Equal(t, 64, cfg.Shards)
	assert.Equal(t, TopicConfig{Name: "dc1-shards", ReplicationFactor: 3}, g.Topic)
	assert.Equal(t, "mine", g.Client.ClientID)
	assert.Equal(t, WhenAwayGoOn, g.WhenAway)
}

func TestConfigIsRefused(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"neither":                  "needs static (a fixed share) or group (a Kafka group)",
		"both":                     "static and group exclude each other: remove one",
		"no_count":                 "static: count (0) must be at least 1",
		"no_such_index":            "static: index (3) must be from 0 to 2, one less than count",
		"more_members_than_shards": "static::count (3) is more than shards (2)",
		"no_shards":                "shards (0) must be from 1 to 65536",
		"no_name":                  "group: name must not be empty",
		"no_topic":                 "group: topic: name must not be empty",
		"bad_topic":                `group: topic: name "a/b" is no legal topic name`,
		"no_replicas":              "group: topic: replication_factor (0) must be at least 1",
		"short_session":            "group: session_timeout (100ms) must be from 1s to 1h0m0s",
		"rare_heartbeats":          "heartbeat_interval (5s) must be no more than a fifth of session_timeout (15s)",
		"long_drain":               "drain (10s) must be no more than a third of rebalance_timeout (15s)",
		"away":                     `unknown when_away "hope": expected "stop" or "go_on"`,
		"kerberos":                 "group: auth::kerberos::service_name is required",
		"unknown":                  "weight",
	} {
		_, err := config(t, name)
		assert.ErrorContains(t, err, want, name)
	}
}
