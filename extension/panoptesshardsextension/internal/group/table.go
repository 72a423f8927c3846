package group

import (
	"sync/atomic"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/lease"
)

// table is what runs ask: whether a shard is owned. It is written by the goroutines that take and give, under the
// group's lock, and read without it.
type table struct {
	lease *lease.Lease
	// owned has the epoch of each shard whose runs may begin, held that of each whose results count; 0 is none.
	owned, held []atomic.Uint64
}

func newTable(shards int, l *lease.Lease) *table {
	return &table{lease: l, owned: make([]atomic.Uint64, shards), held: make([]atomic.Uint64, shards)}
}

func (t *table) owns(shard int) (epoch uint64, ok bool) {
	if shard < 0 || shard >= len(t.owned) {
		return 0, false
	}
	epoch = t.owned[shard].Load()
	return epoch, epoch != 0 && t.lease.Valid()
}

func (t *table) holds(shard int, epoch uint64) bool {
	return shard >= 0 && shard < len(t.held) && epoch != 0 && t.held[shard].Load() == epoch && t.lease.Valid()
}

func (t *table) begin(shard int, epoch uint64) {
	t.held[shard].Store(epoch)
	t.owned[shard].Store(epoch)
}

// close lets no more runs begin; end lets no results count either.
func (t *table) close(shard int) { t.owned[shard].Store(0) }

func (t *table) end(shard int) {
	t.owned[shard].Store(0)
	t.held[shard].Store(0)
}

// count is the number of shards that are owned, whatever the lease says.
func (t *table) count() int {
	n := 0
	for i := range t.owned {
		if t.owned[i].Load() != 0 {
			n++
		}
	}
	return n
}
