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
	four, five := strings.Replace(numbered(4), `"id"`, `"other"`, 1), strings.Replace(numbered(5), `"id"`, `"other"`, 1)
	produce(t, producer, "a-processed", 1, numbered(1), "nonsense", numbered(2), numbered(3))
	produce(t, producer, "b-processed", 0, four, "{\n  \"a\": 1}", numbered(7)+"{}\n["+strings.TrimSpace(five)+"]")
	produce(t, producer, "a-other", 0, numbered(6))
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"one topic":           {[]string{"--topic", "a-processed", "-n", "3"}, []string{numbered(1), numbered(2), numbered(3)}},
		"all sites":           {[]string{"--count", "6"}, []string{numbered(1), numbered(2), numbered(3), four, numbered(7), five}},
		"two topics":          {[]string{"--topic", "a-other,b-processed", "--type", "x6", "--count", "1"}, []string{numbered(6)}},
		"topics one by one":   {[]string{"--topic", "a-other", "--topic", "b-processed", "-n4"}, []string{four, numbered(6), numbered(7), five}},
		"a pattern":           {[]string{"--topic", "a-*", "-n", "4"}, []string{numbered(1), numbered(2), numbered(3), numbered(6)}},
		"a pattern of one":    {[]string{"--topic", "?-other", "-n", "1"}, []string{numbered(6)}},
		"a pattern and names": {[]string{"--topic", "*-other,b-processed", "-n", "4"}, []string{numbered(6), four, numbered(7), five}},
		"a type":              {[]string{"--type", "x2", "--count", "1"}, []string{numbered(2)}},
		"types":               {[]string{"--type", "x2,x3", "--type", "x4", "--count", "3"}, []string{numbered(2), numbered(3), four}},
		"a filter":            {[]string{"--filter", `resource_id = "other"`, "--count", "2"}, []string{four, five}},
		"the last two":        {[]string{"--topic", "a-processed", "--from", "-2", "--count", "2"}, []string{numbered(2), numbered(3)}},
		"more than there are": {[]string{"--topic", "a-processed", "--from", "-200", "--count", "3"}, []string{numbered(1), numbered(2), numbered(3)}},
		"an offset":           {[]string{"--topic", "a-processed", "--from", "2", "--count", "2"}, []string{numbered(2), numbered(3)}},
		"an hour ago":         {[]string{"--topic", "a-processed", "--from", "1h", "--count", "3"}, []string{numbered(1), numbered(2), numbered(3)}},
		"since a time":        {[]string{"--topic", "a-processed", "--from", "2020-01-01T00:00:00Z", "--count", "3"}, []string{numbered(1), numbered(2), numbered(3)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := run(t, "", append([]string{"tail", "--brokers", seeds, "--from", "start", "--json"}, c.args...)...)
			require.Zero(t, code, stderr)
			require.ElementsMatch(t, c.want, strings.SplitAfter(strings.TrimSuffix(stdout, "\n")+"\n", "\n")[:len(c.want)])
			require.Equal(t, len(c.want), strings.Count(stdout, "\n"), "and nothing else")
		})
	}
	t.Run("readable", func(t *testing.T) {
		t.Parallel()
		code, stdout, stderr := run(t, "", "tail", "--brokers", seeds, "--topic", "a-processed", "--from", "start", "--count", "1")
		require.Zero(t, code, stderr)
		require.Contains(t, stdout, "a-processed  partition 1  offset 0  key c:sc:t\n{\n  \"metrics_group_type\": \"x1\",\n")
	})
	t.Run("what is no group", func(t *testing.T) {
		t.Parallel()
		code, stdout, stderr := run(t, "", "tail", "--brokers", seeds, "--topic", "b-processed", "--from", "start", "-n", "3", "--json")
		require.Zero(t, code, stderr)
		require.Equal(t, four+numbered(7)+five, stdout)
		require.Equal(t, `panoptes: topic "b-processed", partition 0, offset 1: no metrics group: resource (at byte 11): must be given`+"\n"+
			`panoptes: topic "b-processed", partition 0, offset 2: no metrics group: resource (at byte `+fmt.Sprint(len(numbered(7))+2)+`): must be given`+"\n"+
			"panoptes: left out what is no metrics group: 2\n", stderr)
	})
	t.Run("a table", func(t *testing.T) {
		t.Parallel()
		code, stdout, stderr := run(t, "", "tail", "--brokers", seeds, "--topic", "b-processed", "--from", "start", "-n", "2", "--table")
		require.Zero(t, code, stderr)
		require.Regexp(t, "^s\tid\tx7\td=1\tn\t7\t\t\\d+s\ns\tother\tx4\td=1\tn\t4\t\t\\d+s\n$", stdout)
		require.Contains(t, stderr, "offset 1: no metrics group")
	})
}

func TestTailIsMisused(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"column 13":                              {"--filter", "resource_id == 5"},
		"unknown --from \"yesterday\"":           {"--from", "yesterday"},
		"--count must not be negative":           {"-n", "-1"},
		"[json table] were all set":              {"--json", "--table"},
		"--topic and --type must not have empty": {"--topic", "a,,b"},
		"unknown --sasl-mechanism":               {"--sasl-user", "u"},
		"load tls: ":                             {"--tls-cert", "none.pem", "--tls-key", "none.pem"},
	} {
		code, stdout, stderr := run(t, "", append([]string{"tail", "--brokers", "127.0.0.1:1"}, args...)...)
		require.Equal(t, 2, code, stderr)
		require.Empty(t, stdout)
		require.Contains(t, stderr, want)
	}
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
