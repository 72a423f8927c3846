package snmp

import (
	"context"
	"encoding/json"
	"maps"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/table"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// boots are when devices started. The key-value store has them for the next process: its counters have the same start
// then, and a device that started anew while nobody looked is seen to have.
type boots struct {
	store pluginsdk.KeyValueStore

	mu    sync.Mutex
	known map[bootKey]*boot
	swept time.Time
}

// bootKey is a device and what tells its uptime.
type bootKey struct {
	resource pluginsdk.Identity
	oid      ber.OID
}

type boot struct {
	table.Boot
	key  string
	once sync.Once // reads the store

	mu     sync.Mutex
	stored table.BootState
	used   time.Time // under boots.mu
}

const (
	bootPrefix = "snmp_boot:"
	// bootsStored is how often the store is told of an uptime that only grows.
	bootsStored = time.Hour
	// bootsKept is how long a device is remembered that nobody polls.
	bootsKept = 24 * time.Hour
)

// of returns when a device started, as far as it is known.
func (b *boots) of(ctx context.Context, r *pluginsdk.Resource, oid ber.OID) *boot {
	found := b.find(bootKey{r.Identity(), oid}, r)
	found.once.Do(func() {
		text, err := b.store.Get(ctx, found.key)
		var s table.BootState
		if err == nil && json.Unmarshal([]byte(text), &s) == nil && !s.Start.IsZero() {
			found.Restore(s)
			found.stored = s
		}
	})
	return found
}

func (b *boots) find(key bootKey, r *pluginsdk.Resource) *boot {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	found := b.known[key]
	if found == nil {
		key.oid = key.oid.Clone()
		found = &boot{key: bootPrefix + r.Key() + "|" + key.oid.String()}
		b.known[key] = found
	}
	found.used = now
	if now.Sub(b.swept) > statesSwept {
		b.swept = now
		maps.DeleteFunc(b.known, func(_ bootKey, one *boot) bool { return now.Sub(one.used) > bootsKept })
	}
	return found
}

// keep tells the store what is known, where it does not know it yet. What it cannot store is worked out anew after a
// restart of ours.
func (b *boots) keep(ctx context.Context, one *boot) {
	now := one.State()
	one.mu.Lock()
	defer one.mu.Unlock()
	if now.Start.IsZero() || now.Start.Equal(one.stored.Start) && now.Seen.Sub(one.stored.Seen) < bootsStored {
		return
	}
	text, err := json.Marshal(now)
	if err == nil && b.store.Set(ctx, one.key, string(text), pluginsdk.DefaultKeyTTL) == nil {
		one.stored = now
	}
}
