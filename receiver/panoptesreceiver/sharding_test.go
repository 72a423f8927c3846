package panoptesreceiver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/tasks"
)

var shardsID = component.MustNewID("panoptes_shards")

const testShards = 16

// fleet is a membership that a test plays. It does with the part what a group does.
type fleet struct {
	component.StartFunc
	component.ShutdownFunc

	mu        sync.Mutex
	owned     map[int]uint64
	held      map[int]uint64
	epoch     uint64
	part      shard.Part
	announced string
}

func (f *fleet) Count() int { return testShards }

func (f *fleet) Owns(n int) (uint64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.owned[n], f.owned[n] != 0
}

func (f *fleet) Holds(n int, epoch uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return epoch != 0 && f.held[n] == epoch
}

func (f *fleet) Join(p shard.Part) (func(), error) {
	f.part = p
	return func() {}, nil
}

func (f *fleet) Seed() (seed [16]byte, ok bool) { return seed, false }

func (f *fleet) Announce(part, resources string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.announced = part + " " + resources
}

// set lets runs of a shard begin, and their results count.
func (f *fleet) set(n int, begin, count bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if begin {
		f.epoch++
		f.owned[n], f.held[n] = f.epoch, f.epoch
		return
	}
	if delete(f.owned, n); !count {
		delete(f.held, n)
	}
}

// take takes shards over, with the states that their last owner, of the tenure last, left.
func (f *fleet) take(t *testing.T, states map[int][]byte, last, tenure string, shards ...int) (items int) {
	t.Helper()
	for _, n := range shards {
		some, err := f.part.Import(shard.Taken{Shard: n, State: states[n], Last: last, Tenure: tenure})
		require.NoError(t, err)
		items += some
		f.set(n, true, true)
	}
	f.part.Own(shards)
	return items
}

// give gives shards away, and returns their states.
func (f *fleet) give(t *testing.T, drain time.Duration, shards ...int) map[int][]byte {
	t.Helper()
	for _, n := range shards {
		f.set(n, false, true)
	}
	ctx, cancel := context.WithTimeout(t.Context(), drain)
	defer cancel()
	f.part.Drain(ctx, shards)
	for _, n := range shards {
		f.set(n, false, false)
	}
	states := map[int][]byte{}
	require.NoError(t, f.part.Export(shards, func(n int, state []byte, items int) {
		states[n] = bytes.Clone(state)
		assert.Positive(t, items)
	}))
	f.part.Drop(shards)
	return states
}

// lose loses shards, as a member does that the coordinator no longer knows.
func (f *fleet) lose(shards ...int) {
	for _, n := range shards {
		f.set(n, false, false)
	}
	f.part.Drop(shards)
}

// share makes a bench's receiver one of a fleet, which has the resources a to d, each in another shard.
func (b *bench) share() (f *fleet) {
	b.t.Helper()
	f = &fleet{owned: map[int]uint64{}, held: map[int]uint64{}}
	if b.extensions == nil {
		b.extensions = map[component.ID]component.Component{}
	}
	b.extensions[shardsID] = f
	b.cfg.Sharding = &shardsID
	var list []string
	seen := map[int]bool{}
	for _, id := range []string{"a", "b", "c", "d"} {
		list = append(list, resourceJSON(id))
		seen[at(id)] = true
	}
	require.Len(b.t, seen, len(list))
	b.write("resources/one.json", "["+strings.Join(list, ",")+"]")
	return f
}

func at(id string) int { return shard.Of(id, testShards) }

func (b *bench) own() *panoptesReceiver { return b.receiver.(*instance).receiver }

// scheduled waits until the resources with tasks are these.
func (b *bench) scheduled(want ...string) {
	b.t.Helper()
	got := map[string]bool{}
	ok := assert.Eventually(b.t, func() bool {
		clear(got)
		b.own().scheduler.Glances(func(g schedule.Glance[tasks.Target]) bool {
			got[g.Value.Resource.ID] = true
			return true
		})
		for _, id := range want {
			if !got[id] {
				return false
			}
		}
		return len(got) == len(want)
	}, patience, time.Millisecond)
	require.True(b.t, ok, "tasks of %v, not of %v", got, want)
}

