//go:build kafka

package panoptesjsonexporter

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// admin is a client that may do everything.
func admin(t *testing.T) *kadm.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(kafkaAddress(t, "KAFKA_BOOTSTRAP")...))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

// newUser makes a user that may do nothing yet.
func newUser(t *testing.T, admin *kadm.Client) string {
	t.Helper()
	user := uniqueSite("user")
	results, err := admin.AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{
		{User: user, Mechanism: kadm.ScramSha256, Iterations: 4096, Password: "secret"},
	})
	require.NoError(t, err)
	require.NoError(t, results.Error())
	return user
}

// grant lets a user do something, and waits until the broker knows.
func grant(t *testing.T, admin *kadm.Client, acl *kadm.ACLBuilder) {
	t.Helper()
	results, err := admin.CreateACLs(t.Context(), acl)
	require.NoError(t, err)
	for _, r := range results {
		require.NoError(t, r.Err)
	}
	require.Eventually(t, func() bool {
		known, err := admin.DescribeACLs(t.Context(), acl)
		require.NoError(t, err)
		return !slices.ContainsFunc(known, func(r kadm.DescribeACLsResult) bool { return len(r.Described) == 0 })
	}, 30*time.Second, 20*time.Millisecond)
}

func acl(user string, operations ...kadm.ACLOperation) *kadm.ACLBuilder {
	return kadm.NewACLs().Allow("User:" + user).AllowHosts("*").ResourcePatternType(kadm.ACLPatternLiteral).Operations(operations...)
}

// The topic that the user may not write to is dropped alone.
func TestKafkaTopicRefusedByACL(t *testing.T) {
	brokers, admin := kafkaAddress(t, "KAFKA_BOOTSTRAP"), admin(t)
	open, denied := uniqueSite("open"), uniqueSite("denied")
	createTopics(t, brokers, 2, nil, open+"-processed", denied+"-processed")
	user := newUser(t, admin)
	grant(t, admin, acl(user, kadm.OpWrite, kadm.OpDescribe).Topics(open+"-processed"))
	s := newSender(t, kafkaAddress(t, "KAFKA_SASL_BOOTSTRAP"), func(cfg *Config) {
		synchronous(cfg)
		withUser("SCRAM-SHA-256", user, "secret")(cfg)
	}).start(t)
	for range 2 {
		require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope,
			append(numbered(t, denied, 10), numbered(t, open, 20)...)...)))
	}
	consume(t, brokers, 40, open+"-processed")
	assert.Equal(t, 20, s.sum(t, "groups_dropped", "not_authorized"))
	assert.Equal(t, 40, s.sum(t, "groups_sent", ""))
	assert.Equal(t, map[int32]int64{0: 0, 1: 0}, endOffsets(t, brokers, denied+"-processed"))
}

// Without the right to idempotent writes the groups wait; the right that the error names fixes it.
func TestKafkaRefusesIdempotence(t *testing.T) {
	brokers, admin := kafkaAddress(t, "KAFKA_BOOTSTRAP"), admin(t)
	site := uniqueSite("idempotent")
	topic := site + "-processed"
	createTopics(t, brokers, 1, nil, topic)
	user := newUser(t, admin)
	// A right to write somewhere would do for Kafka, so there is none yet.
	grant(t, admin, acl(user, kadm.OpDescribe).Topics(topic))
	s := newSender(t, kafkaAddress(t, "KAFKA_SASL_BOOTSTRAP"), func(cfg *Config) {
		synchronous(cfg)
		withUser("SCRAM-SHA-256", user, "secret")(cfg)
	}).start(t)
	done := make(chan error, 1)
	go func() { done <- s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, site, 5)...)) }()
	s.awaitRetry(t)
	logs := s.logs.FilterMessageSnippet("Cannot deliver to Kafka").All()
	require.Len(t, logs, 1)
	assert.Contains(t, logs[0].ContextMap()["error"], "IDEMPOTENT_WRITE on the CLUSTER, or set producer::required_acks: 1")

	// With the right the client gets as far as the topic, which it may not write to: a right to that would do for both.
	grant(t, admin, acl(user, kadm.OpIdempotentWrite).Clusters())
	require.NoError(t, <-done)
	assert.Equal(t, 5, s.sum(t, "groups_dropped", "not_authorized"))
	assert.Len(t, s.logs.FilterMessageSnippet("Cannot deliver to Kafka").All(), 1)
}

