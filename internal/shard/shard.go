package shard

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/internal/hashing"
)

// DefaultCount is the number of shards unless a site says otherwise: the busiest of ten members then has some 8 % more
// than the mean.
const DefaultCount = 256

// MaxCount bounds the number of shards: a shard's number has 16 bits where rates are kept.
const MaxCount = 1 << 16

// Of returns the shard of a resource, from 0 to count-1. Only the id counts: a resource that gets other metadata stays
// where it is.
func Of(resourceID string, count int) int {
	return int(hashing.Murmur2([]byte(resourceID))&0x7fffffff) % count
}

// Membership is one Collector's part in a fleet that several share. It is safe for concurrent use.
type Membership interface {
	// Count is the number of shards, of all members. It never changes.
	Count() int
	// Owns says whether runs of a shard may begin now, and in which epoch. It takes less than 100 ns. The epoch is never 0
	// where the shard is owned.
	Owns(shard int) (epoch uint64, ok bool)
	// Holds says whether the results of a run count that began in that epoch. While a shard is given away they still do,
	// after Owns has ceased to let runs begin.
	Holds(shard int, epoch uint64) bool
	// Join adds a part, before the Collector's pipelines are ready. Its functions are called from then on, until leave
	// returns.
	Join(Part) (leave func(), err error)
	// Seed is a number that all members of a group share and nobody outside can guess. They learn it from Kafka, before any
	// function of a part is called; until then, and where shares are fixed, it is not ok. It changes only while this member
	// owns nothing, where the group's topic was made again.
	Seed() (seed [16]byte, ok bool)
	// Announce says which list of resources a part knows, as a hash, so that people can see whether all members know the
	// same.
	Announce(part, resources string)
}

// Part is what a component keeps for each shard. A part must not call the Membership's Join or leave from its functions.
// Functions may be nil where there is nothing to do.
type Part struct {
	// Name names the component, such as "receiver/panoptes". State goes to the part of the same name at the next owner.
	Name string
	// Source is set for what brings data in: it gives shards before those that process them, and takes them after.
	Source bool
	// Ready is closed when what the component needs for its shards is loaded; nil is at once. The Collector joins the fleet
	// then, or without it after a while.
	Ready <-chan struct{}

	// Drain ends the runs of shards that are given away: Owns does not let any begin now. It returns when what they brought
	// was handed on, or when ctx is done, having cancelled the rest.
	Drain func(ctx context.Context, shards []int)
	// Export hands over what is kept of shards, which does not change meanwhile: it calls write at most once for each, from
	// this goroutine. State is not used after write returns. Items are what State holds: series, tasks.
	Export func(shards []int, write func(shard int, state []byte, items int)) error
	// Import prepares for a shard that is about to be owned. It returns the number of items taken over. An error means that
	// the state is unusable; the shard is then owned without it.
	Import func(Taken) (items int, err error)
	// Own says that shards are owned from now on.
	Own func(shards []int)
	// Drop forgets all that is kept of shards, in memory and in storage: they have been handed over or lost.
	Drop func(shards []int)
}

// Taken is a shard that is about to be owned.
type Taken struct {
	Shard int
	// State is what the part of the same name exported where the shard was owned last; nil where nothing was handed over.
	// It is the part's only until Import returns.
	State []byte
	// Last is the tenure in which the shard was owned last, or "". A part that kept state in a storage during that very
	// tenure may go on with it where State is nil. Whatever else it has of the shard, it must drop.
	Last string
	// Tenure is the one that begins now. A part with a storage keeps it beside the state.
	Tenure string
}

// Find returns the membership that an extension is.
func Find(host component.Host, id component.ID) (Membership, error) {
	ext, ok := host.GetExtensions()[id]
	if !ok {
		return nil, fmt.Errorf("sharding: there is no extension %q: list it under service::extensions", id)
	}
	m, ok := ext.(Membership)
	if !ok {
		return nil, fmt.Errorf("sharding: extension %q shares no shards: name one of type panoptes_shards", id)
	}
	return m, nil
}
