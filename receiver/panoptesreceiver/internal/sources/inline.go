package sources

import (
	"context"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Inline lists the resources of the configuration, for as long as it is in force.
type Inline struct {
	Resources []*pluginsdk.Resource
	// Refresh is how often it says that they still count.
	Refresh time.Duration
	// Listed is called once, from the goroutine of Run, when they are in the store.
	Listed func()
}

// Run implements resource.Provider.
func (i *Inline) Run(ctx context.Context, out *store.Store) {
	source := out.Open(store.Place{Kind: store.KindInline})
	source.Set(i.Resources, time.Now())
	i.Listed()
	ticker := time.NewTicker(i.Refresh)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			source.Refresh(time.Now())
		}
	}
}
