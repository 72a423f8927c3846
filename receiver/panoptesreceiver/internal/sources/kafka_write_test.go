package sources

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/internal/group/schema"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func discovered(site, id string) *pluginsdk.Resource {
	return &pluginsdk.Resource{
		Site: site, Class: "network", Subclass: "switch", Type: "generic", ID: id, Endpoint: "10.0.0.1", Plugin: "find",
		CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Int(1_700_000_000)),
	}
}

// TestSetsAreWritten: what is written is read as what the plugin found, and takes the place of what it found before.
func TestSetsAreWritten(t *testing.T) {
	t.Parallel()
	b := newBus(t, "dc1-resources", "dc2-resources")
	topics := []string{"dc1-resources", "dc2-resources"}
	w, err := NewSetWriter(topics, []kgo.Opt{kgo.SeedBrokers(b.cluster.ListenAddrs()...)})
	require.NoError(t, err)
	defer w.Close()
	b.start(topics...)
	a, c := discovered("dc1", "a"), discovered("dc2", "c")
	require.NoError(t, w.Write(t.Context(), "Find", "1", []*pluginsdk.Resource{a, discovered("dc1", "b"), c}))
	b.until("a@10.0.0.1 b@10.0.0.1 c@10.0.0.1")
	reader, err := kgo.NewClient(kgo.SeedBrokers(b.cluster.ListenAddrs()...), kgo.ConsumeTopics(topics...))
	require.NoError(t, err)
	defer reader.Close()
	for _, r := range reader.PollFetches(t.Context()).Records() {
		assert.EqualValues(t, 1, r.Attrs.CompressionType(), "gzip")
	}
	require.NoError(t, w.Write(t.Context(), "Find", "2", []*pluginsdk.Resource{a}))
	b.until("a@10.0.0.1 c@10.0.0.1") // of the other site nothing was said

	err = w.Write(t.Context(), "Find", "2", []*pluginsdk.Resource{discovered("dc1", "d"), discovered("dc3", "e")})
	require.ErrorContains(t, err, `the 1 resources of site "dc3" have no topic that is read: add "dc3-resources" to resources::kafka::topics`)
	b.until("d@10.0.0.1 c@10.0.0.1")

	away, err := NewSetWriter(topics, []kgo.Opt{kgo.SeedBrokers("127.0.0.1:1")})
	require.NoError(t, err)
	defer away.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, away.Write(ctx, "Find", "2", []*pluginsdk.Resource{a}), `cannot write the resources to topic "dc1-resources"`)
}

func TestFormOfASet(t *testing.T) {
	t.Parallel()
	set := appendSet(nil, []*pluginsdk.Resource{discovered("dc1", "a"), discovered("dc1", "b")}, time.UnixMilli(1_700_000_000_250))
	require.NoError(t, schema.ValidateResources(set))
	assert.Contains(t, string(set), `"resource_set_creation_timestamp": 1700000000.25, "resource_set_schema_version": "0.1"}`)
}
