//go:build kafka

package panoptesjsonexporter

import (
	"context"
	"errors"
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

// deleteTopic deletes a topic, and waits until no broker knows it.
func deleteTopic(t *testing.T, admin *kadm.Client, topic string) {
	t.Helper()
	_, err := admin.DeleteTopic(t.Context(), topic)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		details, err := admin.ListTopics(t.Context(), topic)
		require.NoError(t, err)
		return errors.Is(details[topic].Err, kerr.UnknownTopicOrPartition)
	}, 30*time.Second, 20*time.Millisecond)
}

// A topic that is deleted and made again, with fewer, more or as many partitions, takes messages again, and stops no other.
func TestKafkaTopicMadeAgain(t *testing.T) {
	brokers := kafkaAddress(t, "KAFKA_BOOTSTRAP")
	for _, partitions := range []int32{1, 4, 6} {
		t.Run(strconv.Itoa(int(partitions)), func(t *testing.T) {
			t.Parallel()
			admin := admin(t)
			again, other := uniqueSite("again"), uniqueSite("other")
			createTopics(t, brokers, 4, nil, again+"-processed", other+"-processed")
			s := newSender(t, brokers, nil).start(t)
			require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, append(numbered(t, again, 40), numbered(t, other, 40)...)...)))
			consume(t, brokers, 80, again+"-processed", other+"-processed")

			deleteTopic(t, admin, again+"-processed")
			require.Eventually(t, func() bool { // brokers with ZooKeeper take their time
				response, err := admin.CreateTopic(t.Context(), partitions, 1, nil, again+"-processed")
				return err == nil && response.Err == nil
			}, 30*time.Second, 200*time.Millisecond)
			require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, append(numbered(t, again, 40), numbered(t, other, 40)...)...)))
			require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, again, 40)...)))
			assert.Len(t, consume(t, brokers, 80, other+"-processed"), 80)
			// Right after the deletion the client may put messages where the old partitions were; none is lost or doubled.
			for _, r := range consume(t, brokers, 80, again+"-processed") {
				assert.Less(t, r.Partition, partitions)
			}
		})
	}
}

// readAll reads a topic of one partition to its end.
func readAll(t *testing.T, brokers []string, topic string) []*kgo.Record {
	t.Helper()
	ends, err := admin(t).ListEndOffsets(t.Context(), topic)
	require.NoError(t, err)
	end, _ := ends.Lookup(topic, 0)
	return consume(t, brokers, int(end.Offset), topic)
}

// A topic whose partition has no leader holds up no other. Once it has one again, it has all messages, in order.
func TestKafkaTopicWithoutLeader(t *testing.T) {
	brokers := kafkaAddress(t, "KAFKA_BOOTSTRAP")
	script := os.Getenv("KAFKA_BROKER_SCRIPT")
	require.NotEmpty(t, script, "KAFKA_BROKER_SCRIPT must say how to start a broker: run these tests with scripts/test-kafka")
	first := os.Getenv("KAFKA_BROKER_PORT")
	port, err := strconv.Atoi(first)
	require.NoError(t, err)
	const further = 5 // by which the script numbers brokers, too
	dir := t.TempDir()
	broker := func(command string) {
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), script, command, strconv.Itoa(port+further), dir)
		cmd.Env = append(os.Environ(), "KAFKA_JOIN="+first, "KAFKA_HEAP=200m")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	broker("start")
	t.Cleanup(func() { broker("wipe") })
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	require.NoError(t, err)
	defer client.Close()
	stuck, other := uniqueSite("stuck"), uniqueSite("other")
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = 10000
	for site, broker := range map[string]int32{stuck: 1 + further, other: 1} { // which would else be the controller's to choose
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = site+"-processed", -1, -1
		assignment := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		assignment.Replicas = []int32{broker}
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, assignment)
		request.Topics = append(request.Topics, topic)
	}
	require.EventuallyWithT(t, func(c *assert.CollectT) { // the controller may not know the broker yet
		response, err := request.RequestWith(t.Context(), client)
		require.NoError(c, err)
		for _, topic := range response.Topics {
			err = kerr.ErrorForCode(topic.ErrorCode)
			require.True(c, err == nil || errors.Is(err, kerr.TopicAlreadyExists), "%v", err)
		}
	}, 30*time.Second, 200*time.Millisecond)

	s := newSender(t, brokers, func(cfg *Config) { cfg.Timeout.Timeout = 6 * time.Second }).start(t)
	sent := 0
	send := func(count int) {
		for range count {
			for _, site := range []string{stuck, other} {
				g := testGroup(t, testResource(site, "r"), "cpu", "n", strconv.Itoa(sent))
				require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, g)))
			}
			sent++
		}
	}
	send(5)
	consume(t, brokers, 5, stuck+"-processed")
	broker("stop")
	send(30)
	for i, r := range consume(t, brokers, sent, other+"-processed") {
		assert.Equal(t, strconv.Itoa(i), dimension(t, r, "n"))
	}
	require.Len(t, s.logs.FilterMessageSnippet("Kafka does not take a topic").All(), 1)
	broker("start")
	send(5)
	require.Eventually(t, func() bool { return s.sum(t, "groups_sent", "") == 2*sent }, 60*time.Second, 20*time.Millisecond)
	// The one that was under way when the broker went may be there twice, since nobody could say whether it was.
	var got []string
	for _, r := range readAll(t, brokers, stuck+"-processed") {
		got = append(got, dimension(t, r, "n"))
	}
	want := make([]string, sent)
	for i := range want {
		want[i] = strconv.Itoa(i)
	}
	assert.Equal(t, want, slices.Compact(got), "all, in order")
}
