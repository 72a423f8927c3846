//go:build unix

package redisstore

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/redistest"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv/kvtest"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// TestConformance holds a real Redis to what plugins may expect, and to the same answers as the store in memory.
func TestConformance(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for _, prefix := range []string{PanoptesPrefix, "trial[1]:"} {
		s, _ := open(t, server.Addr, func(s *Settings) { s.Prefix = prefix })
		kvtest.Run(t, s.Namespace)
	}
	s, _ := open(t, server.Addr, nil)
	kvtest.Alike(t, s.Namespace("alike"), kv.NewStore(kv.Options{}).Namespace("alike"))
}

// TestKeys looks with Redis' own commands at what lies there: names, values and times to live are Panoptes' own
// (docs/panoptes: formats.md, sections 2 and 4, runtime.md, section 7).
func TestKeys(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client, ctx := server.Client(t), t.Context()
	s, _ := open(t, server.Addr, nil)
	plugins := s.Namespace(kv.PluginsNamespace)
	const resource = "plugin|disco|site|dc1|class|network|subclass|switch|type|os|id|sw1|endpoint|sw1.example.com"

	require.NoError(t, plugins.Set(ctx, "last|dc1", "42", pluginsdk.DefaultKeyTTL))
	_, err := plugins.GetSet(ctx, "count", "1", 180*time.Second)
	require.ErrorIs(t, err, pluginsdk.ErrNotFound)
	require.NoError(t, plugins.Set(ctx, "enrichment:sw1:interface", `{"data": {}, "metadata": {}}`, 900*time.Second))
	require.NoError(t, plugins.SetAdd(ctx, "names", "sw1"))
	require.NoError(t, s.Write(ctx, kv.ResourcesNamespace, []hostapi.Pair{
		{Key: resource, Value: "timestamp|1512629517.03|meta._resource_ttl|604800|", TTL: 604800 * time.Second},
	}, nil))

	for key, want := range map[string]struct {
		value string
		ttl   time.Duration
	}{
		"panoptes:plugins_kv:last|dc1":                      {"42", 604800 * time.Second},
		"panoptes:plugins_kv:count":                         {"1", 180 * time.Second},
		"panoptes:plugins_kv:enrichment:sw1:interface":      {`{"data": {}, "metadata": {}}`, 900 * time.Second},
		"panoptes:resource_manager_kv:resource:" + resource: {"timestamp|1512629517.03|meta._resource_ttl|604800|", 604800 * time.Second},
	} {
		assert.Equal(t, want.value, client.Get(ctx, key).Val(), key)
		assert.InDelta(t, want.ttl.Seconds(), client.TTL(ctx, key).Val().Seconds(), 2, key)
	}
	assert.Equal(t, []string{"sw1"}, client.SMembers(ctx, "panoptes:plugins_kv:names").Val())
	assert.Equal(t, time.Duration(-1), client.TTL(ctx, "panoptes:plugins_kv:names").Val(), "sets live for good")
	found, err := client.Keys(ctx, "*panoptes:resource_manager_kv*").Result() // how Panoptes' own guide looks for resources
	require.NoError(t, err)
	assert.Equal(t, []string{"panoptes:resource_manager_kv:resource:" + resource}, found)

	// What Panoptes has written is read.
	require.NoError(t, client.Set(ctx, "panoptes:plugins_kv:theirs", "7", time.Hour).Err())
	value, err := plugins.Get(ctx, "theirs")
	require.NoError(t, err)
	assert.Equal(t, "7", value)
}

