package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// kafka starts a broker with some topics of two partitions, and returns its address and a producer.
func kafka(t *testing.T, topics ...string) (string, *kgo.Client) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, topics...), kfake.AllowAutoTopicCreation())
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	producer, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.AllowAutoTopicCreation(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(producer.Close)
	return cluster.ListenAddrs()[0], producer
}

func produce(t *testing.T, client *kgo.Client, topic string, partition int32, values ...string) {
	t.Helper()
	for _, v := range values {
		r := &kgo.Record{Topic: topic, Partition: partition, Key: []byte("c:sc:t"), Value: []byte(strings.TrimSuffix(v, "\n"))}
		require.NoError(t, client.ProduceSync(t.Context(), r).FirstErr())
	}
}

func numbered(n int) string { return line(fmt.Sprintf("x%d", n), 1000, counter(n)) }

func TestTail(t *testing.T) {
	t.Parallel()
	seeds, producer := kafka(t, "a-processed", "b-processed", "a-other")
	produce(t, producer, "a-processed", 1, numbered(1), "nonsense", numbered(2), numbered(3))
	produce(t, producer, "b-processed", 0, strings.Replace(numbered(4), `"id"`, `"other"`, 1), "{\n  \"a\": 1}")
	produce(t, producer, "a-other", 0, numbered(6))
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"one topic, as it is": {[]string{"--topic", "a-processed", "--count", "4"}, []string{numbered(1), "nonsense\n", numbered(2), numbered(3)}},
		"all sites":           {[]string{"--count", "6"}, []string{numbered(1), "nonsense\n", numbered(2), numbered(3), strings.Replace(numbered(4), `"id"`, `"other"`, 1), "{\"a\":1}\n"}},
		"two topics":          {[]string{"--topic", "a-other,b-processed", "--type", "x6", "--count", "1"}, []string{numbered(6)}},
		"a type":              {[]string{"--type", "x2", "--count", "1"}, []string{numbered(2)}},
		"a filter":            {[]string{"--filter", `resource_id = "other"`, "--count", "1"}, []string{strings.Replace(numbered(4), `"id"`, `"other"`, 1)}},
		"the last two":        {[]string{"--topic", "a-processed", "--from", "-2", "--count", "2"}, []string{numbered(2), numbered(3)}},
		"more than there are": {[]string{"--topic", "a-processed", "--from", "-200", "--count", "4"}, []string{numbered(1), "nonsense\n", numbered(2), numbered(3)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := run(t, "", append([]string{"tail", "--brokers", seeds, "--from", "start", "--json"}, c.args...)...)
			require.Zero(t, code, stderr)
			require.ElementsMatch(t, c.want, strings.SplitAfter(stdout, "\n")[:len(c.want)])
		})
	}
	t.Run("readable", func(t *testing.T) {
		t.Parallel()
		code, stdout, stderr := run(t, "", "tail", "--brokers", seeds, "--topic", "a-processed", "--from", "start", "--count", "1")
		require.Zero(t, code, stderr)
		require.Contains(t, stdout, "a-processed  partition 1  offset 0  key c:sc:t\n{\n  \"metrics_group_type\": \"x1\",\n")
	})
	t.Run("a filter that does not parse", func(t *testing.T) {
		t.Parallel()
		code, _, stderr := run(t, "", "tail", "--brokers", seeds, "--filter", "resource_id == 5")
		require.Equal(t, 2, code)
		require.Contains(t, stderr, "column 13")
	})
}

// TestTailFollows: it shows what arrives after its start, on topics that come into being, and ends well when
// interrupted.
func TestTailFollows(t *testing.T) {
	t.Parallel()
	seeds, producer := kafka(t)
	ctx, cancel := context.WithCancel(t.Context())
	read, stdout := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- RunContext(ctx, []string{"tail", "--brokers", seeds, "--from", "start", "--json"}, nil, stdout, io.Discard)
	}()
	for n := range 2 {
		produce(t, producer, fmt.Sprintf("site%d-processed", n), 0, numbered(n))
		buf := make([]byte, len(numbered(n)))
		_, err := io.ReadFull(read, buf)
		require.NoError(t, err)
		require.Equal(t, numbered(n), string(buf))
	}
	cancel()
	require.Zero(t, <-done)
}

func TestTailNoBroker(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	code, stdout, stderr := run(t, "", "tail", "--brokers", address)
	require.Equal(t, 1, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "no broker of "+address+" answers")
}
