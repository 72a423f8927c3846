package ratestate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/panoptes-otel/panoptes-otel/internal/state"
)

// Keeper keeps the state of a Store in a storage.
//
// The storage holds chunks, and an index of those in which every record is the last of its series. Save writes what has
// changed into new chunks. When a series changes that is saved, its chunk leaves the index before anything that was
// made from the new value leaves the processor: that is what Settle is for. So whenever the process ends, what the index
// names is true: a series is either restored with the very point that was its last, or not at all.
//
// Series that came together are saved together, so the next time they come they strike the same few chunks, and Settle
// has something to do only a few times between two calls of Save.
type Keeper struct {
	store  *Store
	client storage.Client

	saving sync.Mutex // held by Save; guards free and top
	free   []chunkID  // neither listed nor referred to
	top    chunkID    // the largest that was ever in use

	relabelled atomic.Bool // the storage has another label; changed with mu

	mu     sync.Mutex // held while the index is written; guards what follows
	index  index      // its generation never changes, its seed only with the store's
	struck []chunkID  // not listed any more; slots may still refer to them
	unsure bool       // the storage may hold another index than ours
	label  []byte     // kept beside the index
	failed error      // of the last try to write the index
	again  time.Time  // when to try again
}

const (
	indexKey = state.IndexKey
	labelKey = "label"
	asideKey = "aside"
)

// SetLabel keeps some bytes beside the state. Whoever restores the state gets them with it; they reach the storage with the
// next index, and never before what was forgotten until then has left it.
func (k *Keeper) SetLabel(label []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.label = label
	k.relabelled.Store(true)
}

// Reseed forgets all series, here and in the storage, and the label, and gives the store another seed. Nothing may use the
// store meanwhile.
func (k *Keeper) Reseed(ctx context.Context, seed Key) error {
	k.saving.Lock()
	defer k.saving.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range k.index.entries {
		k.store.outdated.note(e.id)
	}
	k.store.clear()
	k.store.reseed(seed)
	k.index.seed = seed
	k.label = nil
	k.relabelled.Store(true)
	return k.writeIndex(ctx, nil, nil)
}

// chunksPerWrite bounds what is handed to the storage at once, at about a megabyte.
const chunksPerWrite = 8

// retryAfter is how long Settle leaves a storage alone that has failed.
const retryAfter = time.Second

func (k *Keeper) chunkKey(id chunkID) string { return chunkKey(k.index.generation, id) }

func chunkKey(generation uint64, id chunkID) string { return fmt.Sprintf("%016x/%d", generation, id) }

// Settle tells the storage about the chunks that Observe made outdated. Call it between Observe and handing on what
// came of it. Where there is nothing to tell, as nearly always, it costs nothing. When it fails, a crash before the next
// success may restore a value that was not the last of its series.
func (k *Keeper) Settle(ctx context.Context) error {
	if k.store.outdated.waiting.Load() == 0 && !k.relabelled.Load() {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed != nil && k.store.now().Before(k.again) {
		return k.failed
	}
	return k.writeIndex(ctx, nil, nil)
}

// writeIndex takes the outdated chunks off the index, adds new ones and deletes others' data. It needs mu.
func (k *Keeper) writeIndex(ctx context.Context, add []entry, remove []chunkID) error {
	waiting := k.store.outdated.list()
	next := k.index
	next.clock = k.store.Time()
	next.entries = make([]entry, 0, len(k.index.entries)+len(add))
	for _, e := range k.index.entries {
		if !k.store.outdated.has(e.id) {
			next.entries = append(next.entries, e)
		}
	}
	lost := len(k.index.entries) - len(next.entries)
	for _, e := range add {
		// Some may be outdated already.
		if !k.store.outdated.has(e.id) {
			next.entries = append(next.entries, e)
		}
	}
	relabelled := k.relabelled.Load()
	if lost > 0 || len(add) > 0 || len(remove) > 0 || k.unsure || relabelled {
		ops := make([]*storage.Operation, 1, 2+len(remove))
		ops[0] = storage.SetOperation(indexKey, next.encode())
		if relabelled { // after the index: an older label than the state is safe, a newer one is not
			ops = append(ops, storage.SetOperation(labelKey, k.label))
		}
		for _, id := range remove {
			ops = append(ops, storage.DeleteOperation(k.chunkKey(id)))
		}
		if err := k.client.Batch(ctx, ops...); err != nil {
			k.unsure = true
			k.failed, k.again = fmt.Errorf("write the index of the rate state: %w", err), k.store.now().Add(retryAfter)
			return k.failed
		}
	}
	k.unsure, k.failed = false, nil
	k.relabelled.Store(false)
	k.index.clock, k.index.entries = next.clock, next.entries
	k.struck = append(k.struck, waiting...)
	k.store.outdated.heard(len(waiting))
	return nil
}

// Save writes what has changed since the last call. It returns the bytes it wrote. It may be called at any time, and
// when it fails it may be called again.
func (k *Keeper) Save(ctx context.Context) (written int, err error) {
	k.saving.Lock()
	defer k.saving.Unlock()
	k.mu.Lock()
	k.mergeSmall()
	unreferenced := k.struck // once all slots have been visited
	k.struck = nil
	k.mu.Unlock()

	s := saver{k: k, ctx: ctx, now: k.store.Time()}
	err = s.run()
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		err = k.writeIndex(ctx, s.added, unreferenced)
	}
	if err != nil {
		// The next Save writes it all again.
		for id := range s.ids {
			k.store.outdated.note(id)
		}
		k.struck = append(k.struck, unreferenced...)
		return s.written, err
	}
	k.free = append(k.free, unreferenced...)
	return s.written, nil
}

// maxSmall is how many chunks there may be beyond twice what the number of series asks for.
const maxSmall = 256

// mergeSmall lets the smaller half of the chunks be written anew when there are too many: those of series that seldom
// come hold few records each.
func (k *Keeper) mergeSmall() {
	records := 0
	for _, e := range k.index.entries {
		records += e.n
	}
	n := len(k.index.entries)
	if n <= maxSmall+2*records/maxRecords {
		return
	}
	bySize := slices.SortedFunc(slices.Values(k.index.entries), func(a, b entry) int { return cmp.Compare(a.n, b.n) })
	for _, e := range bySize[:n/2] {
		k.store.outdated.note(e.id)
	}
}

// Len returns how many chunks the index names, and how many series they hold.
func (k *Keeper) Len() (chunks, series int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range k.index.entries {
		series += e.n
	}
	return len(k.index.entries), series
}
