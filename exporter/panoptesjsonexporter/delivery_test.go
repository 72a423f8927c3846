package panoptesjsonexporter

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const produceKey = int16(kmsg.Produce)

var testScope = pdata.Scope{Plugin: "p"}

// numbered makes groups of one resource with the dimension n from 0 on.
func numbered(t *testing.T, site string, count int) []*pluginsdk.MetricsGroup {
	t.Helper()
	groups := make([]*pluginsdk.MetricsGroup, count)
	for i := range groups {
		groups[i] = testGroup(t, testResource(site, "r"), "cpu", "n", strconv.Itoa(i))
	}
	return groups
}

func numbers(count int) []string {
	values := make([]string, count)
	for i := range values {
		values[i] = strconv.Itoa(i)
	}
	slices.Sort(values)
	return values
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 20_000)
	tests := map[string]struct {
		clientLimit int
		brokerLimit string
		log         string
	}{
		"for the exporter": {10_000, "1000000", "A metrics group is larger than producer::max_message_bytes: it is dropped"},
		"for the topic": {
			1_000_000, "10000",
			"A metrics group is larger than the broker's message.max.bytes or the topic's max.message.bytes: it is dropped",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// One partition: the large group meets its neighbours in one request.
			c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"), kfake.BrokerConfigs(map[string]string{"message.max.bytes": tt.brokerLimit}))
			s := newSender(t, c.ListenAddrs(), func(cfg *Config) {
				synchronous(cfg)
				cfg.Producer.MaxMessageBytes = tt.clientLimit
			}).start(t)
			groups := numbered(t, "dc1", 40)
			groups = slices.Insert(groups, 7, testGroup(t, testResource("dc1", "big"), "disk", "n", large))
			for range 2 { // the second time it is counted, but not explained again
				require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, groups...)))
			}
			records := consume(t, c.ListenAddrs(), 80, "dc1-processed")
			for i, r := range records { // in order, too
				assert.Equal(t, strconv.Itoa(i%40), dimension(t, r, "n"))
			}
			assert.Equal(t, 2, s.sum(t, "groups_dropped", "too_large"))
			assert.Equal(t, 80, s.sum(t, "groups_sent", ""))
			logs := s.logs.FilterMessage(tt.log).All()
			require.Len(t, logs, 1)
			fields := logs[0].ContextMap()
			assert.Equal(t, "big", fields["resource_id"])
			assert.Equal(t, "disk", fields["metrics_group_type"])
			assert.Equal(t, map[string]string{"n": large}, fields["dimensions"])
			assert.Equal(t, int64(tt.clientLimit), fields["max_message_bytes"])
			assert.Greater(t, fields["bytes"], int64(20_000))
		})
	}
}

// A broker that cannot take its partitions for a while: the others' messages are not sent twice.
func TestPartialFailure(t *testing.T) {
	t.Parallel()
	c := newCluster(t, kfake.NumBrokers(2), kfake.SeedTopics(4, "dc1-processed"))
	for p := range int32(4) {
		require.NoError(t, c.MoveTopicPartition("dc1-processed", p, p%2))
	}
	var fixed atomic.Bool
	c.ControlKey(produceKey, func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if c.CurrentNode() != 1 || fixed.Load() {
			return nil, nil, false
		}
		return rejectAll(req.(*kmsg.ProduceRequest), kerr.NotEnoughReplicas.Code), nil, true
	})
	s := newSender(t, c.ListenAddrs(), func(cfg *Config) {
		synchronous(cfg)
		cfg.Timeout.Timeout = 300 * time.Millisecond
	}).start(t)
	done := make(chan error, 1)
	go func() { done <- s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, "dc1", 40)...)) }()
	s.awaitRetry(t)
	fixed.Store(true)
	require.NoError(t, <-done)
	records := consume(t, c.ListenAddrs(), 40, "dc1-processed")
	assert.Equal(t, numbers(40), dimensionsOf(t, records, "n"))
	for _, r := range records {
		assert.Equal(t, partitionOf(t, r, 4), r.Partition, "also of those tried again")
	}
	assert.Equal(t, 40, s.sum(t, "groups_sent", ""))
	assert.Equal(t, 40, s.sum(t, "records_sent", ""))
	assert.Positive(t, s.sum(t, "records_unsent", ""), "an attempt failed in part")
	assert.Zero(t, s.sum(t, "groups_dropped", ""))
}

