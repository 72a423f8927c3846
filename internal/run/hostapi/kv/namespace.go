package kv

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Namespace returns the part of the store whose keys begin with name and a colon. Its user sees the bare keys.
func (s *Store) Namespace(name string) *Namespace {
	return &Namespace{store: s, prefix: name + ":"}
}

// Namespace is a part of a Store. It is safe for concurrent use.
type Namespace struct {
	store  *Store
	prefix string
}

var _ pluginsdk.KeyValueStore = (*Namespace)(nil)

// lock returns the store locked and rid of what has expired.
func (n *Namespace) lock() *Store {
	n.store.mu.Lock()
	n.store.expire()
	return n.store
}

// Get implements pluginsdk.KeyValueStore.
func (n *Namespace) Get(_ context.Context, key string) (string, error) {
	s := n.lock()
	defer s.mu.Unlock()
	e, err := s.value(n.prefix + key)
	if err != nil {
		return "", err
	}
	return e.value, nil
}

// Set implements pluginsdk.KeyValueStore. As in redis it replaces a set of the same name.
func (n *Namespace) Set(_ context.Context, key, value string, ttl time.Duration) error {
	if err := errors.Join(CheckSize("key", key, MaxKeyBytes), CheckSize("value", value, MaxValueBytes)); err != nil {
		return err
	}
	s := n.lock()
	defer s.mu.Unlock()
	return s.put(n.prefix+key, value, ttl)
}

// GetSet implements pluginsdk.KeyValueStore.
func (n *Namespace) GetSet(_ context.Context, key, value string, ttl time.Duration) (string, error) {
	if err := errors.Join(CheckSize("key", key, MaxKeyBytes), CheckSize("value", value, MaxValueBytes)); err != nil {
		return "", err
	}
	s := n.lock()
	defer s.mu.Unlock()
	var old string
	e, oldErr := s.value(n.prefix + key)
	if oldErr == nil {
		old = e.value
	} else if !errors.Is(oldErr, pluginsdk.ErrNotFound) {
		return "", oldErr
	}
	if err := s.put(n.prefix+key, value, ttl); err != nil {
		return "", err
	}
	return old, oldErr
}

// Delete implements pluginsdk.KeyValueStore.
func (n *Namespace) Delete(_ context.Context, key string) error {
	s := n.lock()
	defer s.mu.Unlock()
	if e := s.entries[n.prefix+key]; e != nil {
		s.remove(e)
	}
	return nil
}

// TTL implements pluginsdk.KeyValueStore.
func (n *Namespace) TTL(_ context.Context, key string) (time.Duration, error) {
	s := n.lock()
	defer s.mu.Unlock()
	e := s.entries[n.prefix+key]
	switch {
	case e == nil:
		return 0, pluginsdk.ErrNotFound
	case e.expires.IsZero():
		return -1, nil
	}
	return e.expires.Sub(s.options.Now()), nil
}

// CheckSize says that a text is over its limit.
func CheckSize(what, text string, limit int) error {
	if len(text) <= limit {
		return nil
	}
	return fmt.Errorf("%w: %s of %d bytes, limit is %d", ErrTooLarge, what, len(text), limit)
}

// FindKeys implements pluginsdk.KeyValueStore. It looks at every key that begins as the pattern does, without holding up
// others: the store is locked only while the keys are listed.
func (n *Namespace) FindKeys(ctx context.Context, pattern string) ([]string, error) {
	if err := CheckSize("pattern", pattern, MaxPatternBytes); err != nil {
		return nil, err
	}
	keys := []string{}
	bytes, steps := 0, 0
	for _, key := range n.keys(globPrefix(pattern)) {
		// What a match may cost is len(pattern) x len(key).
		if steps += 1 + len(pattern)*len(key); steps > stepsPerLook {
			steps = 0
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		if !globMatch(pattern, key) {
			continue
		}
		if bytes += len(key) + 3; bytes > MaxAnswerBytes { // with its quotes and comma
			return nil, fmt.Errorf("%w: the pattern %.80q matches keys of more than %d bytes together: make it narrower",
				ErrTooLarge, pattern, MaxAnswerBytes)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// stepsPerLook is how many steps are taken between two looks at the context.
const stepsPerLook = 1 << 20

// keys are the bare keys that begin with prefix.
func (n *Namespace) keys(prefix string) []string {
	s := n.lock()
	defer s.mu.Unlock()
	var keys []string
	for full := range s.entries {
		if bare, ok := strings.CutPrefix(full, n.prefix); ok && strings.HasPrefix(bare, prefix) {
			keys = append(keys, bare)
		}
	}
	return keys
}

// Entry is a key of a namespace and what it holds.
type Entry struct {
	Key, Value string
	Expires    time.Time // zero: never
}

// Entries returns the keys that are wanted and hold text.
func (n *Namespace) Entries(wanted func(key string) bool) (found []Entry) {
	s := n.lock()
	defer s.mu.Unlock()
	for full, e := range s.entries {
		if bare, ok := strings.CutPrefix(full, n.prefix); ok && e.members == nil && wanted(bare) {
			found = append(found, Entry{bare, e.value, e.expires})
		}
	}
	return found
}

// SetAdd implements pluginsdk.KeyValueStore.
func (n *Namespace) SetAdd(_ context.Context, name, member string) error {
	if err := errors.Join(CheckSize("name", name, MaxKeyBytes), CheckSize("member", member, MaxKeyBytes)); err != nil {
		return err
	}
	s := n.lock()
	defer s.mu.Unlock()
	return s.add(n.prefix+name, name, member)
}

// SetMembers implements pluginsdk.KeyValueStore.
func (n *Namespace) SetMembers(_ context.Context, name string) ([]string, error) {
	s := n.lock()
	defer s.mu.Unlock()
	e := s.entries[n.prefix+name]
	if e == nil {
		return []string{}, nil
	}
	if e.members == nil {
		return nil, fmt.Errorf("key %q is no set: %w", name, ErrWrongKind)
	}
	if e.bytes-int64(len(e.members)*entryOverhead) > MaxAnswerBytes {
		return nil, fmt.Errorf("%w: the set %q has more than %d bytes", ErrTooLarge, name, MaxAnswerBytes)
	}
	return slices.Collect(maps.Keys(e.members)), nil
}
