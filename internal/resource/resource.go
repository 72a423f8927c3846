// Package resource is what sources of resources have in common. Its folders filter, parse and join resources.
package resource

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Provider is a source of resources, or several: a set of files, a server, a bus.
type Provider interface {
	// Run opens sources in out and keeps them in step until ctx ends. It is called once.
	Run(ctx context.Context, out *store.Store)
}

// Discovery is an extension that finds resources, such as panoptes_discovery. Several receivers may use it at once.
type Discovery interface {
	// Provider returns what it finds as a source for one receiver.
	Provider(s DiscoverySettings) Provider
}

// DiscoverySettings are what a receiver gives a Discovery.
type DiscoverySettings struct {
	// Order is the place of the extension among those of the receiver.
	Order int
	// Defaults are what nothing that is found says: site, class, subclass, type, plugin and metadata.
	Defaults *pluginsdk.Resource
	// Failed is called for each source that begins to fail, from any goroutine.
	Failed func()
	// Listed is called once, from any goroutine, when all that is discovered was listed for the first time or could not be.
	Listed func()
}

// FindDiscovery returns the extension of an id as a Discovery.
func FindDiscovery(host component.Host, id component.ID) (Discovery, error) {
	ext, found := host.GetExtensions()[id]
	if !found {
		return nil, fmt.Errorf("there is no extension %q: list it under service::extensions", id)
	}
	d, ok := ext.(Discovery)
	if !ok {
		return nil, fmt.Errorf("extension %q finds no resources: name one of type panoptes_discovery", id)
	}
	return d, nil
}
