package panoptesreceiver

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// outside is a store outside of the Collector, as the extension panoptes_redis is one, that is in memory.
type outside struct {
	component.StartFunc
	component.ShutdownFunc
	store *kv.Store
}

var (
	outsideID                = component.MustNewID("test_redis")
	_         hostapi.Shared = outside{}
)

func (o outside) Namespace(name string) pluginsdk.KeyValueStore { return o.store.Namespace(name) }

func (o outside) Secrets() hostapi.SecretsStore { return o }

func (o outside) Get(ctx context.Context, name, site string) (string, error) {
	return o.GetExact(ctx, name, site)
}

func (o outside) GetExact(ctx context.Context, name, site string) (string, error) {
	return o.store.Namespace(kv.SecretsNamespace).Get(ctx, name+":"+site)
}

func (o outside) EnrichmentNamespaces(ctx context.Context, resourceID string) ([]string, error) {
	found, err := o.store.Namespace(kv.EnrichmentNamespace).FindKeys(ctx, resourceID+":*")
	for i := range found {
		found[i] = strings.TrimPrefix(found[i], resourceID+":")
	}
	return found, err
}

func (o outside) Write(ctx context.Context, namespace string, set []hostapi.Pair, deleted []string) error {
	for _, p := range set {
		if err := o.Namespace(namespace).Set(ctx, p.Key, p.Value, p.TTL); err != nil {
			return err
		}
	}
	for _, key := range deleted {
		if err := o.Namespace(namespace).Delete(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// TestRedis: what plugins keep, what they find out, what is secret and what resources there are lies where the extension
// keeps it, and nowhere else.
func TestRedis(t *testing.T) {
	t.Parallel()
	d := &disk{data: map[string][]byte{}}
	o := outside{store: kv.NewStore(kv.Options{})}
	ctx := t.Context()
	plugins := o.Namespace(kv.PluginsNamespace)
	require.NoError(t, plugins.Set(ctx, "count", "41", time.Hour), "by somebody else")
	require.NoError(t, plugins.Set(ctx, "enrichment:localhost:theirs", `{"data": {"a": {"b": 1}}, "metadata": {}}`, time.Hour))
	require.NoError(t, o.Namespace(kv.SecretsNamespace).Set(ctx, "token:local", "sesame", 0))

	b := newBench(t)
	b.store(d)
	b.extensions[outsideID] = o
	b.cfg.Redis = &outsideID
	b.write("plugins/knows.py", enrichmentModule)
	b.write("plugins/knows.panoptes-plugin", conf("knows", "knows")+"enrichment_ttl = 300\n")
	b.write("plugins/counts.py", module(`
        group.add_dimension(PanoptesMetricDimension('secret', context.secrets.get_by_site('token', 'local')))
        group.add_dimension(PanoptesMetricDimension('theirs', str(context.enrichment.get_enrichment_value('self', 'theirs', 'a')['b'])))
`+countsRuns))
	b.write("plugins/counts.panoptes-plugin", conf("counts", "counts")+"[enrichment]\npreload = self:*\n")
	b.start()
	p := b.until("a run", func(p point) bool { return p.scope == "panoptes/counts" })
	assert.GreaterOrEqual(t, p.value, 42.0)
	assert.Equal(t, map[string]any{"secret": "sesame", "theirs": "1"}, p.dimensions)
	require.Eventually(t, func() bool {
		_, err := plugins.Get(ctx, "enrichment:localhost:ports")
		return err == nil
	}, patience, 10*time.Millisecond, "enrichment")
	left, err := plugins.TTL(ctx, "enrichment:localhost:ports")
	require.NoError(t, err)
	assert.InDelta(t, 300, left.Seconds(), 60)

	const key = "plugin|p|site|local|class|system|subclass|host|type|generic|id|localhost|endpoint|127.0.0.1"
	resources := o.Namespace(kv.ResourcesNamespace)
	var value string
	require.Eventually(t, func() bool {
		value, err = resources.Get(ctx, key)
		return err == nil
	}, patience, 10*time.Millisecond, "the key of the resource")
	assert.Equal(t, "timestamp|1512629517.03121|meta._resource_ttl|900|meta.os|linux|", value)
	b.write("resources/one.json", `[`+resourceJSON("other")+`]`)
	require.Eventually(t, func() bool {
		keys, err := resources.FindKeys(ctx, "*")
		return err == nil && len(keys) == 1 && strings.Contains(keys[0], "|id|other|")
	}, patience, 10*time.Millisecond, "the key of the one that left is deleted")
	b.stop()
	for key := range d.data {
		assert.NotContains(t, key, "kv", "keys of plugins are not in the storage, too")
	}
	keys, err := resources.FindKeys(ctx, "*")
	require.NoError(t, err)
	assert.Len(t, keys, 1, "what is there stays for its time to live")
}

// TestRedisOfAFleet: where members of a fleet have a Redis, what plugins keep and find out is there for the next owner of a
// shard, and stays there when the last one forgets the shard.
func TestRedisOfAFleet(t *testing.T) {
	t.Parallel()
	o := outside{store: kv.NewStore(kv.Options{})}
	plugins := o.Namespace(kv.PluginsNamespace)
	member := func() (*bench, *fleet) {
		b := newBench(t)
		f := b.share()
		b.extensions[outsideID] = o
		b.cfg.Redis = &outsideID
		b.plugins["counts"] = pluginsdk.PollingPluginFunc(func(ctx context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
			last, _ := pc.KV.Get(ctx, "count:"+pc.Resource.ID)
			n, _ := strconv.Atoi(last)
			err := pc.KV.Set(ctx, "count:"+pc.Resource.ID, strconv.Itoa(n+1), 0)
			return pluginsdk.NewMetricsGroupSet(), err
		})
		b.write("plugins/counts.panoptes-plugin", conf("counts", "go:counts"))
		b.start()
		return b, f
	}
	count := func() int {
		text, _ := plugins.Get(t.Context(), "count:a")
		n, _ := strconv.Atoi(text)
		return n
	}
	const found = "enrichment:a:ns"
	a, f := member()
	f.take(t, nil, "", "a-1", at("a"))
	require.Eventually(t, func() bool { return count() > 0 }, patience, time.Millisecond)
	require.NoError(t, a.own().enrichment.Keep(t.Context(), []run.Enrichment{
		{ResourceID: "a", Namespace: "ns", TTL: time.Hour, Value: []byte(`{"data":{},"metadata":{}}`)},
	}))
	b, g := member()
	states := f.give(t, patience, at("a"))
	before := count()
	g.take(t, states, "a-1", "b-1", at("a"))
	require.Eventually(t, func() bool { return count() > before }, patience, time.Millisecond, "the next owner counts on")
	g.lose(at("a"))
	_, err := plugins.Get(t.Context(), found)
	require.NoError(t, err)
	a.stop()
	b.stop()
	_, err = plugins.Get(t.Context(), found)
	require.NoError(t, err)
}

func TestRedisThatIsNone(t *testing.T) {
	t.Parallel()
	for want, ext := range map[string]component.Component{
		`redis: there is no extension "test_redis": list it under service::extensions`:             nil,
		`redis: extension "test_redis" keeps no keys of Panoptes: name one of type panoptes_redis`: &disk{},
	} {
		b := newBench(t)
		b.cfg.Redis = &outsideID
		if ext != nil {
			b.extensions = map[component.ID]component.Component{outsideID: ext}
		}
		r := b.create()
		require.EqualError(t, r.Start(t.Context(), b), want)
		require.NoError(t, r.Shutdown(t.Context()))
	}
}
