package panoptesreceiver

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/resourcekeys"
)

// openShared opens the store that plugins share: in memory, or in a Redis that the extension panoptes_redis knows.
func (r *panoptesReceiver) openShared(host component.Host) error {
	if r.cfg.Redis == nil {
		r.kv = kv.NewStore(kv.Options{})
		r.enrichment = hostapi.Enrichment{Store: r.kv.Namespace(kv.PluginsNamespace)}
		return nil
	}
	shared, err := hostapi.FindShared(host, *r.cfg.Redis)
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	r.shared = shared
	r.enrichment = hostapi.Enrichment{Store: shared.Namespace(kv.PluginsNamespace), Namespaces: shared.EnrichmentNamespaces}
	r.resourceKeys = resourcekeys.New(resourcekeys.Settings{
		Write: func(ctx context.Context, set []hostapi.Pair, deleted []string) error {
			return shared.Write(ctx, kv.ResourcesNamespace, set, deleted)
		},
		Logger: r.logger,
	})
	return nil
}