func TestOnlyOwnedShardsAreRun(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	f := b.share()
	b.plugins["one"] = gauge(one)
	b.write("plugins/one.panoptes-plugin", conf("one", "go:one"))
	b.start()
	assert.Equal(t, "receiver/"+b.own().set.ID.String(), f.part.Name)
	assert.True(t, f.part.Source)
	require.Eventually(t, func() bool { _, n := b.own().tasks.Counts(); return n == 4 }, patience, time.Millisecond)
	b.scheduled()
	f.mu.Lock()
	assert.Regexp(t, `^receiver/panoptes\S* 4-[0-9a-f]{16}$`, f.announced)
	f.mu.Unlock()
	assert.EqualValues(t, 4, b.sum("panoptes_resources"))

	f.take(t, nil, "", "t1", at("a"), at("b"))
	b.scheduled("a", "b")
	b.until("a run", func(p point) bool { return p.resource == "b" })
	f.take(t, nil, "", "t2", at("c"))
	b.scheduled("a", "b", "c")
	f.lose(at("a"))
	b.scheduled("b", "c")

	// Lists and plugins that change keep to what is owned.
	b.write("resources/two.json", "["+resourceJSON("a2")+","+resourceJSON("localhost")+"]")
	require.Eventually(t, func() bool { _, n := b.own().tasks.Counts(); return n == 6 }, patience, time.Millisecond)
	want := []string{"b", "c"}
	for _, id := range []string{"a2", "localhost"} {
		if at(id) == at("b") || at(id) == at("c") {
			want = append(want, id)
		}
	}
	b.scheduled(want...)
	b.write("plugins/two.panoptes-plugin", conf("two", "go:one"))
	b.until("the other plugin", func(p point) bool { return p.scope == "panoptes/two" })
	b.scheduled(want...)
	b.stop()
}

// held is a plugin that runs until it is let go.
func (b *bench) held(name string) (begun chan string, let chan struct{}) {
	begun, let = make(chan string, 100), make(chan struct{})
	b.plugins[name] = pluginsdk.PollingPluginFunc(func(ctx context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		begun <- pc.Resource.ID
		select {
		case <-let:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return gauge(one).Run(ctx, pc)
	})
	return begun, let
}

func TestResultsThatComeTooLate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	f := b.share()
	begun, let := b.held("held")
	b.write("plugins/held.panoptes-plugin", conf("held", "go:held"))
	b.start()
	f.take(t, nil, "", "t1", at("a"))
	require.Equal(t, "a", <-begun)
	f.set(at("a"), false, false) // the lease ended
	let <- struct{}{}
	require.Eventually(t, func() bool { return b.sum("panoptes_moved_runs", "plugin=held") == 1 }, patience, time.Millisecond)
	assert.EqualValues(t, 1, b.sum("panoptes_runs", "plugin=held", "outcome=canceled"))
	assert.Zero(t, b.sum("panoptes_groups", "plugin=held"))
	require.Eventually(t, func() bool { return b.sum("panoptes_skipped_runs", "plugin=held", "reason=moved") >= 1 }, patience, time.Millisecond)

	f.set(at("a"), true, true) // and another begins
	require.Equal(t, "a", <-begun)
	let <- struct{}{}
	b.until("a result", func(p point) bool { return p.resource == "a" })
	assert.Empty(t, b.own().sharding.redo[at("a")])
	b.stop()
}

func TestShardsAreDrained(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	f := b.share()
	begun, let := b.held("held")
	b.write("plugins/held.panoptes-plugin", conf("held", "go:held"))
	b.cfg.Emit.MaxDelay = time.Hour // what comes was flushed
	b.start()
	f.take(t, nil, "", "t1", at("a"), at("b"))
	<-begun
	<-begun

	// The run of a may end; what it brought is in the pipeline when the shard is given.
	done := make(chan map[int][]byte)
	go func() { done <- f.give(t, patience, at("a")) }()
	close(let)
	state := (<-done)[at("a")]
	select {
	case md := <-b.metrics:
		assert.NotEmpty(t, points(md))
	default:
		t.Error("nothing was flushed")
	}
	var s shardState
	require.NoError(t, json.Unmarshal(state, &s))
	require.NoError(t, s.Check())
	assert.Equal(t, 1, s.Moved.Len())
	b.stop()
}

