package sources

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/group/schema"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// publishing is a publisher to a bus, from a store that the test fills.
type publishing struct {
	*bus
	*Publisher
	known  *store.Store
	counts map[string]int
}

// publishing makes a publisher that sends the sets of all plugins but "theirs".
func (b *bus) publishing(elsewhere bool, brokers ...string) *publishing {
	b.t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	b.logs = logs
	p := &publishing{bus: b, counts: map[string]int{}, known: store.New(store.Settings{Changed: func([]*pluginsdk.Resource) {}})}
	var err error
	p.Publisher, err = NewPublisher(PublisherSettings{
		Options: []kgo.Opt{kgo.SeedBrokers(brokers...)}, Interval: time.Minute, Elsewhere: elsewhere, Logger: zap.New(core),
		Owns:   func(plugin string) bool { return plugin != "theirs" },
		Sent:   func(sets int) { p.counts["sent"] += sets },
		Unsent: func(reason Unsent, sets int) { p.counts[string(reason)] += sets },
	})
	require.NoError(b.t, err)
	b.t.Cleanup(p.Close)
	ctx, cancel := contextOf(b.t)
	ended := make(chan struct{})
	go func() { defer close(ended); p.known.Run(ctx) }()
	b.t.Cleanup(func() { cancel(); <-ended })
	return p
}

// round waits until the store knows n resources, and sends them.
func (p *publishing) round(n int) time.Duration {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return len(p.known.Entries()) == n }, patience, time.Millisecond)
	return p.Publisher.round(p.t.Context(), p.known, time.Now())
}

// sent reads n messages of a topic, as topic key ids.
func (p *publishing) sent(n int, topics ...string) (got []string) {
	p.t.Helper()
	reader, err := kgo.NewClient(kgo.SeedBrokers(p.cluster.ListenAddrs()...), kgo.ConsumeTopics(topics...))
	require.NoError(p.t, err)
	defer reader.Close()
	for len(got) < n {
		reader.PollFetches(p.t.Context()).EachRecord(func(r *kgo.Record) {
			assert.NoError(p.t, schema.ValidateResources(r.Value))
			assert.EqualValues(p.t, 1, r.Attrs.CompressionType(), "gzip")
			ids := strings.Split(string(r.Value), `"resource_id": "`)[1:]
			for i := range ids {
				ids[i], _, _ = strings.Cut(ids[i], `"`)
			}
			got = append(got, fmt.Sprint(r.Topic, " ", string(r.Key), " ", ids))
		})
	}
	slices.Sort(got)
	return got
}

func of(plugin, site, id string) *pluginsdk.Resource {
	res := discovered(site, id)
	res.Plugin = plugin
	return res
}

// TestWholeSetsArePublished: each plugin and site has a whole set, whatever the sources; what Kafka told is left out, even where it counts.
func TestWholeSetsArePublished(t *testing.T) {
	t.Parallel()
	b := newBus(t, "dc1-resources", "dc2-resources")
	p := b.publishing(false, b.cluster.ListenAddrs()...)
	open := func(kind store.Kind, list ...*pluginsdk.Resource) *store.Source {
		src := p.known.Open(store.Place{Kind: kind, Name: "x"})
		src.Set(list, time.Now())
		return src
	}
	file := open(store.KindFile, of("cmdb", "dc1", "a"), of("cmdb", "dc2", "b"))
	open(store.KindInline, of("cmdb", "dc1", "c"), of("theirs", "dc1", "x"))
	open(store.KindHTTP, of("other", "dc1", "d"))
	open(store.KindDiscovery, of("cmdb", "dc1", "e"))
	open(store.KindKafka, of("cmdb", "dc1", "e"), of("cmdb", "dc1", "echo"))
	assert.Equal(t, time.Minute, p.round(7))
	assert.Equal(t, []string{
		"dc1-resources cmdb:1:otel [a c e]", "dc1-resources other:1:otel [d]", "dc2-resources cmdb:1:otel [b]",
	}, p.sent(3, "dc1-resources", "dc2-resources"))
	file.Set([]*pluginsdk.Resource{of("cmdb", "dc2", "b"), of("cmdb", "dc 3", "bad"), of("cmdb", "dc 3", "worse")}, time.Now())
	p.round(8)
	assert.Equal(t, map[string]int{"sent": 6, "bad_topic": 1}, p.counts)
	assert.Contains(t, p.sent(6, "dc1-resources", "dc2-resources"), "dc1-resources cmdb:1:otel [c e]")

	// The receiver's own source reads them.
	b.start("dc1-resources")
	b.until("c@10.0.0.1 e@10.0.0.1 d@10.0.0.1")
}

