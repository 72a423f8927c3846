package panoptesshardsextension

import (
	"context"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/extension"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
	"github.com/panoptes-otel/panoptes-otel/internal/shard/shardgroup"
)

// NewFactory returns the factory of the extension panoptes_shards.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func createDefaultConfig() component.Config {
	client := configkafka.NewDefaultClientConfig()
	client.ClientID = "panoptes-shards"
	return &Config{
		Shards: shard.DefaultCount,
		Static: configoptional.Default(StaticConfig{}),
		Group: configoptional.Default(GroupConfig{
			Client:            client,
			Name:              shardgroup.DefaultGroup,
			Topic:             TopicConfig{Name: shardgroup.DefaultTopic, Create: true, ReplicationFactor: -1},
			SessionTimeout:    15 * time.Second,
			RebalanceTimeout:  15 * time.Second,
			HeartbeatInterval: 500 * time.Millisecond,
			Drain:             2 * time.Second,
			WhenAway:          WhenAwayStop,
		}),
	}
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return newExtension(set, cfg.(*Config))
}
