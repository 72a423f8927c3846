package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
)

// Bounds of the list of enrichment keys.
const (
	// listAge is how old the list may be. To go through all keys for each run that wants all enrichment of a resource
	// would keep Redis busy with nothing else.
	listAge = time.Minute
	// listIdle is how long the list is kept while nobody asks.
	listIdle = 10 * time.Minute
	// maxListBytes is the most bytes of keys in the list: some two million keys.
	maxListBytes = 128 << 20
)

// enrichmentList is the keys of enrichment, "<resource id>:<namespace>". It is read when somebody asks and it is older than
// listAge; what this Collector stores is added at once.
type enrichmentList struct {
	store *Store

	mu      sync.Mutex
	closed  bool
	have    bool
	keys    []string // sorted, as read
	added   []string // sorted: stored here since that read began
	begun   time.Time
	reading *reading // nil: none is under way
}

// reading is one read of the list.
type reading struct {
	ended chan struct{}
	added []string // stored while it goes on
	err   error    // once it has ended
}

// EnrichmentNamespaces implements hostapi.Shared.
func (s *Store) EnrichmentNamespaces(ctx context.Context, resourceID string) ([]string, error) {
	return s.enrichment.of(ctx, resourceID)
}

func (l *enrichmentList) of(ctx context.Context, resourceID string) ([]string, error) {
	if under := l.refresh(); under != nil {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("list the enrichment of resource %q: %w", resourceID, ctx.Err())
		case <-under.ended:
		}
		if under.err != nil {
			return nil, fmt.Errorf("list the enrichment of resource %q: %w", resourceID, under.err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	prefix := resourceID + ":"
	namespaces := append(suffixes(l.keys, prefix), suffixes(l.added, prefix)...)
	slices.Sort(namespaces)
	return slices.Compact(namespaces), nil
}

// suffixes returns what follows a prefix in a sorted list.
func suffixes(sorted []string, prefix string) (found []string) {
	at, _ := slices.BinarySearch(sorted, prefix)
	for ; at < len(sorted); at++ {
		rest, ok := strings.CutPrefix(sorted[at], prefix)
		if !ok {
			break
		}
		found = append(found, rest)
	}
	return found
}

// refresh returns the read to wait for, which it begins if need be; nil where the list is young enough.
func (l *enrichmentList) refresh() *reading {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reading == nil {
		if l.have && l.age() < listAge {
			return nil
		}
		under := &reading{ended: make(chan struct{})}
		if l.closed {
			under.err = redis.ErrClosed
			close(under.ended)
			return under
		}
		l.reading = under
		l.store.wait.Go(func() { l.read(under) })
	}
	return l.reading
}

// age is how old the list is. The lock is held.
func (l *enrichmentList) age() time.Duration { return l.store.settings.Now().Sub(l.begun) }

func (l *enrichmentList) read(under *reading) {
	begun := l.store.settings.Now()
	keys, err := l.store.find(l.store.background, l.store.prefix(kv.EnrichmentNamespace), "*", maxListBytes)
	slices.Sort(keys)
	l.mu.Lock()
	defer l.mu.Unlock()
	if under.err = err; err == nil {
		slices.Sort(under.added)
		l.have, l.keys, l.added, l.begun = true, keys, under.added, begun
	}
	l.reading = nil
	close(under.ended)
}

// close lets no further read begin.
func (l *enrichmentList) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}

// stored notes a key that this Collector has stored.
func (l *enrichmentList) stored(full string) {
	key, ok := strings.CutPrefix(full, l.store.prefix(kv.EnrichmentNamespace))
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reading != nil {
		l.reading.added = append(l.reading.added, key)
	}
	if !l.have {
		return
	}
	if l.age() > listIdle {
		l.have, l.keys, l.added = false, nil, nil
		return
	}
	if at, known := slices.BinarySearch(l.added, key); !known {
		l.added = slices.Insert(l.added, at, key)
	}
}