// The most that a topic takes counts for each group alone, whether the exporter knows it or not.
func TestKafkaTooLarge(t *testing.T) {
	brokers := kafkaAddress(t, "KAFKA_BOOTSTRAP")
	for name, tt := range map[string]struct{ topic, exporter int }{
		"for the topic":    {10_000, 1_000_000},
		"for the exporter": {1_000_000, 10_000},
		"for both":         {10_000, 10_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := uniqueSite("large")
			createTopics(t, brokers, 1, map[string]*string{"max.message.bytes": new(strconv.Itoa(tt.topic))}, site+"-processed")
			s := newSender(t, brokers, func(cfg *Config) {
				synchronous(cfg)
				cfg.Producer.MaxMessageBytes = tt.exporter
			}).start(t)
			groups := numbered(t, site, 40)
			for _, at := range []int{0, 7, 20} {
				groups[at] = testGroup(t, testResource(site, "big"), "disk", "n", strings.Repeat("x", 20_000), "at", strconv.Itoa(at))
			}
			require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, groups...)))
			last := -1
			for _, r := range consume(t, brokers, 37, site+"-processed") {
				n, err := strconv.Atoi(dimension(t, r, "n"))
				require.NoError(t, err)
				assert.Greater(t, n, last, "in order")
				last = n
			}
			assert.Equal(t, 3, s.sum(t, "groups_dropped", "too_large"))
			assert.Equal(t, 37, s.sum(t, "groups_sent", ""))
			assert.Equal(t, 1, s.logs.FilterMessageSnippet("A metrics group is larger than").Len(), "the others within a minute")
		})
	}
}

// Each codec is what the broker has, with acks of each kind.
func TestKafkaCompression(t *testing.T) {
	brokers := kafkaAddress(t, "KAFKA_BOOTSTRAP")
	for code, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		for _, acks := range []configkafka.RequiredAcks{configkafka.WaitForAll, configkafka.WaitForLocal, configkafka.NoResponse} {
			site := uniqueSite(codec)
			createTopics(t, brokers, 1, nil, site+"-processed")
			s := newSender(t, brokers, func(cfg *Config) {
				synchronous(cfg)
				cfg.Producer.Compression = codec
				cfg.Producer.RequiredAcks = acks
				cfg.Producer.Linger = 20 * time.Millisecond // one batch of many, that compression shrinks
			}).start(t)
			require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, site, 30)...)))
			for _, r := range consume(t, brokers, 30, site+"-processed") {
				assert.Equal(t, code, int(r.Attrs.CompressionType()), codec)
				assert.Equal(t, acks == configkafka.WaitForAll, r.ProducerID >= 0)
			}
		}
	}
}

// A topic gains partitions while the exporter runs: from the next look at its metadata on they are used, as the key says.
func TestKafkaPartitionsGained(t *testing.T) {
	brokers := kafkaAddress(t, "KAFKA_BOOTSTRAP")
	site := uniqueSite("growing")
	topic := site + "-processed"
	createTopics(t, brokers, 1, nil, topic)
	s := newSender(t, brokers, func(cfg *Config) {
		synchronous(cfg)
		cfg.Client.Metadata.RefreshInterval = 100 * time.Millisecond
	}).start(t)
	require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, site, 50)...)))
	addPartitions(t, brokers, topic, 4)
	sent := 50
	require.Eventually(t, func() bool {
		require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, site, 50)...)))
		sent += 50
		return endOffsets(t, brokers, topic)[4] > 0
	}, 30*time.Second, 50*time.Millisecond)
	// All that is sent now is where five partitions put it.
	before := endOffsets(t, brokers, topic)
	require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, site, 50)...)))
	seen := 0
	for _, r := range consume(t, brokers, sent+50, topic) {
		if r.Offset >= before[r.Partition] {
			assert.Equal(t, partitionOf(t, r, 5), r.Partition)
			seen++
		}
	}
	assert.Equal(t, 50, seen)
}
