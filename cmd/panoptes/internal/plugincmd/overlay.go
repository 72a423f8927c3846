package plugincmd

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// overlay is a key-value store over another one, of which it changes nothing. It is safe for concurrent use; its one lock
// is held over the calls of both.
type overlay struct {
	mu    sync.Mutex
	below pluginsdk.KeyValueStore
	above *kv.Namespace
	gone  map[string]bool // keys that were replaced or deleted here
}

var _ pluginsdk.KeyValueStore = (*overlay)(nil)

func newOverlay(below pluginsdk.KeyValueStore) *overlay {
	return &overlay{
		below: below, above: kv.NewStore(kv.Options{}).Namespace(kv.PluginsNamespace),
		gone: map[string]bool{},
	}
}

// Get implements pluginsdk.KeyValueStore.
func (o *overlay) Get(ctx context.Context, key string) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.get(ctx, key)
}

func (o *overlay) get(ctx context.Context, key string) (string, error) {
	value, err := o.above.Get(ctx, key)
	if errors.Is(err, pluginsdk.ErrNotFound) && !o.gone[key] {
		return o.below.Get(ctx, key)
	}
	return value, err
}

// Set implements pluginsdk.KeyValueStore.
func (o *overlay) Set(ctx context.Context, key, value string, ttl time.Duration) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gone[key] = true // what is below is replaced, for good
	return o.above.Set(ctx, key, value, ttl)
}

// GetSet implements pluginsdk.KeyValueStore.
func (o *overlay) GetSet(ctx context.Context, key, value string, ttl time.Duration) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	old, err := o.get(ctx, key)
	if err != nil && !errors.Is(err, pluginsdk.ErrNotFound) {
		return "", err
	}
	o.gone[key] = true
	if failed := o.above.Set(ctx, key, value, ttl); failed != nil {
		return "", failed
	}
	return old, err
}

// Delete implements pluginsdk.KeyValueStore.
func (o *overlay) Delete(ctx context.Context, key string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gone[key] = true
	return o.above.Delete(ctx, key)
}

// TTL implements pluginsdk.KeyValueStore.
func (o *overlay) TTL(ctx context.Context, key string) (time.Duration, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	left, err := o.above.TTL(ctx, key)
	if errors.Is(err, pluginsdk.ErrNotFound) && !o.gone[key] {
		return o.below.TTL(ctx, key)
	}
	return left, err
}

// FindKeys implements pluginsdk.KeyValueStore.
func (o *overlay) FindKeys(ctx context.Context, pattern string) ([]string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	keys, err := o.above.FindKeys(ctx, pattern)
	if err != nil {
		return nil, err
	}
	below, err := o.below.FindKeys(ctx, pattern)
	for _, key := range below {
		if !o.gone[key] {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), err
}

// SetAdd implements pluginsdk.KeyValueStore.
func (o *overlay) SetAdd(ctx context.Context, name, member string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.gone[name] {
		members, err := o.below.SetMembers(ctx, name)
		if err != nil {
			return err
		}
		for _, m := range members {
			if err := o.above.SetAdd(ctx, name, m); err != nil {
				return err
			}
		}
		o.gone[name] = true
	}
	return o.above.SetAdd(ctx, name, member)
}

// SetMembers implements pluginsdk.KeyValueStore.
func (o *overlay) SetMembers(ctx context.Context, name string) ([]string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone[name] {
		return o.above.SetMembers(ctx, name)
	}
	return o.below.SetMembers(ctx, name)
}
