package snmp

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"hash/fnv"
	"hash/maphash"
	"io"
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
	known map[deviceKey]*boot
	swept time.Time
}

// bootKey is a device and what tells its uptime.
type bootKey struct {
	resource pluginsdk.Identity
	oid      ber.OID
}

// boot is small, since there are thousands. Its times are in milliseconds since 1970.
type boot struct {
	table.Boot
	once sync.Once // reads the store

	mu                  sync.Mutex
	startStored, stored int64 // the start that the store knows, and when it was told
	used                int64 // under boots.mu
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
	found := b.find(keyOf(bootKey{r.Identity(), oid}))
	found.once.Do(func() {
		text, err := b.store.Get(ctx, storeKey(r, oid))
		var s storedBoot
		if err == nil && json.Unmarshal([]byte(text), &s) == nil && s[0] > 0 {
			found.Restore(table.BootState{
				Start: time.UnixMilli(s[0]), Uptime: time.Duration(s[1]) * time.Millisecond, Seen: time.UnixMilli(s[2]),
			})
			found.startStored, found.stored = s[0], s[2]
		}
	})
	return found
}

// storedBoot is what the store has of a boot, all in milliseconds: the start, the uptime, and when the device told it.
type storedBoot [3]int64

// storeKey begins with the resource's ID for people; a hash of all stands for the rest, which is long.
func storeKey(r *pluginsdk.Resource, oid ber.OID) string {
	h := fnv.New128a()
	_, _ = io.WriteString(h, r.Key()+"|"+oid.String()) // never fails
	return bootPrefix + r.ID + ":" + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func (b *boots) find(key deviceKey) *boot {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	found := b.known[key]
	if found == nil {
		found = &boot{}
		b.known[key] = found
	}
	found.used = now.UnixMilli()
	if now.Sub(b.swept) > statesSwept {
		b.swept = now
		oldest := now.Add(-bootsKept).UnixMilli()
		maps.DeleteFunc(b.known, func(_ deviceKey, one *boot) bool { return one.used < oldest })
	}
	return found
}

// keep tells the store what is known, where it does not know it yet. What it cannot store is worked out anew after a
// restart of ours.
func (b *boots) keep(ctx context.Context, one *boot, r *pluginsdk.Resource, oid ber.OID) {
	now := one.State()
	one.mu.Lock()
	defer one.mu.Unlock()
	s := storedBoot{now.Start.UnixMilli(), now.Uptime.Milliseconds(), now.Seen.UnixMilli()}
	if now.Start.IsZero() || s[0] == one.startStored && s[2]-one.stored < bootsStored.Milliseconds() {
		return
	}
	text, err := json.Marshal(s)
	if err == nil && b.store.Set(ctx, storeKey(r, oid), string(text), pluginsdk.DefaultKeyTTL) == nil {
		one.startStored, one.stored = s[0], s[2]
	}
}

// deviceKey stands for a device, and what else a key has, in maps of thousands: 128 bits of a hash, so that no two keys are
// ever seen to share one, in the place of five texts.
type deviceKey [2]uint64

var keySeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func keyOf[T comparable](key T) deviceKey {
	return deviceKey{maphash.Comparable(keySeeds[0], key), maphash.Comparable(keySeeds[1], key)}
}
