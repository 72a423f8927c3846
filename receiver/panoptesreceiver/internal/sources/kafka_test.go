package sources

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/oldkafka"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(t.Context())
}

// bus is a cluster with resource sets, and a receiver's end of it.
type bus struct {
	t       *testing.T
	cluster *kfake.Cluster
	client  *kgo.Client
	changed chan []*pluginsdk.Resource
	store   *store.Store
	logs    *observer.ObservedLogs
	failed  atomic.Int32
	limits  func(*kafkaLimits)
}

func newBus(t *testing.T, topics ...string) *bus {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, topics...))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return &bus{t: t, cluster: cluster, client: client, changed: make(chan []*pluginsdk.Resource, 100)}
}

// put sends a set with a time of Kafka's. ids nil takes it back.
func (b *bus) put(topic, key string, at time.Time, ids ...string) {
	b.t.Helper()
	b.send(&kgo.Record{Topic: topic, Key: []byte(key), Timestamp: at}, time.UnixMilli(1500), ids)
}

// putAsPanoptes sends a set as Panoptes' discovery does: only its JSON says when it was made.
func (b *bus) putAsPanoptes(topic, key string, at time.Time, ids ...string) {
	b.t.Helper()
	b.send(&kgo.Record{Topic: topic, Key: []byte(key), Timestamp: time.UnixMilli(-1)}, at, ids)
}

func (b *bus) send(r *kgo.Record, at time.Time, ids []string) {
	b.t.Helper()
	if ids != nil {
		r.Value = setText(strings.SplitN(string(r.Key), ":", 3)[1], at, ids)
	}
	require.NoError(b.t, b.client.ProduceSync(b.t.Context(), r).FirstErr())
}

// setText is a resource set of resources that live for 900 s.
func setText(endpoint string, at time.Time, ids []string) []byte {
	var entries []string
	for _, id := range ids {
		entries = append(entries, resource(id, endpoint, "5"))
	}
	return fmt.Appendf(nil, `{"resources": [%s], "resource_set_creation_timestamp": %d.25, "resource_set_schema_version": "0.1"}`,
		strings.Join(entries, ", "), at.Unix())
}

func (b *bus) start(topics ...string) {
	b.t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	b.logs = logs
	b.store = store.New(store.Settings{Changed: func(list []*pluginsdk.Resource) { b.changed <- list }})
	k, err := NewKafka(KafkaSettings{
		Listed: func() {},
		Topics: topics, Options: []kgo.Opt{kgo.SeedBrokers(b.cluster.ListenAddrs()...)}, Logger: zap.New(core), Failed: func() { b.failed.Add(1) },
	})
	require.NoError(b.t, err)
	if b.limits != nil {
		b.limits(&k.limits)
	}
	ctx, cancel := contextOf(b.t)
	var wg sync.WaitGroup
	wg.Go(func() { k.Run(ctx, b.store) })
	wg.Go(func() { b.store.Run(ctx) })
	b.t.Cleanup(func() { cancel(); wg.Wait() })
}

// until waits for resources, and returns all lists that came before them.
func (b *bus) until(want string) (before []string) {
	b.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case list := <-b.changed:
			var names []string
			for _, res := range list {
				names = append(names, res.ID+"@"+res.Endpoint)
			}
			got := strings.Join(names, " ")
			if got == want {
				return before
			}
			before = append(before, got)
		case <-deadline:
			require.Fail(b.t, "no resources "+want, "before: %q\n%v", before, b.logs.All())
		}
	}
}

