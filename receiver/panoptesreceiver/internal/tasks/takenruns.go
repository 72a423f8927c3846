package tasks

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
	"github.com/panoptes-otel/panoptes-otel/internal/state"
)

// takenShards are the shards of a fleet that are owned here, and what came with them. They are under the lock of lastRuns;
// shards is 0 where the fleet is not shared.
type takenShards struct {
	shards  int
	taken   map[int]*takenShard
	tenures map[int]string   // of all shards of which there is something in the storage
	changed map[int]struct{} // of tenures
}

// takenShard is what is known of the runs of a shard's tasks until they come.
type takenShard struct {
	runs    map[taskName]int64 // last slots, in milliseconds since the epoch, or slotLeft
	results map[string]lastResult
	// own says that the shard was last owned here, so that the storage counts.
	own bool
	// lost says that somebody else owned the shard last, and left nothing.
	lost bool
	at   time.Time
}

// claimWithin is for how long a task that comes counts as one that ran at the last owner of its shard, which left nothing.
const claimWithin = 5 * time.Minute

// share makes what is remembered that of owned shards.
func (l *lastRuns) share(shards int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shards, l.taken = shards, map[int]*takenShard{}
	for n := range l.tenures {
		if n >= shards {
			l.setTenure(n, "")
		}
	}
}

// setTenure needs the lock.
func (l *lastRuns) setTenure(n int, tenure string) {
	if l.tenures[n] == tenure {
		return
	}
	if l.tenures[n] = tenure; tenure == "" {
		delete(l.tenures, n)
	}
	l.changed[n] = struct{}{}
}

// take notes that a shard is about to be owned, and what its last owner left. It says whether what the storage has of the
// shard counts.
func (l *lastRuns) take(t shard.Taken, runs map[taskName]int64, results map[string]lastResult) (own bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	own = t.State == nil && t.Last != "" && t.Last == l.tenures[t.Shard]
	l.taken[t.Shard] = &takenShard{
		runs: runs, results: results, own: own, at: l.now(),
		lost: t.State == nil && t.Last != "" && t.Last != t.Tenure && !own,
	}
	l.setTenure(t.Shard, t.Tenure)
	return own
}

// drop forgets shards.
func (l *lastRuns) drop(shards []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range shards {
		delete(l.taken, n)
		l.setTenure(n, "")
	}
}

// kept says whether the storage has something of a shard.
func (l *lastRuns) kept(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tenures[n] != ""
}

// claim says in spec when a task of a shard ran last, and whether that was elsewhere.
func (l *lastRuns) claim(name taskName, n int, spec *schedule.Spec) {
	l.mu.Lock()
	t := l.taken[n]
	if t == nil || t.own {
		l.mu.Unlock()
		spec.Last = l.last(name, spec.Interval)
		return
	}
	defer l.mu.Unlock()
	// What the storage has is from before the last owner.
	delete(l.known, name)
	if l.stored {
		l.gone[name] = struct{}{}
	}
	if _, ok := l.results[name]; ok {
		delete(l.results, name)
		l.dirty[name] = struct{}{}
	}
	if len(t.results) > 0 {
		if had, ok := t.results[name.String()]; ok {
			l.results[name] = had
			l.dirty[name] = struct{}{}
		}
	}
	slot, ok := t.runs[name]
	switch {
	case !ok:
		spec.TakenOver = t.lost && l.now().Sub(t.at) < claimWithin
		return
	case slot == slotLeft:
		spec.AtOnce = true
	default:
		spec.Last, spec.TakenOver = time.UnixMilli(slot), true
		if l.stored { // a slot in the task's phase is as good as its first
			l.begun[name] = slot
			delete(l.gone, name)
		}
	}
	delete(t.runs, name)
}

// result is when a task last had results.
func (l *lastRuns) result(name taskName) (last lastResult, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last, ok = l.results[name]
	return last, ok
}

// tenures is in which tenures shards were owned, as a section of the state.
type tenures struct{ *lastRuns }

// tenure is one of them as it is stored.
type tenure struct {
	Name string `json:"name"`
	// Shards is the number of all shards: with another one, a shard is not what it was.
	Shards int `json:"shards"`
}

// Restore implements state.Source.
func (l tenures) Restore(records []state.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, r := range records {
		n, err := strconv.Atoi(r.Key)
		var stored tenure
		if err = errors.Join(err, json.Unmarshal(r.Value, &stored)); err != nil {
			errs = append(errs, fmt.Errorf("shard %s: %w", r.Key, err))
			continue
		}
		l.tenures[n] = stored.Name
		if stored.Shards != l.shards {
			l.setTenure(n, "")
		}
	}
	return errors.Join(errs...)
}

// Changes implements state.Source.
func (l tenures) Changes() (changed []state.Record, gone []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := range l.changed {
		name, ok := l.tenures[n]
		if !ok {
			gone = append(gone, strconv.Itoa(n))
			continue
		}
		value, err := json.Marshal(tenure{Name: name, Shards: l.shards})
		if err == nil { // a text and a number, which can always be marshalled
			changed = append(changed, state.Record{Key: strconv.Itoa(n), Value: value})
		}
	}
	clear(l.changed)
	return changed, gone
}
