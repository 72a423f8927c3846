package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/internal/oldkafka"
)

// tail and parity find the messages that kafka-python wrote by their own times, as brokers keep them.
func TestMessagesOfPanoptes(t *testing.T) {
	t.Parallel()
	var groups []string
	for _, m := range oldkafka.Messages(t) {
		if m.Topic == "processed" {
			groups = append(groups, m.Value+"\n")
		}
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(oldkafka.Partitions["processed"], "dc1-trial"))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	producer, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(producer.Close)
	for _, m := range oldkafka.Messages(t) {
		if m.Topic == "processed" { // as the Collector writes them, with times
			r := &kgo.Record{Topic: "dc1-trial", Partition: m.Partition, Key: []byte(m.Key), Value: []byte(m.Value)}
			require.NoError(t, producer.ProduceSync(t.Context(), r).FirstErr())
		}
	}
	for name, parts := range oldkafka.All(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seeds := oldkafka.Serve(t, parts).ListenAddrs()[0]
			code, stdout, stderr := run(t, "", "tail", "--brokers", seeds, "--topic", "dc1-processed", "--from", "2020-09-13T12:30:00Z", "--json", "-n", "3")
			require.Zero(t, code, stderr)
			assert.ElementsMatch(t, groups[len(groups)-3:], strings.SplitAfter(stdout, "\n")[:3])
			code, stdout, stderr = run(t, "", "parity", "--brokers", seeds, "--brokers", cluster.ListenAddrs()[0], "--topic", "dc1-processed", "--topic", "dc1-trial",
				"--from", "2020-09-13T12:29:00Z", "--min-share", "1")
			require.Zero(t, code, stdout+stderr)
			assert.Contains(t, stdout, "A: dc1-processed on "+seeds+": 6 groups of 3 series\n")
			assert.Contains(t, stdout, "6 pairs, 6 of them agree")
		})
	}
}
