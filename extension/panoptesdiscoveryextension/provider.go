package panoptesdiscoveryextension

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesdiscoveryextension/internal/discover"
	"github.com/panoptes-otel/panoptes-otel/internal/resource"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Times of a provider.
const (
	// refresh is how often a list that still holds is said to.
	refresh = time.Minute
	// patience is how long a service discovery may take to list something before the receiver goes on without it.
	patience = 30 * time.Second
)

// maxWarnings bounds the lines that one list may write to the log each time it changes.
const maxWarnings = 10

// provider gives one receiver what the extension finds.
type provider struct {
	extension *discoveryExtension
	settings  resource.DiscoverySettings
}

// Run implements resource.Provider.
func (p *provider) Run(ctx context.Context, out *store.Store) {
	var running, listing sync.WaitGroup
	order := 0
	for _, job := range p.extension.jobs {
		for _, source := range job.sources {
			place := store.Place{
				Kind: store.KindExtension, Order: p.settings.Order<<20 + order, Name: p.extension.id.String() + " " + source.Name,
			}
			f := &follower{provider: p, job: job.config, source: source, out: out.Open(place)}
			order++
			listing.Add(1)
			running.Go(func() { f.run(ctx, sync.OnceFunc(listing.Done)) })
		}
	}
	listing.Wait()
	p.settings.Listed()
	running.Wait()
}

// follower keeps a source of a store in step with one of the extension's. It has one goroutine.
type follower struct {
	provider *provider
	job      *ScrapeConfig
	source   *discover.Source
	out      *store.Source
	list     int
	failing  bool
}

// run calls listed once.
func (f *follower) run(ctx context.Context, listed func()) {
	late := time.NewTimer(patience)
	defer late.Stop()
	ticks := time.NewTicker(refresh)
	defer ticks.Stop()
	for {
		state, changed := f.source.Watch()
		if f.follow(state, time.Now()) {
			listed()
		}
		select {
		case <-ctx.Done():
			listed()
			return
		case <-late.C:
			listed()
		case <-changed:
		case <-ticks.C:
		}
	}
}

// follow takes a state, and says whether anything is known.
func (f *follower) follow(state *discover.State, now time.Time) bool {
	if f.failing && state.Err == nil {
		f.out.Recovered() // before what it lists is taken, which may be refused
	}
	switch {
	case state.List != f.list:
		f.list = state.List
		f.take(state, now)
	case state.Listed && state.Err == nil:
		f.out.Refresh(now)
	}
	if state.Err != nil {
		f.out.Fail(state.Err)
		if !f.failing {
			f.provider.settings.Failed()
		}
	}
	f.failing = state.Err != nil
	return state.Listed || f.failing
}

// take makes resources of the targets.
func (f *follower) take(state *discover.State, now time.Time) {
	list := make([]*pluginsdk.Resource, 0, len(state.Targets))
	dropped, drops := slices.Clip(state.Dropped), state.Drops
	var warnings []error
	for _, labels := range state.Targets {
		name := labels["__address__"]
		r, leftOut, err := f.job.Labels.Resource(labels, f.provider.settings.Defaults)
		if err != nil {
			drops++
			if len(dropped) < store.MaxDropped {
				dropped = append(dropped, store.Dropped{Target: name, Reason: err.Error()})
			}
			warnings = append(warnings, fmt.Errorf("target %q is left out: %w", name, err))
			continue
		}
		for _, text := range leftOut {
			warnings = append(warnings, fmt.Errorf("target %q: %s: it is left out", name, text))
		}
		list = append(list, r)
	}
	list, doubles := parse.Merge(list)
	f.warn(append(warnings, doubles...))
	f.out.Leave(dropped, drops+state.Excess)
	f.out.Set(list, now)
}

func (f *follower) warn(warnings []error) {
	logger := f.provider.extension.logger.With(zap.String("source", f.source.Name))
	for i, w := range warnings {
		if i == maxWarnings {
			logger.Warn("Service discovery gives more that is left out", zap.Int("more", len(warnings)-i))
			return
		}
		logger.Warn("Service discovery gives something that is left out", zap.Error(w))
	}
}
