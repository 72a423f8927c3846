package kv

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/state"
)

// saved is an entry as it is stored.
type saved struct {
	Value   string   `json:"v,omitempty"`
	Members []string `json:"m,omitempty"`
	Set     bool     `json:"s,omitempty"`
	Expires int64    `json:"e,omitempty"` // milliseconds since the epoch; 0: never
}

var _ state.Source = (*Store)(nil)

// Restore implements statekeep.Source. What has expired meanwhile is left out, and so is what there is no room for.
func (s *Store) Restore(records []state.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.options.Now()
	s.unsaved = map[string]struct{}{}
	var errs []error
	for _, r := range records {
		var e saved
		if err := json.Unmarshal(r.Value, &e); err != nil {
			errs = append(errs, fmt.Errorf("key %q: %w", r.Key, err))
			s.unsaved[r.Key] = struct{}{}
			continue
		}
		if err := s.restore(r.Key, &e, now); err != nil {
			errs = append(errs, fmt.Errorf("key %q: %w", r.Key, err))
		}
		if s.entries[r.Key] == nil {
			s.unsaved[r.Key] = struct{}{} // it is deleted from what is stored
		} else {
			delete(s.unsaved, r.Key)
		}
	}
	return errors.Join(errs...)
}

func (s *Store) restore(key string, saved *saved, now time.Time) error {
	var ttl time.Duration
	if saved.Expires != 0 {
		if ttl = time.UnixMilli(saved.Expires).Sub(now); ttl <= 0 {
			return nil
		}
	}
	if !saved.Set {
		return s.put(key, saved.Value, ttl)
	}
	for _, member := range saved.Members {
		if err := s.add(key, key, member); err != nil {
			return err
		}
	}
	return nil
}

// Changes implements statekeep.Source.
func (s *Store) Changes() (changed []state.Record, gone []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	if s.unsaved == nil {
		s.unsaved = make(map[string]struct{}, len(s.entries))
		for key := range s.entries {
			s.unsaved[key] = struct{}{}
		}
	}
	for key := range s.unsaved {
		e := s.entries[key]
		if e == nil {
			gone = append(gone, key)
			continue
		}
		value, err := json.Marshal(e.saved())
		if err == nil { // texts, which can always be marshalled
			changed = append(changed, state.Record{Key: key, Value: value})
		}
	}
	clear(s.unsaved)
	return changed, gone
}

func (e *entry) saved() saved {
	out := saved{Value: e.value, Set: e.members != nil}
	for m := range e.members {
		out.Members = append(out.Members, m)
	}
	if !e.expires.IsZero() {
		out.Expires = e.expires.UnixMilli()
	}
	return out
}

// touch notes that a key has to be stored. The lock is held.
func (s *Store) touch(key string) {
	if s.unsaved != nil {
		s.unsaved[key] = struct{}{}
	}
}