// The topics are compacted logs: what counts is the last set of each plugin, whatever came before.
func TestKafka(t *testing.T) {
	t.Parallel()
	b := newBus(t, "dc1-resources", "dc2-resources")
	now := time.Now()
	b.put("dc1-resources", "disc:1.0:sig", now, "old", "a")
	b.put("dc1-resources", "disc:1.0:sig", now, "a", "b")
	b.put("dc2-resources", "disc:1.0:sig", now, "c")
	b.put("dc1-resources", "gone:1.0:sig", now, "g")
	b.put("dc1-resources", "gone:1.0:sig", now)
	b.put("dc1-resources", "stale:1.0:sig", now.Add(-time.Hour), "s") // lives for 900 s
	b.start("dc1-resources", "dc2-resources")
	for _, list := range b.until("a@1.0 b@1.0 c@1.0") {
		assert.Empty(t, list, "nothing of the middle of the log")
	}

	// A new version of the plugin replaces what the old one said.
	b.put("dc1-resources", "disc:1.1:sig", time.Now(), "b", "d")
	b.until("b@1.1 d@1.1 c@1.0")
	b.put("dc1-resources", "disc:1.0:sig", time.Now()) // the old version's set is taken back: nothing to it
	b.put("dc2-resources", "disc:1.0:sig", time.Now())
	b.until("b@1.1 d@1.1")

	require.NoError(t, b.client.ProduceSync(t.Context(), &kgo.Record{Topic: "dc1-resources", Key: []byte("disc:1.1:sig"), Value: []byte("{oops")}).FirstErr())
	b.put("dc1-resources", "more:1.0:sig", time.Now(), "e")
	b.until("b@1.1 d@1.1 e@1.0")
	b.untilFailing("dc1-resources disc:sig", "no JSON of resources")
	assert.Equal(t, 2, b.logs.FilterMessageSnippet("A resource set is dropped").Len(), "the stale one, and the one that does not parse")
	assert.EqualValues(t, 2, b.failed.Load())
}

// untilFailing waits until a source is shown with an error.
func (b *bus) untilFailing(name, text string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		for _, src := range b.store.Sources() {
			if src.Name == name && strings.Contains(src.Error, text) {
				return true
			}
		}
		return false
	}, patience, 10*time.Millisecond, "%v", b.logs.All())
}

// Messages of Panoptes have no time of Kafka's: that of the set counts, for which is stale, too.
func TestKafkaWithoutTimes(t *testing.T) {
	t.Parallel()
	b := newBus(t, "dc1-resources")
	now := time.Now()
	b.putAsPanoptes("dc1-resources", "disc:1.0:sig", now, "a")
	b.putAsPanoptes("dc1-resources", "stale:1.0:sig", now.Add(-time.Hour), "s") // lives for 900 s
	b.start("dc1-resources")
	b.until("a@1.0")
	b.untilFailing("dc1-resources stale:sig", "the set is from "+now.Add(-time.Hour).UTC().Format("2006-01-02T15:04"))
	for _, src := range b.store.Sources() {
		assert.Less(t, now.Sub(src.Refreshed), 2*time.Hour, src.Name)
	}
	dropped := b.logs.FilterMessageSnippet("A resource set is dropped").All()
	require.Len(t, dropped, 1)
	assert.Equal(t, "stale:sig", dropped[0].ContextMap()["plugin"])
	assert.EqualValues(t, 1, b.failed.Load())
}

// What kafka-python wrote is read as brokers keep it, in each of their formats, with the time that it names itself.
func TestKafkaOfPanoptes(t *testing.T) {
	t.Parallel()
	for name, parts := range oldkafka.All(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &bus{t: t, cluster: oldkafka.Serve(t, parts), changed: make(chan []*pluginsdk.Resource, 100)}
			b.start("dc1-resources")
			for _, list := range b.until("sw0@localhost sw1@localhost sw2@localhost") {
				assert.Empty(t, list, "nothing of the middle of the log")
			}
			sources := b.store.Sources()
			require.Len(t, sources, 1)
			assert.Equal(t, "dc1-resources Inventory:3221e556fca9b9bd99d669e46052debd", sources[0].Name)
			assert.Equal(t, time.UnixMilli(1600000010500).UTC(), sources[0].Refreshed.UTC())
			assert.Empty(t, sources[0].Error)
			assert.Zero(t, b.failed.Load())
		})
	}
}

