package catalogue

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

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

// put sends a set as Panoptes' discovery does. ids nil takes it back.
func (b *bus) put(topic, key string, at time.Time, ids ...string) {
	b.t.Helper()
	r := &kgo.Record{Topic: topic, Key: []byte(key), Timestamp: at}
	if ids != nil {
		var entries []string
		for _, id := range ids {
			entries = append(entries, resource(id, strings.SplitN(key, ":", 3)[1], "5"))
		}
		r.Value = []byte(`{"resources": [` + strings.Join(entries, ", ") + `], "resource_set_creation_timestamp": 1.5, "resource_set_schema_version": "0.1"}`)
	}
	require.NoError(b.t, b.client.ProduceSync(b.t.Context(), r).FirstErr())
}

func (b *bus) start(topics ...string) {
	b.t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	b.logs = logs
	b.store = store.New(store.Settings{Changed: func(list []*pluginsdk.Resource) { b.changed <- list }})
	k, err := NewKafka(KafkaSettings{
		Topics: topics, Options: []kgo.Opt{kgo.SeedBrokers(b.cluster.ListenAddrs()...)}, Store: b.store, Logger: zap.New(core), Failed: func() {},
	})
	require.NoError(b.t, err)
	ctx, cancel := contextOf(b.t)
	var wg sync.WaitGroup
	wg.Go(func() { k.Run(ctx) })
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
	assert.Equal(t, 1, b.logs.FilterMessageSnippet("Cannot load resource set").Len())
	require.NotEmpty(t, b.store.Sources()[0].Error)
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
