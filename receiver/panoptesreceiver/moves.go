package panoptesreceiver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/tasks"
)

// shardState is what the receiver hands over of a shard, as JSON. A release writes only what the one before can read.
type shardState struct {
	tasks.Moved
	// Enrichment is that of the shard's resources.
	Enrichment []movedEnrichment `json:"enrichment,omitempty"`
}

type movedEnrichment struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Expires int64  `json:"expires,omitempty"` // milliseconds since the epoch; 0: never
}

// exportShards hands over what is kept of shards.
func (r *panoptesReceiver) exportShards(shards []int, write func(shard int, state []byte, items int)) error {
	states := map[int]*shardState{}
	for n, moved := range r.tasks.Export(shards, r.sharding.uncounted) {
		states[n] = &shardState{Moved: *moved}
	}
	for n, entries := range r.enrichmentOf(setOf(shards)) {
		for _, e := range entries {
			moved := movedEnrichment{Key: e.Key, Value: e.Value}
			if !e.Expires.IsZero() {
				moved.Expires = e.Expires.UnixMilli()
			}
			states[n].Enrichment = append(states[n].Enrichment, moved)
		}
	}
	var errs []error
	for n, s := range states {
		items := s.Moved.Len() + len(s.Enrichment)
		if items+len(s.Results) == 0 {
			continue
		}
		text, err := json.Marshal(s)
		if err != nil {
			errs = append(errs, fmt.Errorf("shard %d: %w", n, err))
			continue
		}
		write(n, text, items)
	}
	return errors.Join(errs...)
}

// importShard takes over what the last owner of a shard handed over. Where that is nothing, what the storage has counts if
// the shard was last owned here.
func (r *panoptesReceiver) importShard(t shard.Taken) (items int, err error) {
	var s shardState
	if t.State != nil {
		if err = json.Unmarshal(t.State, &s); err == nil {
			err = s.Check()
		}
		if err != nil {
			t.State, s = nil, shardState{}
		}
	}
	if !r.tasks.Take(t, s.Moved) {
		r.forget(r.sharding.restored[t.Shard])
	}
	delete(r.sharding.restored, t.Shard)
	if r.kv == nil {
		s.Enrichment = nil
	}
	now := time.Now()
	for _, e := range s.Enrichment {
		var ttl time.Duration
		if e.Expires != 0 {
			if ttl = time.UnixMilli(e.Expires).Sub(now); ttl <= 0 {
				continue
			}
		}
		if err := r.pluginKeys().Set(context.Background(), e.Key, e.Value, ttl); err != nil {
			r.logger.Warn("Cannot keep all of the enrichment that came with a shard", zap.Int("shard", t.Shard), zap.Error(err))
			break
		}
	}
	return s.Moved.Len() + len(s.Enrichment), err
}

func (r *panoptesReceiver) pluginKeys() *kv.Namespace { return r.kv.Namespace(kv.PluginsNamespace) }

// enrichmentOf returns the enrichment that is kept here of the resources of shards, by shard.
func (r *panoptesReceiver) enrichmentOf(shards map[int]bool) map[int][]kv.Entry {
	if r.kv == nil {
		return nil // all members share it
	}
	found := map[int][]kv.Entry{}
	count := r.sharding.Count()
	shardOf := func(key string) (int, bool) {
		id, ok := hostapi.EnrichedResource(key)
		return shard.Of(id, count), ok
	}
	entries := r.pluginKeys().Entries(func(key string) bool {
		n, ok := shardOf(key)
		return ok && shards[n]
	})
	for _, e := range entries {
		n, _ := shardOf(e.Key)
		found[n] = append(found[n], e)
	}
	return found
}

func (r *panoptesReceiver) forget(enrichment []kv.Entry) {
	for _, e := range enrichment {
		_ = r.pluginKeys().Delete(context.Background(), e.Key) // in memory: cannot fail
	}
}

// restoreEnrichment notes the enrichment that the storage has, and forgets that of shards which were not owned at the end.
func (r *panoptesReceiver) restoreEnrichment() {
	all := map[int]bool{}
	for n := range r.sharding.Count() {
		all[n] = true
	}
	r.sharding.restored = r.enrichmentOf(all)
	for n, enrichment := range r.sharding.restored {
		if !r.tasks.Kept(n) {
			r.forget(enrichment)
			delete(r.sharding.restored, n)
		}
	}
}
