package panoptesencodingextension

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesencodingextension/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
)

// NewFactory returns the factory of the extension panoptes_encoding.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, createExtension, metadata.ExtensionStability)
}

func createDefaultConfig() component.Config {
	return &Config{
		Framing:         FramingLines,
		Rates:           exporterkit.RatesInt,
		DefaultInterval: time.Minute,
		ServiceIdentity: true,
		MaxMessageBytes: panoptesjson.DefaultMaxBytes,
	}
}

func createExtension(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return newExtension(set, cfg.(*Config))
}