// TestWrite writes more than goes at once.
func TestWrite(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client, ctx := server.Client(t), t.Context()
	s, told := open(t, server.Addr, nil)
	var set []hostapi.Pair
	var gone []string
	for i := range 2*batch + 7 {
		set = append(set, hostapi.Pair{Key: fmt.Sprint("k", i), Value: fmt.Sprint(i), TTL: time.Hour})
		gone = append(gone, fmt.Sprint("k", i))
	}
	require.NoError(t, s.Write(ctx, kv.ResourcesNamespace, set, nil))
	require.NoError(t, s.Write(ctx, kv.ResourcesNamespace, nil, nil))
	keys, err := s.Namespace(kv.ResourcesNamespace).FindKeys(ctx, "*")
	require.NoError(t, err)
	assert.Len(t, keys, len(set), "in several pages")
	require.NoError(t, s.Write(ctx, kv.ResourcesNamespace, set[:1], gone[1:]))
	assert.Equal(t, []string{"panoptes:resource_manager_kv:resource:k0"}, client.Keys(ctx, "*").Val())
	assert.Empty(t, told.reasons())
}

// TestLimits: what is too much is refused, and says so.
func TestLimits(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s, told := open(t, server.Addr, nil)
	store, ctx := s.Namespace("n"), t.Context()
	large := strings.Repeat("x", kv.MaxValueBytes+1)
	require.ErrorContains(t, store.Set(ctx, "k", large, 0),
		`set key "k": redis `+server.Addr+": too large: value of 8388609 bytes, limit is 8388608")
	_, err := store.GetSet(ctx, "k", large, 0)
	require.ErrorIs(t, err, kv.ErrTooLarge)
	require.ErrorIs(t, store.SetAdd(ctx, "s", large), kv.ErrTooLarge)
	_, err = store.FindKeys(ctx, large)
	require.ErrorIs(t, err, kv.ErrTooLarge)
	require.NoError(t, store.Set(ctx, "k", large[1:], 0))
	value, err := store.Get(ctx, "k")
	require.NoError(t, err)
	assert.Len(t, value, kv.MaxValueBytes)
	client := server.Client(t)
	require.NoError(t, client.Set(ctx, "n:k", large, 0).Err())
	_, err = store.Get(ctx, "k")
	require.ErrorContains(t, err, `get key "k": redis `+server.Addr+": too large: it has more than 8388608 bytes")
	for i := range 1100 {
		require.NoError(t, client.SAdd(ctx, "n:s", fmt.Sprint(i, large[:kv.MaxAnswerBytes/1000])).Err())
	}
	_, err = store.SetMembers(ctx, "s")
	require.ErrorIs(t, err, kv.ErrTooLarge)
	_, err = s.find(ctx, "n:", "*", 5)
	require.ErrorContains(t, err, "too large: the answer has more than 5 bytes")
	assert.Equal(t, map[Reason]int{ReasonLimit: 6}, told.reasons())
	assert.LessOrEqual(t, len(told.changes()), 1, "none of this is a matter of health: %v", told.changes())
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client, ctx := server.Client(t), t.Context()
	s, told := open(t, server.Addr, nil)
	for key, value := range map[string]string{
		"panoptes:secrets:snmp_community_string:dc1": "one", "panoptes:secrets:snmp_community_string:default": "all",
		"panoptes:secrets:empty:dc1": "", "panoptes:secrets:large:dc1": strings.Repeat("hush", kv.MaxSecretBytes),
		"panoptes:secrets:a:b:c": "of another name",
	} {
		require.NoError(t, client.Set(ctx, key, value, 0).Err())
	}
	require.NoError(t, client.SAdd(ctx, "panoptes:secrets:set:dc1", "hush").Err())
	secrets := s.Secrets()
	for _, c := range []struct{ name, site, want, exact string }{
		{"snmp_community_string", "dc1", "one", "one"},
		{"snmp_community_string", "dc2", "all", ""},
		{"empty", "dc1", "", ""},
		{"none", "dc1", "", ""},
	} {
		for want, get := range map[string]func() (string, error){
			"1" + c.want:  func() (string, error) { return secrets.Get(ctx, c.name, c.site) },
			"2" + c.exact: func() (string, error) { return secrets.GetExact(ctx, c.name, c.site) },
		} {
			value, err := get()
			assert.Equal(t, want[1:], value)
			if want[1:] == "" {
				require.ErrorIs(t, err, pluginsdk.ErrNotFound)
			} else {
				require.NoError(t, err)
			}
		}
	}
	require.NoError(t, client.Set(ctx, "panoptes:secrets:snmp_community_string:dc1", "two", 0).Err())
	value, err := secrets.Get(ctx, "snmp_community_string", "dc1")
	require.NoError(t, err)
	assert.Equal(t, "two", value, "a change takes effect at once")
	for _, c := range [][2]string{{"", "dc1"}, {"a", ""}, {"a", "b:c"}, {"large", "dc1"}, {"set", "dc1"}} {
		_, err := secrets.Get(ctx, c[0], c[1])
		require.ErrorContains(t, err, fmt.Sprintf("secret %q of site %q", c[0], c[1]))
		require.NotErrorIs(t, err, pluginsdk.ErrNotFound)
		assert.NotContains(t, err.Error(), "hush")
	}
	assert.Equal(t, map[Reason]int{ReasonLimit: 1, ReasonWrongKind: 1}, told.reasons())
}

