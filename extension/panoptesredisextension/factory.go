package panoptesredisextension

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/extension"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesredisextension/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesredisextension/internal/redisstore"
)

// Defaults; the README gives the reasons.
const (
	defaultEndpoint = "localhost:6379"
	defaultPrefix   = redisstore.PanoptesPrefix
	defaultTimeout  = 2 * time.Second
	defaultPoolSize = 32
)

// NewFactory returns the factory of the extension panoptes_redis.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func createDefaultConfig() component.Config {
	return &Config{
		Endpoint: defaultEndpoint,
		TLS:      configoptional.Default(configtls.NewDefaultClientConfig()),
		Prefix:   defaultPrefix,
		Timeout:  defaultTimeout,
		PoolSize: defaultPoolSize,
	}
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return newExtension(set, cfg.(*Config))
}
