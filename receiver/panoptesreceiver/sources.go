package panoptesreceiver

import (
	"context"
	"fmt"
	"path/filepath"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/panoptes-otel/panoptes-otel/internal/resourcefilter"
	"github.com/panoptes-otel/panoptes-otel/internal/resourcestore"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/catalogue"
)

// openStore makes the store of resources, and returns what keeps its sources: functions that go on until their context
// ends. Plugins that discover resources open sources of their own.
func (r *panoptesReceiver) openStore() (run []func(context.Context), err error) {
	cfg := &r.cfg.Resources
	settings := resourcestore.Settings{Logger: r.logger, Changed: r.tasks.setResources, Left: r.resourcesLeft}
	if cfg.Filter != "" {
		if settings.Filter, err = resourcefilter.Parse(cfg.Filter); err != nil {
			return nil, fmt.Errorf("resources::filter: %w", err)
		}
	}
	r.store = resourcestore.New(settings)
	files, err := r.files()
	if err != nil {
		return nil, err
	}
	return append(run, files.Run), nil
}

// files makes paths absolute, so that log lines and people mean the same by them.
func (r *panoptesReceiver) files() (*catalogue.Files, error) {
	settings := catalogue.FileSettings{
		Settle: r.cfg.Plugins.Settle, ScanInterval: r.cfg.Resources.ScanInterval, Store: r.store,
		Logger: r.logger, Failed: r.reloadError("resources"),
	}
	for _, pattern := range r.cfg.Resources.Files {
		path, err := filepath.Abs(pattern)
		if err != nil {
			return nil, fmt.Errorf("resources::files: %q: %w", pattern, err)
		}
		settings.Files = append(settings.Files, path)
	}
	if len(settings.Files) == 0 {
		r.logger.Warn("The receiver has no resources::files, so no plugin runs")
	}
	return catalogue.NewFiles(settings), nil
}

// resourcesLeft counts resources that left.
func (r *panoptesReceiver) resourcesLeft(reason resourcestore.Reason, n int) {
	r.telemetry.PanoptesResourcesLeft.Add(context.Background(), int64(n),
		metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", string(reason)))))
}
