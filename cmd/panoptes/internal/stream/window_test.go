package stream

import (
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
	put := func(values ...string) {
		for _, v := range values {
			require.NoError(t, producer.ProduceSync(t.Context(), &kgo.Record{Topic: "a", Partition: 1, Value: []byte(v)}).FirstErr())
		}
	}
	put("one", "two")
	open := func() *Window {
		w, err := OpenWindow(t.Context(), Connection{Brokers: cluster.ListenAddrs()}, []string{"?"}, time.Time{})
		require.NoError(t, err)
		t.Cleanup(w.Close)
		return w
	}
	w, late := open(), open()
	require.Equal(t, []string{"a", "b"}, w.Topics())
	require.Equal(t, 3, w.Partitions())
	put("after it was opened")
	var got []string
	for !w.Done() {
		require.NoError(t, w.Poll(t.Context(), func(r *kgo.Record) { got = append(got, string(r.Value)) }))
	}
	require.Equal(t, []string{"one", "two"}, got)

	// What the client has fetched by now it may hand out; it is not asked for here.
	late.client.PauseFetchTopics("a")
	cluster.Close()
	late.patience = time.Millisecond
	for err == nil && !late.Done() {
		err = late.Poll(t.Context(), func(*kgo.Record) {})
	}
	require.ErrorContains(t, err, `topics ["a" "b"]: nothing came for 1ms, though they have more: the reading is given up`)
}
