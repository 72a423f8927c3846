package tasks

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/hashing"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/state"
)

// taskName is a task's name by two hashes of it: hash places the task in time, both together are its key in the storage.
type taskName struct{ hash, second uint32 }

func nameOf(name []byte) taskName { return taskName{schedule.Hash(name), hashing.Murmur2(name)} }

func (n taskName) String() string {
	return strconv.FormatUint(uint64(n.hash)<<32|uint64(n.second), 16)
}

func parseTaskName(text string) (taskName, error) {
	n, err := strconv.ParseUint(text, 16, 64)
	return taskName{uint32(n >> 32), uint32(n)}, err
}

const (
	// SignEvery is how often SectionAlive is to be written.
	SignEvery = time.Second
	// keepUnclaimed is how long what is known of a task waits after a start for the task to come back.
	keepUnclaimed = time.Hour
	// cacheSkew is Panoptes' plugins_skew: how much earlier than results_cache_age a run may be.
	cacheSkew = time.Second
)

// lastRuns is what survives a restart of when tasks ran. A task keeps its place in its interval, counted from the epoch,
// so that its last slot follows from when it ran first and when the receiver was last known to live: only a task's first
// run has to be written, and the time now and then. What is written at each run are the last results of plugins that
// have a results_cache_age.
type lastRuns struct {
	now func() time.Time

	mu      sync.Mutex
	stored  bool // there is a storage
	started time.Time
	alive   time.Time          // when the state was saved last, before the restart
	clean   bool               // it was saved at the end
	known   map[taskName]int64 // slots of first runs, in milliseconds; of tasks that did not come back yet
	begun   map[taskName]int64 // not written yet
	gone    map[taskName]struct{}
	stopped bool

	results map[taskName]lastResult
	dirty   map[taskName]struct{} // of results

	takenShards
}

// lastResult is when a task last had results.
type lastResult struct {
	// Version is the content of the plugin that had them: another one is run whatever the age.
	Version string `json:"version"`
	// At is the start of that run, in seconds since the epoch.
	At int64 `json:"at"`
}

func newLastRuns() *lastRuns {
	return &lastRuns{
		now: time.Now, started: time.Now(), known: map[taskName]int64{}, begun: map[taskName]int64{}, gone: map[taskName]struct{}{},
		results: map[taskName]lastResult{}, dirty: map[taskName]struct{}{},
		takenShards: takenShards{tenures: map[int]string{}, changed: map[int]struct{}{}},
	}
}

// last is the last slot that a task had before the restart; zero where it is not known.
func (l *lastRuns) last(name taskName, interval time.Duration) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.stored {
		return time.Time{}
	}
	delete(l.gone, name)
	first, ok := l.known[name]
	if !ok {
		return time.Time{}
	}
	delete(l.known, name)
	// The process may have lived on, and run tasks, until its next sign, which may have been late.
	until := l.alive
	if !l.clean {
		until = until.Add(2 * SignEvery)
	}
	if now := l.now(); until.After(now) {
		until = now
	}
	return schedule.LastSlot(name.hash, interval, time.UnixMilli(first), until)
}

// began notes the first run of a task.
func (l *lastRuns) began(name taskName, slot time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stored {
		l.begun[name] = slot.UnixMilli()
	}
}

// keeps says whether anything is remembered of tasks, by their names.
func (l *lastRuns) keeps() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stored || l.shards > 0 || len(l.results) > 0
}

// rename notes that a task goes on under another name; last is its last slot, zero where it has not run. What another
// endpoint answers is not what was cached.
func (l *lastRuns) rename(from, to taskName, last time.Time) {
	l.forget(from)
	if !last.IsZero() {
		l.began(to, last)
	}
}

// forget drops what is known of a task that is no more.
func (l *lastRuns) forget(name taskName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stored {
		delete(l.begun, name)
		l.gone[name] = struct{}{}
	}
	if _, ok := l.results[name]; ok {
		delete(l.results, name)
		l.dirty[name] = struct{}{}
	}
}

// stop notes that no run begins any more: what is saved from now on is the whole truth.
func (l *lastRuns) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
}

