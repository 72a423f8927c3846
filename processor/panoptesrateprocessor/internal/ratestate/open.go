package ratestate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/panoptes-otel/panoptes-otel/internal/state"
)

// Restored says what OpenKeeper found.
type Restored struct {
	// Found is false where the storage had no state.
	Found bool
	// Series is the number of series restored, and Evicted that of those that the bound had no room for.
	Series, Evicted int
	// Label is what SetLabel kept beside the state.
	Label []byte
	// Damage says what could not be used, why, and where it was put aside.
	Damage []error
}

// OpenKeeper makes a store hold what a storage holds and nothing else, and keeps it there from now on. The store must not
// be in use. It takes over the seed that goes with the state, so ask for its Hasher only afterwards. State that is
// damaged, or of another version of the format, is put aside and is no error.
func OpenKeeper(ctx context.Context, client storage.Client, store *Store) (*Keeper, Restored, error) {
	k := &Keeper{store: store, client: client}
	store.empty()
	data, err := client.Get(ctx, indexKey)
	if err != nil {
		return nil, Restored{}, fmt.Errorf("read the index of the rate state: %w", err)
	}
	if data == nil {
		k.begin()
		return k, Restored{}, nil
	}
	r := Restored{Found: true}
	x, err := parseIndex(data)
	if err != nil {
		r.Damage = append(r.Damage, fmt.Errorf("index of the rate state, put aside as %q: %w", asideKey, err))
		k.begin()
		if err := state.PutAside(ctx, client, indexKey, asideKey, data); err != nil {
			return nil, r, err
		}
		return k, r, nil
	}
	k.index = x
	store.adopt(x.seed, x.clock)
	if k.label, err = client.Get(ctx, labelKey); err != nil {
		return nil, r, fmt.Errorf("read the label of the rate state: %w", err)
	}
	r.Label = k.label
	if err := k.restore(ctx, &r); err != nil {
		return nil, r, err
	}
	return k, r, nil
}

// begin starts a state of its own. The generation keeps its chunks apart from those of a state that was put aside.
func (k *Keeper) begin() {
	k.index = index{seed: k.store.seed, generation: rand.Uint64()}
}

// restore reads the chunks that the index names.
func (k *Keeper) restore(ctx context.Context, r *Restored) error {
	total := 0
	for _, e := range k.index.entries {
		total += e.n
		k.top = max(k.top, e.id)
	}
	k.store.reserve(total)
	// The oldest first: where there are too many series, these are the ones to evict.
	entries := slices.SortedStableFunc(slices.Values(k.index.entries), func(a, b entry) int { return cmp.Compare(a.clock, b.clock) })
	for batch := range slices.Chunk(entries, chunksPerWrite) {
		ops := make([]*storage.Operation, len(batch))
		for i, e := range batch {
			ops[i] = storage.GetOperation(k.chunkKey(e.id))
		}
		if err := k.client.Batch(ctx, ops...); err != nil {
			return fmt.Errorf("read chunks of the rate state: %w", err)
		}
		for i, e := range batch {
			if err := k.restoreChunk(e, ops[i].Value, r); err != nil {
				if err := k.putAside(ctx, e, ops[i].Value, err, r); err != nil {
					return err
				}
			}
		}
	}
	k.freeUnlisted()
	return nil
}

func (k *Keeper) restoreChunk(e entry, data []byte, r *Restored) error {
	if data == nil {
		return errors.New("is missing")
	}
	c, err := parseChunk(data)
	if err != nil {
		return err
	}
	if c.crc != e.crc || c.n != e.n || c.seed != k.index.seed {
		return errors.New("is not the one that the index names")
	}
	now := k.store.Time()
	return c.each(func(s *slot) {
		if s.expires <= now {
			return
		}
		r.Series++
		if k.store.restore(s, e.id, now) {
			r.Evicted++
		}
	})
}

// putAside keeps a damaged chunk out of the way. What was restored of it stays: it will be saved elsewhere.
func (k *Keeper) putAside(ctx context.Context, e entry, data []byte, why error, r *Restored) error {
	k.store.outdated.note(e.id)
	key := asideKey + "/" + k.chunkKey(e.id)
	if data == nil {
		r.Damage = append(r.Damage, fmt.Errorf("chunk %d of the rate state, %d series: %w", e.id, e.n, why))
		return nil
	}
	r.Damage = append(r.Damage, fmt.Errorf("chunk %d of the rate state, %d series, put aside as %q: %w", e.id, e.n, key, why))
	if err := k.client.Set(ctx, key, data); err != nil {
		return fmt.Errorf("put aside a chunk of the rate state: %w", err)
	}
	return nil
}

// freeUnlisted makes use of the names between those that are listed; an interrupted Save may have left data there.
func (k *Keeper) freeUnlisted() {
	listed := make([]bool, k.top+1)
	for _, e := range k.index.entries {
		listed[e.id] = true
	}
	for id := k.top; id > 0; id-- {
		if !listed[id] {
			k.free = append(k.free, id)
		}
	}
}
