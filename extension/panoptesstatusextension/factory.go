package panoptesstatusextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/extension"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesstatusextension/internal/metadata"
)

// defaultEndpoint is reached from this machine only: the pages name devices and show what goes wrong with them.
const defaultEndpoint = "127.0.0.1:13150"

// NewFactory returns the factory of the extension panoptes_status.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func createDefaultConfig() component.Config {
	server := confighttp.NewDefaultServerConfig()
	server.NetAddr.Endpoint = defaultEndpoint
	server.MaxRequestBodySize = maxRequestBody
	return &Config{Server: server}
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return newExtension(set, cfg.(*Config))
}
