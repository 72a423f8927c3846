package panoptesshardsextension

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
)

func static(t *testing.T, index, count int) *shardsExtension {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Static = configoptional.Some(StaticConfig{Index: &index, Count: count})
	e, err := newExtension(extensiontest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { assert.NoError(t, e.Shutdown(context.Background())) })
	return e
}

func TestFixedSharesCoverAllShardsOnce(t *testing.T) {
	for count := 1; count <= 12; count++ {
		owners := make([]int, shard.DefaultCount)
		for index := range count {
			e := static(t, index, count)
			require.NoError(t, e.Ready())
			n := 0
			for s := range e.Count() {
				epoch, ok := e.Owns(s)
				assert.Equal(t, ok, e.Holds(s, epoch))
				if ok {
					owners[s]++
					n++
				}
			}
			assert.InDelta(t, shard.DefaultCount/count, n, 20+shard.DefaultCount/float64(5*count), "%d of %d", index, count)
		}
		for s, n := range owners {
			assert.Equal(t, 1, n, "shard %d of %d Collectors", s, count)
		}
	}
}

// TestFewShardsMoveToAFurtherCollector is what the jump hash is for.
func TestFewShardsMoveToAFurtherCollector(t *testing.T) {
	for s := range shard.DefaultCount {
		three, four := jump(uint64(s), 3), jump(uint64(s), 4)
		assert.True(t, four == three || four == 3, "shard %d moves from %d to %d", s, three, four)
	}
}

func TestOrdinal(t *testing.T) {
	for name, want := range map[string]int{"collector-2": 2, "panoptes-otelcol-11": 11, "c-0.svc.cluster.local": 0} {
		n, err := ordinal(name)
		require.NoError(t, err)
		assert.Equal(t, want, n)
	}
	for _, name := range []string{"collector", "collector-a", "collector-", "7", ""} {
		_, err := ordinal(name)
		assert.ErrorContains(t, err, "does not end in a number", name)
	}
}

func TestIndexComesFromTheHost(t *testing.T) {
	given := 1
	named := func(name string, err error) func() (string, error) {
		return func() (string, error) { return name, err }
	}
	n, err := indexOf(&StaticConfig{Index: &given, Count: 3}, named("collector-2", nil))
	require.NoError(t, err)
	assert.Equal(t, 1, n, "what is given counts")
	n, err = indexOf(&StaticConfig{Count: 3}, named("collector-2", nil))
	require.NoError(t, err)
	assert.Equal(t, 2, n)
	_, err = indexOf(&StaticConfig{Count: 3}, named("collector-3", nil))
	require.EqualError(t, err, `the host's name "collector-3" makes this Collector 3, and static::count (3) has 0 to 2: set it to the number of replicas, at all of them`)
	_, err = indexOf(&StaticConfig{Count: 3}, named("vm", nil))
	require.EqualError(t, err, `static::index is not given: the host's name "vm" does not end in a number as collector-2 does`)
	_, err = indexOf(&StaticConfig{Count: 3}, named("", errors.New("none")))
	require.EqualError(t, err, "static::index is not given, and the host has no name: none")
}

func TestFixedShareBeginsWhenPipelinesAreReady(t *testing.T) {
	e := static(t, 0, 1)
	var calls []string
	join := func(name string, source bool) {
		_, err := e.Join(shard.Part{
			Name: name, Source: source,
			Import: func(taken shard.Taken) (int, error) {
				if taken.Shard == 7 {
					calls = append(calls, "import "+name)
					assert.Equal(t, taken.Last, taken.Tenure)
					_, ok := e.Owns(7)
					assert.False(t, ok)
					return 0, errors.New("something to say")
				}
				return 0, nil
			},
			Own: func(shards []int) { calls = append(calls, "own "+name); assert.Len(t, shards, 256) },
		})
		require.NoError(t, err)
	}
	join("processor", false)
	join("receiver", true)
	_, err := e.Join(shard.Part{Name: "receiver"})
	require.ErrorContains(t, err, "joins a sharding twice")
	_, ok := e.Owns(7)
	assert.False(t, ok)
	require.NoError(t, e.Ready())
	_, ok = e.Owns(7)
	assert.True(t, ok)
	assert.Equal(t, []string{"import processor", "import receiver", "own processor", "own receiver"}, calls)
	_, err = e.Join(shard.Part{Name: "late"})
	require.ErrorContains(t, err, "has begun already")
	_, known := e.Seed()
	assert.False(t, known)
	require.NoError(t, e.NotReady())
}

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

func TestFind(t *testing.T) {
	e := static(t, 0, 1)
	id := component.NewID(metadata.Type)
	other := component.NewID(component.MustNewType("other"))
	h := host{id: e, other: nil}
	m, err := shard.Find(h, id)
	require.NoError(t, err)
	assert.Equal(t, 256, m.Count())
	_, err = shard.Find(h, other)
	require.ErrorContains(t, err, "name one of type panoptes_shards")
	_, err = shard.Find(h, component.NewIDWithName(metadata.Type, "x"))
	require.ErrorContains(t, err, "list it under service::extensions")
}
