package hostapi

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Shared is a store outside of the Collector that several Collectors, and Panoptes itself, may use at once. The extension
// panoptes_redis is one. It is safe for concurrent use. Every call ends within seconds, whatever becomes of the store, and
// fails at once while the store is known to be away.
type Shared interface {
	// Namespace returns the keys that begin with name and a colon. It is cheap.
	Namespace(name string) pluginsdk.KeyValueStore
	// Secrets returns the secrets that Panoptes keeps there.
	Secrets() SecretsStore
	// EnrichmentNamespaces returns the namespaces in which there is enrichment of a resource, sorted. What somebody else has
	// stored within the last minute may be missing.
	EnrichmentNamespaces(ctx context.Context, resourceID string) ([]string, error)
	// Write sets and deletes keys of a namespace, many at once. After an error some of them may have been written.
	Write(ctx context.Context, namespace string, set []Pair, deleted []string) error
}

// Pair is a key and what it is to hold.
type Pair struct {
	Key, Value string
	TTL        time.Duration // 0 or less: for good
}

// FindShared returns the extension of an id as a Shared.
func FindShared(host component.Host, id component.ID) (Shared, error) {
	ext, found := host.GetExtensions()[id]
	shared, ok := ext.(Shared)
	switch {
	case !found:
		return nil, fmt.Errorf("there is no extension %q: list it under service::extensions", id)
	case !ok:
		return nil, fmt.Errorf("extension %q keeps no keys of Panoptes: name one of type panoptes_redis", id)
	}
	return shared, nil
}
