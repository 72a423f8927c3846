// Package resource is what sources of resources have in common. Its folders filter, parse and join resources.
package resource

import (
	"context"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
)

// Provider is a source of resources, or several: a set of files, a server, a bus.
type Provider interface {
	// Run opens sources in out and keeps them in step until ctx ends. It is called once.
	Run(ctx context.Context, out *store.Store)
}