// cached says whether a plugin need not run since its last results are younger than its results_cache_age.
func (l *lastRuns) cached(p *plugin.Plugin, name taskName) bool {
	age := time.Duration(p.File.ResultsCacheAge) * time.Second
	if age <= 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	last, ok := l.results[name]
	since := l.now().Sub(time.Unix(last.At, 0))
	return ok && last.Version == p.Version && since >= 0 && since+cacheSkew < age
}

// had notes that a run that began at begun had results.
func (l *lastRuns) had(p *plugin.Plugin, name taskName, begun time.Time) {
	if p.File.ResultsCacheAge <= 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.results[name] = lastResult{p.Version, begun.Unix()}
	l.dirty[name] = struct{}{}
}

// Sections of the state: first runs of tasks, last results, when the receiver was last known to live, and the shards that it
// owned.
const (
	sectionTasks   = "tasks"
	sectionResults = "results"
	// SectionAlive has one record, of until when the receiver lived.
	SectionAlive  = "alive"
	sectionShards = "shards"
)

// sources are the sections of the state.
func (l *lastRuns) sources() map[string]state.Source {
	return map[string]state.Source{sectionTasks: firstRuns{l}, sectionResults: resultTimes{l}, SectionAlive: lifeSigns{l}, sectionShards: tenures{l}}
}

// firstRuns is when tasks ran first, as a section of the state.
type firstRuns struct{ *lastRuns }

// Restore implements state.Source.
func (l firstRuns) Restore(records []state.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stored = true
	return restore(l.known, records, "task")
}

// restore reads records by the names of tasks.
func restore[T any](to map[taskName]T, records []state.Record, what string) error {
	var errs []error
	for _, r := range records {
		name, err := parseTaskName(r.Key)
		var value T
		if err = errors.Join(err, json.Unmarshal(r.Value, &value)); err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", what, r.Key, err))
			continue
		}
		to[name] = value
	}
	return errors.Join(errs...)
}

// Changes implements state.Source.
func (l firstRuns) Changes() (changed []state.Record, gone []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, slot := range l.begun {
		changed = append(changed, state.Record{Key: key.String(), Value: strconv.AppendInt(nil, slot, 10)})
	}
	if l.now().Sub(l.started) > keepUnclaimed {
		for key := range l.known {
			l.gone[key] = struct{}{}
		}
		clear(l.known)
	}
	for key := range l.gone {
		gone = append(gone, key.String())
	}
	clear(l.begun)
	clear(l.gone)
	return changed, gone
}

// resultTimes is when tasks last had results, as a section of the state.
type resultTimes struct{ *lastRuns }

// Restore implements state.Source.
func (l resultTimes) Restore(records []state.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return restore(l.results, records, "results of task")
}

// Changes implements state.Source.
func (l resultTimes) Changes() (changed []state.Record, gone []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key := range l.dirty {
		last, ok := l.results[key]
		if !ok {
			gone = append(gone, key.String())
			continue
		}
		if value, err := json.Marshal(last); err == nil { // a text and a number, which can always be marshalled
			changed = append(changed, state.Record{Key: key.String(), Value: value})
		}
	}
	clear(l.dirty)
	return changed, gone
}

// lifeSigns is when the receiver was last known to live, as a section of the state.
type lifeSigns struct{ *lastRuns }

// lifeSign is its one record.
type lifeSign struct {
	At    int64 `json:"at"` // milliseconds since the epoch
	Clean bool  `json:"clean"`
}

// Restore implements state.Source.
func (l lifeSigns) Restore(records []state.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range records {
		var sign lifeSign
		if err := json.Unmarshal(r.Value, &sign); err != nil {
			return fmt.Errorf("life sign: %w", err)
		}
		l.alive, l.clean = time.UnixMilli(sign.At), sign.Clean
	}
	return nil
}

// Changes implements state.Source.
func (l lifeSigns) Changes() (changed []state.Record, gone []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	value, err := json.Marshal(lifeSign{At: l.now().UnixMilli(), Clean: l.stopped})
	if err != nil { // two plain values can always be marshalled
		return nil, nil
	}
	return []state.Record{{Key: SectionAlive, Value: value}}, nil
}