// TestRunsThatTakeTooLong: they are cancelled, and the next owner makes up for them at once.
func TestRunsThatTakeTooLong(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	f := b.share()
	begun, _ := b.held("held")
	hourly := strings.Replace(conf("held", "go:held"), "execute_frequency = 1\n", "execute_frequency = 3600\n", 1)
	b.write("plugins/held.panoptes-plugin", hourly)
	b.start()
	f.take(t, nil, "", "t1", at("a"))
	b.scheduled("a")
	b.own().scheduler.Glances(func(g schedule.Glance[tasks.Target]) bool {
		assert.True(t, b.own().scheduler.Hurry(g.Task))
		return true
	})
	<-begun
	states := f.give(t, 100*time.Millisecond, at("a"))
	assert.EqualValues(t, 1, b.sum("panoptes_moved_runs", "plugin=held"))
	b.stop()

	next := newBench(t)
	g := next.share()
	begun, let := next.held("held")
	close(let)
	next.write("plugins/held.panoptes-plugin", hourly)
	next.start()
	assert.Equal(t, 1, g.take(t, states, "t1", "t2", at("a")))
	assert.Equal(t, "a", <-begun)
	next.until("its result", func(p point) bool { return p.resource == "a" })
	next.stop()
}

// TestStateMovesWithItsShard: last runs, cached results and enrichment.
func TestStateMovesWithItsShard(t *testing.T) {
	t.Parallel()
	member := func() (*bench, *fleet) {
		b := newBench(t)
		f := b.share()
		b.plugins["one"] = gauge(one)
		b.write("plugins/often.panoptes-plugin", conf("often", "go:one"))
		b.write("plugins/cached.panoptes-plugin", conf("cached", "go:one")+"results_cache_age = 3600\n")
		b.start()
		return b, f
	}
	found := func(b *bench, id string) string {
		value, _ := b.own().pluginKeys().Get(t.Context(), "enrichment:"+id+":ns")
		return value
	}
	a, f := member()
	f.take(t, nil, "", "a-1", at("a"), at("b"))
	value := json.RawMessage(`{"data":{},"metadata":{}}`)
	require.NoError(t, a.own().enrichment.Keep(t.Context(), []run.Enrichment{
		{ResourceID: "a", Namespace: "ns", TTL: time.Hour, Value: value}, {ResourceID: "b", Namespace: "ns", TTL: time.Hour, Value: value},
	}))
	require.NoError(t, a.own().pluginKeys().Set(t.Context(), "mine", "1", 0))
	a.until("a run of cached", func(p point) bool { return p.scope == "panoptes/cached" && p.resource == "a" })
	states := f.give(t, patience, at("a"))
	require.Len(t, states, 1)
	assert.Empty(t, found(a, "a"), "it went with the shard")
	assert.NotEmpty(t, found(a, "b"))

	b, g := member()
	assert.GreaterOrEqual(t, g.take(t, states, "a-1", "b-1", at("a")), 2)
	b.until("a run of often", func(p point) bool { return p.scope == "panoptes/often" && p.resource == "a" })
	require.Eventually(t, func() bool { return b.sum("panoptes_skipped_runs", "plugin=cached", "reason=cached") > 0 }, patience, time.Millisecond)
	assert.Zero(t, b.sum("panoptes_runs", "plugin=cached"), "its results came with the shard")
	assert.JSONEq(t, string(value), found(b, "a"))
	ttl, err := b.own().pluginKeys().TTL(t.Context(), "enrichment:a:ns")
	require.NoError(t, err)
	assert.InDelta(t, time.Hour.Seconds(), ttl.Seconds(), 120)
	a.stop()
	b.stop()
}

