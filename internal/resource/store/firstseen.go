package store

import (
	"time"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Sighting is what is remembered of a resource: the creation timestamp that it had when it was seen first. A source
// that says "now" each time must not make a new OpenTelemetry resource each time. A resource that leaves is remembered
// for its time to live.
type Sighting struct {
	Identity pluginsdk.Identity
	First    pluginsdk.Timestamp
	// Left is when it left; zero while it is there.
	Left time.Time
	// TTL is the time to live that it had last.
	TTL time.Duration
}

// Restore takes what was remembered before a restart; what the store knows already stays. Resources that were there
// count as having left now, until a source lists them. Call it before Run.
func (s *Store) Restore(list []Sighting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, seen := range list {
		if _, ok := s.records[seen.Identity]; ok {
			continue
		}
		left := seen.Left
		if left.IsZero() {
			left = now
		}
		s.records[seen.Identity] = &record{first: seen.First, left: left, ttl: seen.TTL}
	}
}

// Sightings returns what changed since the last call, to be written where Restore will find it, and which resources
// are forgotten. A resource whose time to live alone changed is not among them. It keeps track from the first call on,
// which returns all.
func (s *Store) Sightings() (changed []Sighting, forgotten []pluginsdk.Identity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unsaved == nil {
		s.unsaved = make(map[pluginsdk.Identity]struct{}, len(s.records))
		for id := range s.records {
			s.unsaved[id] = struct{}{}
		}
	}
	for id := range s.unsaved {
		if r := s.records[id]; r != nil {
			changed = append(changed, Sighting{Identity: id, First: r.first, Left: r.left, TTL: r.ttl})
		} else {
			forgotten = append(forgotten, id)
		}
	}
	clear(s.unsaved)
	return changed, forgotten
}

// unsavedRecord notes that a sighting has to be written. The caller holds the lock.
func (s *Store) unsavedRecord(id pluginsdk.Identity) {
	if s.unsaved != nil {
		s.unsaved[id] = struct{}{}
	}
}
