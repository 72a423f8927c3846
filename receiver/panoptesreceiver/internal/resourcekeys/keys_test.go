package resourcekeys

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// other is a store outside of the Collector. It is looked at between calls alone.
type other struct {
	mu      sync.Mutex
	pairs   map[string]hostapi.Pair
	written map[string]int // how often
	err     error
	most    int // keys of a call
}

func (o *other) write(_ context.Context, set []hostapi.Pair, deleted []string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.most = max(o.most, len(set), len(deleted))
	if o.err != nil {
		return o.err
	}
	for _, p := range set {
		o.pairs[p.Key] = p
		o.written[p.Key]++
	}
	for _, key := range deleted {
		delete(o.pairs, key)
	}
	return nil
}

// becomes has all calls from now on return an error.
func (o *other) becomes(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
}

// ids are the resources whose keys are there.
func (o *other) ids() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var ids []string
	for k := range o.pairs {
		ids = append(ids, k[len("plugin|p|site|dc1|class|c|subclass|s|type|t|id|"):])
	}
	slices.Sort(ids)
	return ids
}

// of returns how often a resource's key was written, and its time to live.
func (o *other) of(r *pluginsdk.Resource) (written int, ttl time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.written[hostapi.ResourceKey(r)], o.pairs[hostapi.ResourceKey(r)].TTL
}

func (o *other) times(r *pluginsdk.Resource) int {
	n, _ := o.of(r)
	return n
}

func start(t *testing.T) (*Keys, *other, *observer.ObservedLogs) {
	t.Helper()
	o := &other{pairs: map[string]hostapi.Pair{}, written: map[string]int{}}
	core, logs := observer.New(zap.InfoLevel)
	k := New(Settings{Write: o.write, Logger: zap.New(core)})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		k.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return k, o, logs
}

func device(id, ttl string) *pluginsdk.Resource {
	return &pluginsdk.Resource{
		Site: "dc1", Class: "c", Subclass: "s", Type: "t", ID: id, Endpoint: "e", Plugin: "p",
		CreationTimestamp: pluginsdk.TextTimestamp("1512629517.03121"),
		Metadata:          pluginsdk.Metadata{{Key: pluginsdk.ResourceTTLKey, Value: ttl}},
	}
}

func set(k *Keys, list ...*pluginsdk.Resource) {
	k.Set(list)
	synctest.Wait()
}

// pass lets time pass, and waits for what comes of it.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestFollow: keys come, change and go with their resources, and are refreshed within their times to live.
func TestFollow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, o, logs := start(t)
		require.NoError(t, o.write(t.Context(), []hostapi.Pair{{Key: "plugin|p|site|dc1|class|c|subclass|s|type|t|id|theirs"}}, nil))
		a, b, c := device("a", "900"), device("b", "604800"), device("c", "900")
		set(k, a, b, c)
		assert.Equal(t, []string{"a|endpoint|e", "b|endpoint|e", "c|endpoint|e", "theirs"}, o.ids())

		moved, changed := *b, *c
		moved.Endpoint = "elsewhere"
		changed.Metadata = pluginsdk.Metadata{{Key: pluginsdk.ResourceTTLKey, Value: "901"}}
		set(k, a, &moved, &changed)
		assert.Equal(t, []string{"a|endpoint|e", "b|endpoint|elsewhere", "c|endpoint|e", "theirs"}, o.ids())
		times, ttl := o.of(c)
		assert.Equal(t, 2, times)
		assert.Equal(t, 901*time.Second, ttl)
		assert.Equal(t, 1, o.times(a))

		pass(310 * time.Second)
		assert.Equal(t, 2, o.times(a), "a third of its time to live")
		assert.Equal(t, 1, o.times(&moved))
		set(k)
		assert.Equal(t, []string{"theirs"}, o.ids())
		assert.Empty(t, logs.All())
	})
}

// TestAway: what could not be written is written when it can be; one that came back meanwhile stays.
func TestAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, o, logs := start(t)
		a, b, c := device("a", "900"), device("b", "900"), device("c", "900")
		set(k, a, b)
		o.becomes(errors.New("redis localhost:6379: away for 3s"))
		again := *b
		set(k, c)
		set(k, c, &again)
		assert.Equal(t, []string{"a|endpoint|e", "b|endpoint|e"}, o.ids())
		pass(time.Minute)
		o.becomes(nil)
		pass(lookEvery)
		assert.Equal(t, []string{"b|endpoint|e", "c|endpoint|e"}, o.ids())
		require.Len(t, logs.All(), 2, "one line when it begins and one when it ends")
		assert.Equal(t, "Cannot keep the keys of resources; it is tried again", logs.All()[0].Message)
		assert.Equal(t, "The keys of resources can be kept again", logs.All()[1].Message)
	})
}

// TestMany: many keys go some at a time, and keys that wait to be deleted are bounded.
func TestMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, o, _ := start(t)
		all := make([]*pluginsdk.Resource, maxGone+atOnce)
		for i := range all {
			all[i] = device(fmt.Sprint(i), "604800")
		}
		set(k, all...)
		assert.Len(t, o.ids(), len(all))
		o.becomes(errors.New("away"))
		set(k)
		o.becomes(nil)
		pass(lookEvery)
		assert.Len(t, o.ids(), atOnce, "these go with their times to live")
		o.mu.Lock()
		defer o.mu.Unlock()
		assert.Equal(t, atOnce, o.most)
		assert.Equal(t, []int{1}, slices.Compact(slices.Sorted(maps.Values(o.written))))
	})
}