// rejectAll answers a produce request with an error for each partition.
func rejectAll(req *kmsg.ProduceRequest, code int16) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	for _, rt := range req.Topics {
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic, topic.TopicID = rt.Topic, rt.TopicID
		for _, rp := range rt.Partitions {
			partition := kmsg.NewProduceResponseTopicPartition()
			partition.Partition, partition.ErrorCode = rp.Partition, code
			topic.Partitions = append(topic.Partitions, partition)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

func TestRefusedTopics(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		reason  string
		cluster []kfake.Opt
		change  func(*Config)
	}{
		"unknown, and not to be created": {
			"unknown_topic",
			[]kfake.Opt{kfake.SeedTopics(1, "dc1-processed")},
			func(cfg *Config) { cfg.Producer.AllowAutoTopicCreation = false },
		},
		"not authorized": {
			"not_authorized",
			[]kfake.Opt{
				kfake.SeedTopics(1, "dc1-processed", "dc2-processed"), kfake.EnableSASL(), kfake.EnableACLs(),
				kfake.User("PLAIN", "u", "s", kfake.ACL{
					Resource: kmsg.ACLResourceTypeTopic, Name: "dc1-processed", Pattern: kmsg.ACLResourcePatternTypeLiteral,
					Operation: kmsg.ACLOperationWrite, Allow: true,
				}, kfake.ACL{
					Resource: kmsg.ACLResourceTypeTopic, Name: "dc1-processed", Pattern: kmsg.ACLResourcePatternTypeLiteral,
					Operation: kmsg.ACLOperationRead, Allow: true,
				}, kfake.ACL{
					Resource: kmsg.ACLResourceTypeCluster, Name: "kafka-cluster", Pattern: kmsg.ACLResourcePatternTypeLiteral,
					Operation: kmsg.ACLOperationIdempotentWrite, Allow: true,
				}),
			},
			withUser("PLAIN", "u", "s"),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, tt.cluster...)
			s := newSender(t, c.ListenAddrs(), func(cfg *Config) {
				synchronous(cfg)
				tt.change(cfg)
			}).start(t)
			for range 2 {
				require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope,
					append(numbered(t, "dc2", 3), numbered(t, "dc1", 5)...)...)))
			}
			assert.Equal(t, 10, s.sum(t, "groups_sent", ""))
			assert.Equal(t, 6, s.sum(t, "groups_dropped", tt.reason))
			logs := s.logs.FilterMessageSnippet("Kafka refuses a topic").All()
			require.Len(t, logs, 1)
			assert.Equal(t, "dc2-processed", logs[0].ContextMap()["topic"])
			assert.Equal(t, tt.reason, logs[0].ContextMap()["reason"])
		})
	}
}

// A group that Kafka has on one of its topics is not sent there again while the other one cannot take it.
func TestRetryIsByTopic(t *testing.T) {
	t.Parallel()
	c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"), kfake.DefaultNumPartitions(1))
	s := newSender(t, c.ListenAddrs(), func(cfg *Config) {
		synchronous(cfg)
		cfg.Topics.Global = true // panoptes-metrics is not there yet, and the broker does not create it
	}).start(t)
	done := make(chan error, 1)
	go func() { done <- s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, "dc1", 3)...)) }()

	require.Len(t, consume(t, c.ListenAddrs(), 3, "dc1-processed"), 3)
	s.awaitRetry(t)
	createTopic(t, c.ListenAddrs(), "panoptes-metrics")
	require.NoError(t, <-done)
	assert.Len(t, consume(t, c.ListenAddrs(), 6, "dc1-processed", "panoptes-metrics"), 6)
	assert.Equal(t, 3, s.sum(t, "groups_sent", ""))
	assert.Equal(t, 6, s.sum(t, "records_sent", ""))
}

func createTopic(t *testing.T, brokers []string, topic string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	require.NoError(t, err)
	defer client.Close()
	resp, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, nil, topic)
	require.NoError(t, err)
	require.NoError(t, resp.Err)
}

