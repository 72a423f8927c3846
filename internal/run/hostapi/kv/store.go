package kv

import (
	"container/heap"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Panoptes' namespaces. The keys of one begin with its name and a colon; that of enrichment lies within that of plugins,
// as in Panoptes.
const (
	// PluginsNamespace is where Panoptes keeps the keys of all plugins.
	PluginsNamespace = "panoptes:plugins_kv"
	// EnrichmentNamespace has what enrichment plugins found out, by "<resource id>:<namespace>".
	EnrichmentNamespace = "panoptes:plugins_kv:enrichment"
	// SecretsNamespace has secrets by "<name>:<site>".
	SecretsNamespace = "panoptes:secrets"
	// ResourcesNamespace has resources by their serialization key.
	ResourcesNamespace = "panoptes:resource_manager_kv:resource"
)

// Defaults of Options.
const (
	DefaultMaxKeys  = 1_000_000
	DefaultMaxBytes = 256 << 20
)

// Limits of single keys, values, patterns and answers.
const (
	MaxKeyBytes     = 16 << 10
	MaxValueBytes   = 8 << 20
	MaxPatternBytes = 4 << 10
	MaxAnswerBytes  = 8 << 20
)

// entryOverhead is what a key is counted with besides its own bytes: map slot, entry and heap slot, roughly.
const entryOverhead = 128

// ErrFull is what the error of a write wraps where the store is at its limit.
var ErrFull = errors.New("key-value store is full")

// ErrTooLarge is what the error wraps where a key, a value, a pattern or an answer is over its limit.
var ErrTooLarge = errors.New("too large")

// ErrWrongKind is what the error wraps where a set is used as a value or a value as a set, as in redis.
var ErrWrongKind = errors.New("key holds the wrong kind of value")

// Options configure a Store; a zero takes the default.
type Options struct {
	// MaxKeys is the most keys and set members (default 1,000,000).
	MaxKeys int
	// MaxBytes is the most bytes of keys, values and bookkeeping (default 256 MiB).
	MaxBytes int64
	// Now is the clock (default time.Now).
	Now func() time.Time
}

// Store holds text by key in memory, with a time to live. It is safe for concurrent use and starts no goroutine:
// what has expired goes at the next call.
type Store struct {
	options Options

	mu      sync.Mutex
	entries map[string]*entry
	expiry  expiryHeap
	items   int
	bytes   int64
	unsaved map[string]struct{} // keys that changed since Changes; nil: nobody asks
}

type entry struct {
	key     string
	value   string
	members map[string]struct{} // not nil: a set
	expires time.Time           // zero: never
	index   int                 // in the heap; -1 where it never expires
	bytes   int64
}

// NewStore returns an empty store.
func NewStore(o Options) *Store {
	if o.MaxKeys <= 0 {
		o.MaxKeys = DefaultMaxKeys
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Store{options: o, entries: map[string]*entry{}}
}

// Len is the number of keys that have not expired.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	return len(s.entries)
}

// add adds a member to the set of a key, which errors call by its name.
func (s *Store) add(key, name, member string) error {
	e := s.entries[key]
	if e != nil && e.members == nil {
		return fmt.Errorf("key %q is no set: %w", name, ErrWrongKind)
	}
	size := int64(len(member)) + entryOverhead
	if e == nil {
		if err := s.room(2, size+int64(len(key))+entryOverhead); err != nil {
			return err
		}
		e = &entry{key: key, members: map[string]struct{}{}, index: -1}
		s.insert(e, int64(len(key))+entryOverhead)
	}
	if _, ok := e.members[member]; ok {
		return nil
	}
	if err := s.room(1, size); err != nil {
		return err
	}
	s.touch(key)
	e.members[member] = struct{}{}
	e.bytes += size
	s.bytes += size
	s.items++
	return nil
}

func (s *Store) value(key string) (*entry, error) {
	e := s.entries[key]
	switch {
	case e == nil:
		return nil, pluginsdk.ErrNotFound
	case e.members != nil:
		return nil, fmt.Errorf("key %q is a set: %w", key, ErrWrongKind)
	}
	return e, nil
}

func (s *Store) put(key, value string, ttl time.Duration) error {
	size := int64(len(key)+len(value)) + entryOverhead
	items, more := 1, size
	old := s.entries[key]
	if old != nil {
		items, more = 0, size-old.bytes
	}
	if err := s.room(items, more); err != nil {
		return err
	}
	if old != nil {
		s.remove(old)
	}
	e := &entry{key: key, value: value, index: -1}
	if ttl > 0 {
		e.expires = s.options.Now().Add(ttl)
	}
	s.insert(e, size)
	return nil
}

// room refuses what would take the store over a limit. What takes no more room is always let in, so that a full
// store can still be updated.
func (s *Store) room(items int, bytes int64) error {
	switch {
	case items > 0 && s.items+items > s.options.MaxKeys:
		return fmt.Errorf("%w: it holds %d keys and set members, the limit is %d", ErrFull, s.items, s.options.MaxKeys)
	case bytes > 0 && s.bytes+bytes > s.options.MaxBytes:
		return fmt.Errorf("%w: it holds %d bytes and %d more are wanted, the limit is %d", ErrFull, s.bytes, bytes, s.options.MaxBytes)
	}
	return nil
}

func (s *Store) insert(e *entry, size int64) {
	s.touch(e.key)
	e.bytes = size
	s.entries[e.key] = e
	s.bytes += size
	s.items++
	if !e.expires.IsZero() {
		heap.Push(&s.expiry, e)
	}
}

func (s *Store) remove(e *entry) {
	s.touch(e.key)
	delete(s.entries, e.key)
	s.bytes -= e.bytes
	s.items -= 1 + len(e.members)
	if e.index >= 0 {
		heap.Remove(&s.expiry, e.index)
	}
}

func (s *Store) expire() {
	if len(s.expiry) == 0 {
		return
	}
	now := s.options.Now()
	for len(s.expiry) > 0 && !now.Before(s.expiry[0].expires) {
		s.remove(s.expiry[0])
	}
}

// expiryHeap has the entry that expires first at its top.
type expiryHeap []*entry

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].expires.Before(h[j].expires) }

func (h expiryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *expiryHeap) Push(x any) {
	e := x.(*entry)
	e.index = len(*h)
	*h = append(*h, e)
}

// Pop implements heap.Interface.
func (h *expiryHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	e.index = -1
	return e
}
