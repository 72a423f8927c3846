// Package files is a Go plugin that can be had in both ways: compiled into a Collector (NewFactory), and as a program of
// its own (examples/plugins/go/cmd/files).
package files

import (
	"context"
	"fmt"
	"os"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk/pluginextension"
)

// NewFactory returns the factory of the extension file_plugins, which offers the plugin "files".
func NewFactory() extension.Factory {
	return pluginextension.NewFactory(component.MustNewType("file_plugins"), map[string]pluginsdk.PollingPlugin{"files": Plugin{}})
}

// Plugin tells the size of the files in a folder, which [main] folder of its plugin file names.
type Plugin struct{}

// Describe implements pluginsdk.Describer.
func (Plugin) Describe() pluginsdk.Contract {
	return pluginsdk.Contract{Groups: []pluginsdk.GroupContract{{
		Type: "file", Description: "Files in the folder, without hidden ones",
		Metrics:    []pluginsdk.MetricContract{{Name: "size", Type: "gauge", Unit: "By", Min: pluginsdk.Bound(0), Description: "Size of the file"}},
		Dimensions: []pluginsdk.DimensionContract{{Name: "name", Description: "Name of the file"}},
	}}}
}

// Run implements pluginsdk.PollingPlugin.
func (Plugin) Run(ctx context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
	folder := pc.Config.Get("main", "folder")
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("[main] folder: %w", err)
	}
	groups := pc.NewGroups()
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		groups.Group("file", "name", e.Name()).Gauge("size", float64(info.Size()))
	}
	pc.Logger.DebugContext(ctx, "Looked at folder", "folder", folder, "entries", len(entries))
	return groups.Result()
}
