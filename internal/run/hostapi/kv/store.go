package kv

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
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

// entryOverhead is what a key is counted with beside its own bytes: map slot, entry and heap slot, roughly.
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
