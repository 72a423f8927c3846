package stream

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A window ends where its topics ended when it was opened, and does not wait for ever for what brokers said that they had.
func TestWindow(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "a", "b"))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	producer, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(producer.Close)
	put := func(partition int32, values ...string) {
		for _, v := range values {
			require.NoError(t, producer.ProduceSync(t.Context(), &kgo.Record{Topic: "a", Partition: partition, Value: []byte(v)}).FirstErr())
		}
	}
	put(1, "1", "2")
	put(2, "1")
	open := func() *Window {
		w, err := OpenWindow(t.Context(), Connection{Brokers: cluster.ListenAddrs()}, []string{"?"}, time.Time{})
		require.NoError(t, err)
		t.Cleanup(w.Close)
		return w
	}
	w, late := open(), open()
	require.Equal(t, []string{"a", "b"}, w.Topics())
	require.Equal(t, 3, w.Partitions())
	put(1, "after it was opened")
	got := map[int32][]string{}
	for !w.Done() {
		require.NoError(t, w.Poll(t.Context(), func(r *kgo.Record) time.Time {
			require.Equal(t, len(got) < 2, w.Front().IsZero(), "zero until each partition has begun")
			got[r.Partition] = append(got[r.Partition], string(r.Value))
			second, err := strconv.ParseInt(string(r.Value), 10, 64)
			require.NoError(t, err)
			at := time.Unix(second, 0)
			require.False(t, w.Front().After(at), "none is read that lies before the front")
			return at
		}))
	}
	require.Equal(t, map[int32][]string{1: {"1", "2"}, 2: {"1"}}, got)
	require.Equal(t, forever, w.Front())

	// What the client has fetched by now it may hand out; it is not asked for here.
	late.client.PauseFetchTopics("a")
	cluster.Close()
	late.patience = time.Millisecond
	for err == nil && !late.Done() {
		err = late.Poll(t.Context(), func(*kgo.Record) time.Time { return time.Time{} })
	}
	require.ErrorContains(t, err, `topics ["a" "b"]: nothing came for 1ms, though they have more: the reading is given up`)
}