// TestEnrichmentNamespaces: the list is read once, and has what this Collector stores at once.
func TestEnrichmentNamespaces(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client, ctx := server.Client(t), t.Context()
	var later atomic.Int64 // by how much the clock is ahead
	s, _ := open(t, server.Addr, func(s *Settings) {
		s.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	})
	store := func(key string) {
		require.NoError(t, client.Set(ctx, "panoptes:plugins_kv:enrichment:"+key, "{}", time.Hour).Err())
	}
	of := func(id string) []string {
		namespaces, err := s.EnrichmentNamespaces(ctx, id)
		require.NoError(t, err)
		return namespaces
	}
	for i := range 3000 {
		store(fmt.Sprintf("dev%d:interface", i))
	}
	store("dev1:heartbeat_ns")
	store("a:b:c")
	plugins := s.Namespace(kv.PluginsNamespace)
	require.NoError(t, plugins.Set(ctx, "enrichment:dev1:early", "{}", time.Hour))
	assert.Equal(t, []string{"early", "heartbeat_ns", "interface"}, of("dev1"))
	assert.Equal(t, []string{"b:c"}, of("a"))
	assert.Equal(t, []string{"c"}, of("a:b"))
	assert.Empty(t, of("dev"))

	scans := func() string { return commandCalls(t, client, "scan") }
	before := scans()
	require.NoError(t, plugins.Set(ctx, "enrichment:dev1:mine", "{}", time.Hour))
	require.NoError(t, plugins.Set(ctx, "enrichment:dev1:interface", "{}", time.Hour))
	require.NoError(t, s.Namespace(kv.EnrichmentNamespace).Set(ctx, "dev2:mine", "{}", time.Hour))
	store("dev1:theirs")
	assert.Equal(t, []string{"early", "heartbeat_ns", "interface", "mine"}, of("dev1"))
	assert.Equal(t, []string{"interface", "mine"}, of("dev2"))
	assert.Equal(t, before, scans(), "nobody went through all keys")

	later.Store(int64(2 * listAge))
	assert.Equal(t, []string{"early", "heartbeat_ns", "interface", "mine", "theirs"}, of("dev1"), "a minute later")

	store("dev1:late")
	later.Store(int64(2*listAge + 2*listIdle))
	require.NoError(t, plugins.Set(ctx, "enrichment:dev1:later", "{}", time.Hour)) // lets the list go, for which nobody has asked
	assert.Subset(t, of("dev1"), []string{"late", "later"})
	assert.NotEqual(t, before, scans())
}

// commandCalls is how often Redis carried out a command.
func commandCalls(t *testing.T, client *redis.Client, command string) string {
	t.Helper()
	stats, err := client.Info(t.Context(), "commandstats").Result()
	require.NoError(t, err)
	_, rest, _ := strings.Cut(stats, "cmdstat_"+command+":calls=")
	calls, _, _ := strings.Cut(rest, ",")
	return calls
}
