package main

import (
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
)

func extensionSettings(f extension.Factory) extension.Settings {
	return extensiontest.NewNopSettings(f.Type())
}
