package tasks

import (
	"fmt"

	"github.com/panoptes-otel/panoptes-otel/internal/hashing"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// shares say which part of a fleet tasks are for, under the lock of Tasks. The zero value is all of it.
type shares struct {
	owned    []bool                // by shard; empty where the fleet is not shared
	once     bool                  // a discovery plugin runs at the owner of its name's shard alone
	listed   []*pluginsdk.Resource // all that there are
	announce func(resources string)
	touch    func() // plugins or resources were listed
}

// Share makes tasks those of owned shards, of which there are none yet. It is called before there are tasks.
func (t *Tasks) Share(shards int, once bool, announce func(resources string), touch func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.owned, t.once, t.announce, t.touch = make([]bool, shards), once, announce, touch
	t.runs.share(shards)
}

// discovers says whether the discovery plugin of a name runs here.
func (t *Tasks) discovers(name string) bool { return !t.once || t.owned[t.shardOfName(name)] }

// shardOf is the shard of a resource, 0 where the fleet is not shared.
func (t *Tasks) shardOf(res *pluginsdk.Resource) int { return t.shardOfName(res.ID) }

func (t *Tasks) shardOfName(name string) int {
	if len(t.owned) == 0 {
		return 0
	}
	return shard.Of(name, len(t.owned))
}

// list notes all resources that there are, and returns those of owned shards.
func (t *Tasks) list(all []*pluginsdk.Resource) []*pluginsdk.Resource {
	t.listed = all
	if len(t.owned) == 0 {
		return all
	}
	t.announce(digest(all))
	t.touch()
	return t.of(func(n int) bool { return t.owned[n] })
}

// of returns the listed resources of some shards.
func (t *Tasks) of(wanted func(shard int) bool) (some []*pluginsdk.Resource) {
	for _, res := range t.listed {
		if wanted(t.shardOf(res)) {
			some = append(some, res)
		}
	}
	return some
}

// digest is the same for lists that have the same resources in whatever order: their number, and a sum of hashes.
func digest(all []*pluginsdk.Resource) string {
	var (
		sum uint64
		key []byte
	)
	for _, res := range all {
		key = res.AppendKey(key[:0])
		sum += uint64(hashing.Murmur3(key))<<32 | uint64(hashing.Murmur2(key))
	}
	return fmt.Sprintf("%d-%016x", len(all), sum)
}

// Own gives tasks to the resources of shards.
func (t *Tasks) Own(shards []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fresh := map[int]bool{}
	for _, n := range shards {
		fresh[n] = !t.owned[n]
		t.owned[n] = true
	}
	came := t.of(func(n int) bool { return fresh[n] })
	slots := make([]int32, len(came))
	for i := range slots {
		slots[i] = -1
	}
	t.index = nil
	t.follow(t.place(came, slots))
	for _, l := range t.plugins {
		t.setDiscovery(l)
	}
}

// Drop takes the tasks of shards away, and all that is known of their runs.
func (t *Tasks) Drop(shards []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	given := map[int]bool{}
	for _, n := range shards {
		given[n], t.owned[n] = true, false
	}
	t.index = nil
	for slot, res := range t.resources {
		if res != nil && given[t.shardOf(res)] {
			t.removeResource(res.Identity(), slot)
		}
	}
	t.close()
	for _, l := range t.plugins {
		t.setDiscovery(l)
	}
	t.runs.drop(shards)
}