// A topic that is deleted is logged, and what it listed stays for its times to live; made again, it is read anew.
func TestKafkaTopicMadeAgain(t *testing.T) {
	t.Parallel()
	b := newBus(t, "dc1-resources", "dc2-resources")
	admin := kadm.NewClient(b.client)
	b.put("dc1-resources", "disc:1.0:sig", time.Now(), "a")
	b.put("dc2-resources", "disc:1.0:sig", time.Now(), "c")
	b.put("dc1-resources", "old:1.0:sig", time.Now().Add(-14*time.Minute-57*time.Second), "o") // three seconds to live
	b.start("dc1-resources", "dc2-resources")
	b.untilListed("a", "o", "c")
	_, err := admin.DeleteTopics(t.Context(), "dc1-resources")
	require.NoError(t, err)
	b.untilFailing("dc1-resources disc:sig", "is not there any more")
	b.untilListed("a", "c")
	_, err = admin.CreateTopics(t.Context(), 1, 1, nil, "dc1-resources")
	require.NoError(t, err)
	// A producer of its own: what one knows of a topic that is made again is not what is tested here.
	b.client, err = kgo.NewClient(kgo.SeedBrokers(b.cluster.ListenAddrs()...))
	require.NoError(t, err)
	t.Cleanup(b.client.Close)
	b.put("dc1-resources", "disc:1.0:sig", time.Now(), "a", "b")
	b.untilListed("a", "b", "c")
	require.Eventually(t, func() bool { return len(b.store.Sources()) == 2 }, patience, 10*time.Millisecond, "that of the plugin whose resources have run out is forgotten")
	for _, src := range b.store.Sources() {
		assert.Empty(t, src.Error)
	}
}

// untilListed waits for resources, in whatever order.
func (b *bus) untilListed(ids ...string) {
	b.t.Helper()
	slices.Sort(ids)
	deadline := time.After(patience)
	var got []string
	for !slices.Equal(got, ids) {
		select {
		case list := <-b.changed:
			got = got[:0]
			for _, res := range list {
				got = append(got, res.ID)
			}
			slices.Sort(got)
		case <-deadline:
			require.Fail(b.t, "other resources", "want %q, got %q\n%v", ids, got, b.logs.All())
		}
	}
}

// Whoever may write to a topic can make a receiver hold so much and no more.
func TestKafkaIsBounded(t *testing.T) {
	t.Parallel()
	b := newBus(t, "dc1-resources")
	size := func(plugin string, ids ...string) int { return len(setText(plugin, time.Now(), ids)) }
	b.limits = func(l *kafkaLimits) {
		*l = kafkaLimits{sources: 3, set: size("x", "a", "b"), total: size("x", "a", "b") + 2*size("x", "longname")}
	}
	b.put("dc1-resources", "one:1.0:sig", time.Now(), "a")
	b.start("dc1-resources")
	b.untilListed("a")
	for _, plugin := range []string{"two", "three", "four", "five"} {
		b.put("dc1-resources", plugin+":1.0:sig", time.Now(), plugin)
	}
	b.untilListed("a", "two", "three")
	b.put("dc1-resources", "one:1.0:sig", time.Now(), "a", "b", "c", "d", "e")
	b.untilFailing("dc1-resources one:sig", fmt.Sprintf("no more than %d are read", size("x", "a", "b")))
	b.put("dc1-resources", "one:1.0:sig", time.Now(), "a", "b")
	b.untilListed("a", "b", "two", "three")
	b.put("dc1-resources", "two:1.0:sig", time.Now(), "a", "c")
	b.untilFailing("dc1-resources two:sig", "the sets of all plugins have more than")
	b.put("dc1-resources", "three:1.0:sig", time.Now())
	b.untilListed("a", "b", "two")
	b.put("dc1-resources", "four:1.0:sig", time.Now(), "four")
	b.untilListed("a", "b", "two", "four")
	assert.NotZero(t, b.logs.FilterMessageSnippet("A resource set is dropped").Len())
}

// A topic that is not there yet, or empty, is no reason to wait with the others.
func TestKafkaWithoutTopics(t *testing.T) {
	t.Parallel()
	b := newBus(t, "dc1-resources", "empty-resources")
	b.put("dc1-resources", "disc:1.0:sig", time.Now(), "a")
	b.start("later-resources", "empty-resources", "dc1-resources")
	b.until("a@1.0")
}

func TestPluginOf(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{"a:1.0:sig": "a:sig", "a:1:0:sig": "a:sig", "a:b": "a:b", "a": "a", "": ""} {
		assert.Equal(t, want, pluginOf(key))
	}
}
