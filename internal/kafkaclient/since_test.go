package kafkaclient

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/internal/oldkafka"
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

// So are the messages that kafka-python wrote, as brokers keep them.
func TestOffsetsSinceOfPanoptes(t *testing.T) {
	t.Parallel()
	for name, parts := range oldkafka.All(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := oldkafka.Serve(t, parts)
			opts := []kgo.Opt{kgo.SeedBrokers(c.ListenAddrs()...)}
			client := newClient(t, c)
			for second, want := range map[int64]map[int32]int64{
				0:   {0: 0, 1: 0, 2: 0, 3: 0},
				80:  {0: 1, 1: 2, 2: 0, 3: 0}, // a minute after the first, the second of three
				141: {0: 2, 1: 5, 2: 0, 3: 0},
				900: {0: 4, 1: 8, 2: 0, 3: 0},
			} {
				got, err := OffsetsSince(t.Context(), client, opts, time.Unix(1600000000+second, 0), "dc1-processed")
				require.NoError(t, err)
				assert.Equal(t, Offsets{"dc1-processed": want}, got, "second %d", second)
			}
		})
	}
}
