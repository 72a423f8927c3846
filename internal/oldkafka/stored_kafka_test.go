//go:build kafka

package oldkafka

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// record names a Python 3.6 that has kafka-python 1.3.5. It writes in the Writer's place, and what the broker keeps is
// recorded in testdata/stored.jsonl.
var record = flag.String("kafka-python", "", "record what kafka-python 1.3.5 of this `interpreter` writes")

// What the Writer writes is stored as what kafka-python wrote, byte for byte, in each format that the broker keeps. Kafka 4
// does not take it.
func TestKafkaStored(t *testing.T) {
	seeds, version := os.Getenv("KAFKA_BOOTSTRAP"), os.Getenv("KAFKA_VERSION")
	require.NotEmpty(t, seeds, "KAFKA_BOOTSTRAP is not set: run this test with scripts/test-kafka")
	formats := map[int8]string{0: "0.9.0", 1: "0.10.2", 2: "0.11.0"}
	if version != "1.1.0" {
		formats = map[int8]string{2: ""} // later ones keep no other
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer client.Close()
	for magic, format := range formats {
		site := fmt.Sprintf("old-%d-%s", magic, strconv.FormatInt(time.Now().UnixNano(), 36))
		for topic, partitions := range Partitions {
			configs := map[string]*string{}
			if format != "" {
				configs["message.format.version"] = &format
			}
			made, err := kadm.NewClient(client).CreateTopics(t.Context(), partitions, 1, configs, site+"-"+topic)
			require.NoError(t, err)
			require.NoError(t, made.Error())
		}
		writeAll(t, seeds, site)
		var got []Stored
		for topic, partitions := range Partitions {
			for p := range partitions {
				if s := fetch(t, client, site, topic, p); s.Messages > 0 {
					s.Kafka, s.Magic = version, magic
					got = append(got, s)
				}
			}
		}
		if *record != "" {
			save(t, version, magic, got)
			continue
		}
		want := All(t)[fmt.Sprintf("kafka %s magic %d", version, magic)]
		assert.Len(t, got, len(want))
		for _, s := range want {
			same := func(g Stored) bool {
				return g.Topic == s.Topic && g.Partition == s.Partition && g.Messages == s.Messages && bytes.Equal(g.Records, s.Records)
			}
			assert.True(t, slices.ContainsFunc(got, same), "magic %d, %s, partition %d", magic, s.Topic, s.Partition)
		}
	}
}

func writeAll(t *testing.T, seeds, site string) {
	t.Helper()
	if *record != "" {
		out, err := exec.CommandContext(t.Context(), *record, "testdata/write.py", seeds, site).CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	w := NewWriter(t, seeds)
	for _, m := range Messages(t) {
		require.NoError(t, w.Put(t.Context(), site, m))
	}
}

// fetch asks for all of a partition, as later clients do: the broker converts nothing.
func fetch(t *testing.T, client *kgo.Client, site, topic string, partition int32) Stored {
	t.Helper()
	ends, err := kadm.NewClient(client).ListEndOffsets(t.Context(), site+"-"+topic)
	require.NoError(t, err)
	end, _ := ends.Lookup(site+"-"+topic, partition)
	request := kmsg.NewPtrFetchRequest()
	request.MaxWaitMillis, request.MinBytes, request.MaxBytes, request.SessionEpoch = 500, 1, 1<<20, -1
	asked := kmsg.NewFetchRequestTopic()
	details, err := kadm.NewClient(client).ListTopics(t.Context(), site+"-"+topic)
	require.NoError(t, err)
	asked.Topic, asked.TopicID = site+"-"+topic, details[site+"-"+topic].ID
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.PartitionMaxBytes = partition, 1<<20
	asked.Partitions = append(asked.Partitions, p)
	request.Topics = append(request.Topics, asked)
	answer, err := request.RequestWith(t.Context(), client.Broker(int(details[site+"-"+topic].Partitions[partition].Leader)))
	require.NoError(t, err)
	require.Len(t, answer.Topics, 1)
	given := answer.Topics[0].Partitions[0]
	require.NoError(t, kerr.ErrorForCode(given.ErrorCode))
	return Stored{Topic: topic, Partition: partition, Messages: end.Offset, Records: given.RecordBatches}
}

// save replaces what is recorded of a broker and format.
func save(t *testing.T, version string, magic int8, got []Stored) {
	t.Helper()
	const file = "testdata/stored.jsonl"
	before, err := os.ReadFile(file)
	require.NoError(t, err)
	all := slices.DeleteFunc(lines[Stored](t, before), func(s Stored) bool { return s.Kafka == version && s.Magic == magic })
	all = append(all, got...)
	slices.SortFunc(all, func(a, b Stored) int {
		return bytes.Compare(fmt.Append(nil, a.Kafka, a.Magic, a.Topic, a.Partition), fmt.Append(nil, b.Kafka, b.Magic, b.Topic, b.Partition))
	})
	var out bytes.Buffer
	for _, s := range all {
		require.NoError(t, json.NewEncoder(&out).Encode(s))
	}
	require.NoError(t, os.WriteFile(file, out.Bytes(), 0o644))
}
