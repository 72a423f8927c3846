package resourcekeys

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const (
	// lookEvery is the time between two looks for keys that are to be written again, and the pause after a failure.
	lookEvery = 10 * time.Second
	// refreshes is how often a key is written within its time to live.
	refreshes = 3
	// atOnce is how many keys are written with one call.
	atOnce = 500
	// maxGone is the most keys that wait to be deleted. What is beyond goes with its time to live.
	maxGone = 10_000
)

// Settings are what New takes.
type Settings struct {
	// Write sets and deletes keys. It ends within seconds.
	Write func(ctx context.Context, set []hostapi.Pair, deleted []string) error
	// Logger gets a line when keys cannot be written, and when they can again.
	Logger *zap.Logger
}

// Keys keeps the keys. Run is its life.
type Keys struct {
	settings Settings
	wake     chan struct{}

	mu   sync.Mutex
	list []*pluginsdk.Resource
	have bool // list is new

	// Of the goroutine of Run.
	start   time.Time
	keys    map[*pluginsdk.Resource]keyState
	round   uint32              // of follow
	gone    map[string]struct{} // keys to be deleted
	failing bool
}

// keyState is what is known of a resource's key.
type keyState struct {
	due   time.Duration // when to write it again, counted from start; 0: it has not been written
	round uint32        // in which the resource was listed last
}

// New returns Keys that know no resource.
func New(s Settings) *Keys {
	return &Keys{
		settings: s, wake: make(chan struct{}, 1), start: time.Now(),
		keys: map[*pluginsdk.Resource]keyState{}, gone: map[string]struct{}{},
	}
}

// Set takes all resources that there are, of which there is one for each identity. One that did not change is the same
// pointer. The list must not be changed afterwards.
func (k *Keys) Set(all []*pluginsdk.Resource) {
	k.mu.Lock()
	k.list, k.have = all, true
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Run writes keys until ctx ends.
func (k *Keys) Run(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.wake:
		case <-ticker.C:
		}
		k.follow()
		if err := k.write(ctx); ctx.Err() == nil {
			k.tell(err)
		}
	}
}

// follow takes note of which resources came, changed and left.
func (k *Keys) follow() {
	k.mu.Lock()
	list, have := k.list, k.have
	k.list, k.have = nil, false
	k.mu.Unlock()
	if !have {
		return
	}
	k.round++
	var came []*pluginsdk.Resource
	for _, r := range list {
		state, known := k.keys[r]
		if !known {
			came = append(came, r)
		}
		state.round = k.round
		k.keys[r] = state
	}
	if len(k.keys) > len(list) {
		for r, state := range k.keys {
			if state.round == k.round {
				continue
			}
			if state.due > 0 && len(k.gone) < maxGone {
				k.gone[hostapi.ResourceKey(r)] = struct{}{}
			}
			delete(k.keys, r)
		}
	}
	if len(k.gone) > 0 {
		for _, r := range came { // what changed, or came back
			delete(k.gone, hostapi.ResourceKey(r))
		}
	}
}

// write writes what is due. What could not be written stays to be.
func (k *Keys) write(ctx context.Context) error {
	now := time.Now()
	var some []*pluginsdk.Resource
	for r, state := range k.keys {
		if state.due > now.Sub(k.start) {
			continue
		}
		if some = append(some, r); len(some) == atOnce {
			if err := k.put(ctx, some, now); err != nil {
				return err
			}
			some = some[:0]
		}
	}
	if err := k.put(ctx, some, now); err != nil {
		return err
	}
	return k.remove(ctx)
}

func (k *Keys) put(ctx context.Context, some []*pluginsdk.Resource, now time.Time) error {
	pairs := make([]hostapi.Pair, len(some))
	for i, r := range some {
		pairs[i] = hostapi.Pair{Key: hostapi.ResourceKey(r), Value: hostapi.ResourceValue(r, now), TTL: store.TimeToLive(r)}
	}
	if err := k.settings.Write(ctx, pairs, nil); err != nil {
		return err
	}
	for _, r := range some {
		k.keys[r] = keyState{now.Sub(k.start) + store.TimeToLive(r)/refreshes, k.round}
	}
	return nil
}

func (k *Keys) remove(ctx context.Context) error {
	var some []string
	flush := func() error {
		err := k.settings.Write(ctx, nil, some)
		if err == nil {
			for _, key := range some {
				delete(k.gone, key)
			}
			some = some[:0]
		}
		return err
	}
	for key := range k.gone {
		if some = append(some, key); len(some) == atOnce {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// tell logs when keys cannot be written, and when they can again.
func (k *Keys) tell(err error) {
	switch {
	case err != nil && !k.failing:
		k.settings.Logger.Error("Cannot keep the keys of resources; it is tried again", zap.Error(err),
			zap.String("next", "look at the Redis, and at what its user may do"))
	case err == nil && k.failing:
		k.settings.Logger.Info("The keys of resources can be kept again")
	}
	k.failing = err != nil
}
