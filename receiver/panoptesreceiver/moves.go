package panoptesreceiver

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
)

// shardState is what the receiver hands over of a shard, as JSON. A release writes only what the one before can read.
type shardState struct {
	// Runs are the last slots of tasks: 16 bytes each, the two hashes of the name and milliseconds since the epoch, all big
	// endian. slotLeft stands for a slot whose run is to be made up for.
	Runs []byte `json:"runs,omitempty"`
	// Results is when tasks last had results, by the hashes of the name in hexadecimal digits.
	Results map[string]lastResult `json:"results,omitempty"`
	// Enrichment is that of the shard's resources.
	Enrichment []movedEnrichment `json:"enrichment,omitempty"`
}

type movedEnrichment struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Expires int64  `json:"expires,omitempty"` // milliseconds since the epoch; 0: never
}

const slotLeft = 0

// runBytes is the size of an entry of Runs.
const runBytes = 16

func appendRun(b []byte, name taskName, slot int64) []byte {
	b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, name.hash), name.second)
	return binary.BigEndian.AppendUint64(b, uint64(slot))
}

func parseRuns(b []byte) (map[taskName]int64, error) {
	if len(b)%runBytes != 0 {
		return nil, fmt.Errorf("the last runs have %d bytes, which is no multiple of %d", len(b), runBytes)
	}
	runs := make(map[taskName]int64, len(b)/runBytes)
	for ; len(b) > 0; b = b[runBytes:] {
		name := taskName{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}
		runs[name] = int64(binary.BigEndian.Uint64(b[8:]))
	}
	return runs, nil
}

// exportShards hands over what is kept of shards.
func (r *panoptesReceiver) exportShards(shards []int, write func(shard int, state []byte, items int)) error {
	states := map[int]*shardState{}
	for _, n := range shards {
		states[n] = &shardState{Results: map[string]lastResult{}}
	}
	r.tasks.export(states, r.sharding.uncounted)
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
		items := len(s.Runs)/runBytes + len(s.Enrichment)
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
	runs := map[taskName]int64{}
	if t.State != nil {
		if err = json.Unmarshal(t.State, &s); err == nil {
			runs, err = parseRuns(s.Runs)
		}
		if err != nil {
			t.State, s = nil, shardState{}
		}
	}
	if !r.tasks.runs.take(t, runs, s.Results) {
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
	return len(runs) + len(s.Enrichment), err
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
		if !r.tasks.runs.kept(n) {
			r.forget(enrichment)
			delete(r.sharding.restored, n)
		}
	}
}

// export adds to states what is known of the runs of the tasks of their shards. redo returns the tasks of a shard whose last
// run did not count.
func (t *tasks) export(states map[int]*shardState, redo func(shard int) map[schedule.ID]struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var (
		ids   []schedule.ID
		names []taskName
		of    []int // shards
	)
	add := func(id schedule.ID, name []byte, n int) {
		ids, names, of = append(ids, id), append(names, nameOf(name)), append(of, n)
	}
	shards := make([]int, len(t.resources)) // by slot; -1 for others
	for slot, res := range t.resources {
		if shards[slot] = -1; res != nil {
			if n := t.shardOf(res); states[n] != nil {
				shards[slot] = n
			}
		}
	}
	for _, l := range t.plugins {
		file := l.current.Load().plugin.File
		for slot, id := range l.tasks {
			if id != 0 && shards[slot] >= 0 {
				t.name = pluginfile.AppendTaskName(t.name[:0], file, t.resources[slot])
				add(id, t.name, shards[slot])
			}
		}
		if n := t.shardOfName(l.name); t.once && l.alone != 0 && states[n] != nil {
			add(l.alone, []byte(pluginfile.TaskName(file, nil)), n)
		}
	}
	last := t.scheduler.LastSlots(ids)
	again := map[int]map[schedule.ID]struct{}{} // asked for afterwards: a run that begins meanwhile is in both, or in none
	for n := range states {
		again[n] = redo(n)
	}
	for i, slot := range last {
		if slot == 0 {
			continue
		}
		if _, ok := again[of[i]][ids[i]]; ok {
			slot = slotLeft
		}
		states[of[i]].Runs = appendRun(states[of[i]].Runs, names[i], slot)
		if last, ok := t.runs.result(names[i]); ok {
			states[of[i]].Results[names[i].String()] = last
		}
	}
}