// A topic that is deleted and made anew is found again.
func TestTopicMadeAnew(t *testing.T) {
	t.Parallel()
	c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
	s := newSender(t, c.ListenAddrs(), synchronous).start(t)
	require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, "dc1", 1)...)))
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	require.NoError(t, err)
	defer client.Close()
	_, err = kadm.NewClient(client).DeleteTopic(t.Context(), "dc1-processed")
	require.NoError(t, err)
	createTopic(t, c.ListenAddrs(), "dc1-processed")
	require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, "dc1", 2)...)))
	assert.Len(t, consume(t, c.ListenAddrs(), 2, "dc1-processed"), 2)
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().(*net.TCPAddr).Port
}

func TestBrokerDownAtStart(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	brokers := []string{fmt.Sprintf("127.0.0.1:%d", port)}
	s := newSender(t, brokers, func(cfg *Config) { cfg.Timeout.Timeout = 100 * time.Millisecond }).start(t)
	for i := range 3 {
		require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, testGroup(t, testResource("dc1", "r"), "cpu", "n", strconv.Itoa(i)))))
	}
	s.awaitRetry(t)
	newCluster(t, kfake.Ports(port), kfake.SeedTopics(1, "dc1-processed"))
	for i, r := range consume(t, brokers, 3, "dc1-processed") {
		assert.Equal(t, strconv.Itoa(i), dimension(t, r, "n"), "in order")
	}
	assert.Len(t, s.logs.FilterMessageSnippet("Cannot connect to Kafka").All(), 1)
}

func TestShutdownDeliversWhatIsQueued(t *testing.T) {
	t.Parallel()
	c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
	s := newSender(t, c.ListenAddrs(), nil)
	require.NoError(t, s.Start(t.Context(), componenttest.NewNopHost()))
	for i := range 20 {
		require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, testGroup(t, testResource("dc1", "r"), "cpu", "n", strconv.Itoa(i)))))
	}
	require.NoError(t, s.Shutdown(t.Context()))
	for i, r := range consume(t, c.ListenAddrs(), 20, "dc1-processed") {
		assert.Equal(t, strconv.Itoa(i), dimension(t, r, "n"))
	}
}

// Neither a broker that is not there nor one that does not answer holds up a shutdown.
func TestShutdownWithoutKafka(t *testing.T) {
	t.Parallel()
	silent := func(t *testing.T) []string {
		c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
		answer := make(chan struct{})
		t.Cleanup(func() { close(answer) }) // before the cluster's own cleanup, which waits for it
		c.ControlKey(produceKey, func(kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			<-answer
			return nil, nil, false
		})
		return c.ListenAddrs()
	}
	absent := func(t *testing.T) []string { return []string{fmt.Sprintf("127.0.0.1:%d", freePort(t))} }
	for name, brokers := range map[string]func(*testing.T) []string{"silent": silent, "absent": absent} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSender(t, brokers(t), nil)
			s.Metrics.(*jsonExporter).drain.Patience = 50 * time.Millisecond
			require.NoError(t, s.Start(t.Context(), componenttest.NewNopHost()))
			for i := range 5 {
				require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, testGroup(t, testResource("dc1", "r"), "cpu", "n", strconv.Itoa(i)))))
			}
			require.NoError(t, s.Shutdown(t.Context()))
			require.NoError(t, s.Shutdown(t.Context()), "twice")
		})
	}
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newSender(t, []string{fmt.Sprintf("127.0.0.1:%d", freePort(t))}, nil)
	require.NoError(t, s.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, "dc1", 1)...)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Shutdown(ctx))
}

func TestShutdownWithoutStart(t *testing.T) {
	t.Parallel()
	s := newSender(t, []string{"127.0.0.1:1"}, nil)
	require.NoError(t, s.Shutdown(t.Context()))
	require.NoError(t, s.Shutdown(t.Context()))
}

func withUser(mechanism, user, password string) func(*Config) {
	return func(cfg *Config) {
		cfg.Client.Authentication.SASL = &configkafka.SASLConfig{Mechanism: mechanism, Username: user, Password: password}
	}
}
