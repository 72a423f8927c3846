// Package oldkafka gives tests what Panoptes' own producer, kafka-python 1.3.5, leaves in Kafka: messages of its oldest
// format, which have no time of Kafka's.
package oldkafka

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// Message is one that kafka-python wrote. In its topic's name stands the part behind the site.
type Message struct {
	Topic         string `json:"topic"`
	Key           string `json:"key"`
	PartitionedBy string `json:"partitioned_by"`
	Partition     int32  `json:"partition"`
	Value         string `json:"value"`
}

// Stored are the messages of a partition as a broker handed them out: those that testdata/write.py wrote to it.
type Stored struct {
	Kafka     string `json:"kafka"` // the broker's version
	Magic     int8   `json:"magic"` // of the format in which it keeps messages
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Messages  int64  `json:"messages"`
	Records   []byte `json:"records"`
}

// Partitions are how many partitions the topics have.
var Partitions = map[string]int32{"resources": 2, "processed": 4}

//go:embed testdata/messages.jsonl
var messages []byte

//go:embed testdata/stored.jsonl
var stored []byte

// Messages returns what was written, in order.
func Messages(t testing.TB) []Message { return lines[Message](t, messages) }

// All returns all that was stored, by broker and format.
func All(t testing.TB) map[string][]Stored {
	t.Helper()
	all := map[string][]Stored{}
	for _, s := range lines[Stored](t, stored) {
		name := fmt.Sprintf("kafka %s magic %d", s.Kafka, s.Magic)
		all[name] = append(all[name], s)
	}
	return all
}

func lines[T any](t testing.TB, text []byte) (all []T) {
	t.Helper()
	for line := range bytes.Lines(text) {
		var one T
		require.NoError(t, json.Unmarshal(line, &one))
		all = append(all, one)
	}
	return all
}

// Serve returns a cluster that hands out what was stored, byte for byte, as topics of the site dc1.
func Serve(t testing.TB, parts []Stored) *kfake.Cluster {
	t.Helper()
	opts := []kfake.Opt{kfake.NumBrokers(1), kfake.MaxVersions(kversion.V1_1_0())} // which names topics when it fetches
	for topic, partitions := range Partitions {
		opts = append(opts, kfake.SeedTopics(partitions, "dc1-"+topic))
	}
	cluster, err := kfake.NewCluster(opts...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	w := NewWriter(t, cluster.ListenAddrs()[0])
	for _, m := range Messages(t) { // so that the cluster knows where partitions end
		m.Value = ""
		require.NoError(t, w.Put(t.Context(), "dc1", m))
	}
	cluster.ControlKey(int16(kmsg.Fetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		asked := request.(*kmsg.FetchRequest)
		answer := asked.ResponseKind().(*kmsg.FetchResponse)
		for _, topic := range asked.Topics {
			given := kmsg.NewFetchResponseTopic()
			given.Topic = topic.Topic
			for _, p := range topic.Partitions {
				for _, s := range parts {
					if "dc1-"+s.Topic == topic.Topic && s.Partition == p.Partition && p.FetchOffset < s.Messages {
						partition := kmsg.NewFetchResponseTopicPartition()
						partition.Partition, partition.HighWatermark, partition.LastStableOffset = p.Partition, s.Messages, s.Messages
						partition.RecordBatches = s.Records
						given.Partitions = append(given.Partitions, partition)
					}
				}
			}
			if len(given.Partitions) > 0 {
				answer.Topics = append(answer.Topics, given)
			}
		}
		return answer, nil, len(answer.Topics) > 0
	})
	return cluster
}

// Writer writes messages as kafka-python 1.3.5 does, in its format where the broker takes it: Kafka 4 does not. There they
// are as such a broker keeps what an older one has left to it.
type Writer struct{ client *kgo.Client }

// NewWriter connects. The connection ends with the test.
func NewWriter(t testing.TB, seeds ...string) *Writer {
	t.Helper()
	opts := []kgo.Opt{
		kgo.SeedBrokers(seeds...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.UnknownTopicRetries(-1), kgo.MetadataMinAge(50 * time.Millisecond), kgo.DisableIdempotentWrite(),
	}
	client, err := kgo.NewClient(opts...)
	require.NoError(t, err)
	versions, err := kadm.NewClient(client).ApiVersions(t.Context())
	require.NoError(t, err)
	for _, broker := range versions {
		// Kafka 4 says that it takes the old requests of producers and then does not, but it is honest about fetching.
		if least, ok := broker.KeyMinVersion(int16(kmsg.Fetch)); ok && least == 0 {
			client.Close()
			// Of old requests for metadata, brokers of all versions say of a partition with a copy on a broker that is off that it cannot
			// be written, which kafka-python does not heed.
			upTo := kversion.Stable()
			upTo.SetMaxKeyVersion(int16(kmsg.Produce), 1)
			client, err = kgo.NewClient(append(opts, kgo.MaxVersions(upTo))...)
			require.NoError(t, err)
			break
		}
	}
	t.Cleanup(client.Close)
	return &Writer{client}
}

// Put writes a message to a topic of a site, and waits until the broker has it.
func (w *Writer) Put(ctx context.Context, site string, m Message) error {
	return w.client.ProduceSync(ctx, &kgo.Record{
		Topic: site + "-" + m.Topic, Partition: m.Partition, Key: []byte(m.Key), Value: []byte(m.Value), Timestamp: time.UnixMilli(-1),
	}).FirstErr()
}
