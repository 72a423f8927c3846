package kafkaclient

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func newCluster(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func newClient(t *testing.T, c *kfake.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// Messages without a time of Kafka's are found by what their JSON says, those with one by Kafka, and both in one partition.
func TestOffsetsSince(t *testing.T) {
	t.Parallel()
	c := newCluster(t, kfake.SeedTopics(5, "a"))
	client := newClient(t, c)
	begin := time.Unix(1600000000, 0)
	put := func(partition int32, second int, withTime bool) {
		at := begin.Add(time.Duration(second) * time.Second)
		r := &kgo.Record{
			Topic: "a", Partition: partition, Timestamp: time.UnixMilli(-1),
			Value: fmt.Appendf(nil, `{"metrics_group_creation_timestamp": %d.0}`, at.Unix()),
		}
		if withTime {
			r.Timestamp = at
		}
		require.NoError(t, client.ProduceSync(t.Context(), r).FirstErr())
	}
	for second := range 37 {
		put(0, second, false)
		put(1, second, true)
		put(2, second, second >= 20) // Panoptes wrote it, then we
		if second < 10 {
			put(3, second, false)
		}
	}
	opts := []kgo.Opt{kgo.SeedBrokers(c.ListenAddrs()...)}
	for second, want := range map[int]map[int32]int64{
		-5: {0: 0, 1: 0, 2: 0, 3: 0, 4: 0},
		0:  {0: 0, 1: 0, 2: 0, 3: 0, 4: 0},
		7:  {0: 7, 1: 7, 2: 7, 3: 7, 4: 0},
		20: {0: 20, 1: 20, 2: 20, 3: 10, 4: 0},
		36: {0: 36, 1: 36, 2: 36, 3: 10, 4: 0},
		50: {0: 37, 1: 37, 2: 37, 3: 10, 4: 0},
	} {
		got, err := OffsetsSince(t.Context(), client, opts, begin.Add(time.Duration(second)*time.Second), "a")
		require.NoError(t, err)
		assert.Equal(t, Offsets{"a": want}, got, "second %d", second)
	}
	_, err := OffsetsSince(t.Context(), client, opts, begin, "b")
	require.ErrorContains(t, err, `"b"`)
}