// TestStorageOfAShard: what the storage has counts where nobody else owned the shard since.
func TestStorageOfAShard(t *testing.T) {
	t.Parallel()
	d := &disk{data: map[string][]byte{}}
	member := func() (*bench, *fleet) {
		b := newBench(t)
		b.store(d)
		f := b.share()
		b.plugins["one"] = gauge(one)
		b.write("plugins/cached.panoptes-plugin", conf("cached", "go:one")+"results_cache_age = 3600\n")
		b.start()
		return b, f
	}
	value := json.RawMessage(`{"data":{},"metadata":{}}`)
	keep := func(b *bench, ids ...string) {
		for _, id := range ids {
			require.NoError(t, b.own().enrichment.Keep(t.Context(), []run.Enrichment{{ResourceID: id, Namespace: "ns", TTL: time.Hour, Value: value}}))
		}
	}
	kept := func(b *bench) (ids []string) {
		for _, id := range []string{"a", "b", "c"} {
			if _, err := b.own().pluginKeys().Get(t.Context(), "enrichment:"+id+":ns"); err == nil {
				ids = append(ids, id)
			}
		}
		return ids
	}
	b, f := member()
	f.take(t, nil, "", "t1", at("a"), at("b"))
	keep(b, "a", "b", "c")
	seen := map[string]bool{}
	b.until("runs of both", func(p point) bool { seen[p.resource] = true; return len(seen) == 2 })
	b.stop()

	b, f = member()
	assert.Equal(t, []string{"a", "b"}, kept(b), "c was never owned")
	f.take(t, nil, "t1", "t2", at("a"))
	f.take(t, nil, "elsewhere", "t2", at("b"))
	assert.Equal(t, []string{"a"}, kept(b), "somebody else owned b")
	b.scheduled("a", "b")
	require.Eventually(t, func() bool { return b.sum("panoptes_skipped_runs", "reason=cached") > 0 }, patience, time.Millisecond)
	b.until("a run of b", func(p point) bool { return p.resource == "b" })
	assert.EqualValues(t, 1, b.sum("panoptes_runs", "plugin=cached"))
	f.lose(at("a"))
	b.stop()

	b, f = member()
	f.take(t, nil, "t2", "t3", at("a"), at("b"))
	b.until("a run of a", func(p point) bool { assert.Equal(t, "a", p.resource); return true })
	b.stop()
}

// TestUnusableState: a shard is owned without it.
func TestUnusableState(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	f := b.share()
	b.start()
	for text, want := range map[string]string{"{": "unexpected end", `{"runs":"AAAA"}`: "no multiple of 16"} {
		_, err := f.part.Import(shard.Taken{Shard: 1, State: []byte(text), Last: "x", Tenure: "t1"})
		require.ErrorContains(t, err, want)
	}
	f.part.Own([]int{1})
	b.stop()
}

func TestShardingThatIsNone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.cfg.Sharding = &shardsID
	r := b.create()
	require.ErrorContains(t, r.Start(t.Context(), b), `sharding: there is no extension "panoptes_shards"`)
	require.NoError(t, r.Shutdown(t.Context()))
}