// TestRoundsComeInTimesToLive: no resource runs out between two sets.
func TestRoundsComeInTimesToLive(t *testing.T) {
	t.Parallel()
	b := newBus(t, "dc1-resources")
	p := b.publishing(false, b.cluster.ListenAddrs()...)
	res := discovered("dc1", "a")
	res.Metadata = res.Metadata.Set(pluginsdk.ResourceTTLKey, "30")
	p.known.Open(store.Place{Kind: store.KindInline}).Set([]*pluginsdk.Resource{res}, time.Now())
	assert.Equal(t, 15*time.Second, p.round(1))
}

// TestSetsWaitForSources: a set that lacked what a source is yet to list would take it away at its readers. It waits no longer than
// half a time to live, since then all would run out.
func TestSetsWaitForSources(t *testing.T) {
	t.Parallel()
	for _, elsewhere := range []bool{false, true} {
		b := newBus(t, "dc1-resources")
		p := b.publishing(elsewhere, b.cluster.ListenAddrs()...)
		p.started = time.Now()
		p.known.Open(store.Place{Kind: store.KindInline}).Set([]*pluginsdk.Resource{discovered("dc1", "a")}, time.Now())
		p.known.Open(store.Place{Kind: store.KindDiscovery, Name: "slow"})
		p.round(1)
		if elsewhere { // what plugins discover goes another way
			assert.Equal(t, map[string]int{"sent": 1}, p.counts)
			continue
		}
		assert.Equal(t, map[string]int{"incomplete": 1}, p.counts)
		require.Contains(t, fmt.Sprint(b.logs.All()[0].ContextMap()), `discovery "slow" has listed no resources yet`)
		p.started = p.started.Add(-7 * 24 * time.Hour / 2)
		p.round(1)
		assert.Equal(t, map[string]int{"incomplete": 1, "sent": 1}, p.counts)
	}
}

// TestPublishingIsBounded: what cannot be sent is counted and logged, and the others are sent.
func TestPublishingIsBounded(t *testing.T) {
	t.Parallel()
	b := newBus(t, "dc1-resources")
	p := b.publishing(false, b.cluster.ListenAddrs()...)
	p.Publisher.limits = kafkaLimits{sources: 2, set: 900}
	big := of("big", "dc1", strings.Repeat("x", 1000))
	p.known.Open(store.Place{Kind: store.KindInline}).Set([]*pluginsdk.Resource{
		of("a", "dc1", "a"), big, of("c", "dc1", "c"), of("d", "dc1", "d"),
	}, time.Now())
	p.round(4)
	assert.Equal(t, map[string]int{"too_many": 2, "too_large": 1, "sent": 1}, p.counts)
	assert.Len(t, b.logs.All(), 2)
	p.round(4)
	assert.Len(t, b.logs.All(), 2, "they are logged once in a minute")

	away := b.publishing(false, "127.0.0.1:1")
	away.sendFor = 200 * time.Millisecond
	away.known.Open(store.Place{Kind: store.KindInline}).Set([]*pluginsdk.Resource{of("a", "dc1", "a")}, time.Now())
	away.round(1)
	assert.Equal(t, map[string]int{"failed": 1, "sent": 0}, away.counts)
	assert.Contains(t, fmt.Sprint(b.logs.All()[0].ContextMap()), `cannot write to topic "dc1-resources"`)
}