func FuzzShardState(f *testing.F) {
	f.Add([]byte(`{"runs":"AAAAAAAAAAAAAAAAAAAAAA==","results":{"1":{"version":"v","at":1}},"enrichment":[{"key":"enrichment:a:b","value":"{}"}]}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		var s shardState
		if json.Unmarshal(data, &s) == nil && s.Check() == nil {
			ts := tasks.New(tasks.Settings{})
			ts.Share(2, false, nil, nil)
			ts.Take(shard.Taken{Shard: 1, Tenure: "t"}, s.Moved)
		}
	})
}

func TestReadyWhenQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQuiet(3 * time.Second)
		reached := func() bool {
			synctest.Wait()
			select {
			case <-q.reached:
				return true
			default:
				return false
			}
		}
		<-time.After(time.Hour)
		assert.False(t, reached(), "nothing came")
		for range 5 {
			q.touch()
			<-time.After(2 * time.Second)
		}
		assert.False(t, reached())
		<-time.After(time.Second)
		assert.True(t, reached())
		q.touch()
		q.stop()
	})
}

// TestMovesWhileRunsGoOn moves a shard to and fro while its runs go on.
func TestMovesWhileRunsGoOn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	f := b.share()
	var runs atomic.Int64
	b.plugins["one"] = gauge(func() float64 { return float64(runs.Add(1)) })
	b.write("plugins/one.panoptes-plugin", conf("one", "go:one"))
	b.start()
	var states map[int][]byte
	last := ""
	for n := range 50 {
		f.take(t, states, last, fmt.Sprint("t", n), at("a"))
		b.scheduled("a")
		b.own().scheduler.Glances(func(g schedule.Glance[tasks.Target]) bool {
			b.own().scheduler.Hurry(g.Task)
			return true
		})
		states, last = f.give(t, patience, at("a")), fmt.Sprint("t", n)
		b.scheduled()
	}
	b.stop()
}

// TestDiscoveryOnce: a plugin discovers at the owner of its name's shard alone, and all know what it finds.
func TestDiscoveryOnce(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "local-resources"))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	member := func() (*bench, *fleet) {
		b := newBench(t)
		f := b.share()
		kafka := &KafkaConfig{Topics: []string{"local-resources"}, Publish: true, Client: configkafka.NewDefaultClientConfig()}
		kafka.Client.Brokers = cluster.ListenAddrs()
		b.cfg.Resources.Kafka = kafka
		b.discovery("found1", "found2")
		b.write("plugins/finds.panoptes-plugin", "[Core]\nName = Finds It\nModule = finds\n[main]\nexecute_frequency = 1\nconfig_file = found.json\n")
		b.start()
		return b, f
	}
	knows := func(b *bench, want int) {
		t.Helper()
		require.Eventually(t, func() bool { _, n := b.own().tasks.Counts(); return n == want }, patience, time.Millisecond)
	}
	a, f := member()
	b, g := member()
	knows(a, 4)
	knows(b, 4)
	f.take(t, nil, "", "a-1", at("Finds It"))
	knows(a, 6)
	knows(b, 6)
	assert.Zero(t, b.sum("panoptes_discovered_resources"))

	states := f.give(t, patience, at("Finds It"))
	require.Len(t, states, 1, "when it ran last goes with it")
	before := a.sum("panoptes_discovered_resources")
	b.list("found3")
	g.take(t, states, "a-1", "b-1", at("Finds It"))
	knows(a, 5)
	knows(b, 5)
	require.Eventually(t, func() bool { return b.sum("panoptes_discovered_resources") > 0 }, patience, time.Millisecond)
	assert.Equal(t, before, a.sum("panoptes_discovered_resources"))

	// Panoptes' consumers know the plugin by the normalized name.
	reader, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("local-resources"))
	require.NoError(t, err)
	defer reader.Close()
	for _, r := range reader.PollFetches(t.Context()).Records() {
		assert.Regexp(t, "^Finds_It:", string(r.Key))
	}

	// A site whose topic nobody reads is logged.
	b.write("plugins/found.json", "["+strings.ReplaceAll(resourceWith("x", `"resource_creation_timestamp":1512629517.5`), `"local"`, `"other"`)+"]")
	b.line("Cannot publish all discovered resources", `add "other-resources" to resources::kafka::topics`)
	a.stop()
	b.stop()
}

// TestPublishedByOneMember: of all members that know a resource, the owner of its plugin's name sends the sets.
func TestPublishedByOneMember(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "local-resources"))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	member := func() (*bench, *fleet) {
		b := newBench(t)
		f := b.share()
		b.cfg.Resources.Publish = &PublishConfig{Interval: 10 * time.Millisecond, Client: configkafka.NewDefaultClientConfig()}
		b.cfg.Resources.Publish.Client.Brokers = cluster.ListenAddrs()
		b.start()
		return b, f
	}
	a, f := member()
	b, _ := member()
	f.take(t, nil, "", "a-1", at("p")) // the plugin of all resources here
	require.Eventually(t, func() bool { return a.sum("panoptes_published_resource_sets") > 0 }, patience, time.Millisecond)
	assert.Zero(t, b.sum("panoptes_published_resource_sets"))
	assert.Zero(t, a.sum("panoptes_unpublished_resource_sets", "reason=failed"))
	a.stop()
	b.stop()
}
