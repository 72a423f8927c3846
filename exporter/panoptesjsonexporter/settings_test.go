package panoptesjsonexporter

import (
	"context"
	"fmt"
	"maps"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"
)

// keysOf returns the keys of a block of settings, with those of configkafka's nested blocks. The Collector's own blocks
// (tls) are one key each: their tests are the Collector's.
func keysOf(block reflect.Type, prefix string) []string {
	var keys []string
	for field := range block.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("mapstructure"), ",")
		if name == "" {
			continue
		}
		inner := field.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		own := strings.HasSuffix(inner.PkgPath(), "/configkafka") || strings.HasSuffix(inner.PkgPath(), "/configcompression")
		if inner.Kind() == reflect.Struct && own {
			keys = append(keys, keysOf(inner, prefix+name+"::")...)
			continue
		}
		keys = append(keys, prefix+name)
	}
	return keys
}

// Each key of configkafka has a test of what it does, or is refused by name: one that a new version adds has neither,
// and this test says so.
func TestSettings(t *testing.T) {
	t.Parallel()
	keys := append(keysOf(reflect.TypeFor[configkafka.ClientConfig](), ""),
		keysOf(reflect.TypeFor[configkafka.ProducerConfig](), "producer::")...)
	tests := map[string]func(*testing.T){}
	for _, some := range []map[string]func(*testing.T){refusedSettings(), clientSettings(), authSettings(), producerSettings()} {
		maps.Copy(tests, some)
	}
	assert.ElementsMatch(t, keys, slices.Collect(maps.Keys(tests)), "each key has its test, and each test its key")
	for key, test := range tests {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// setting returns a change that a text of YAML makes.
func setting(t *testing.T, text string) func(*Config) {
	t.Helper()
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(text))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	return func(cfg *Config) { require.NoError(t, conf.Unmarshal(cfg)) }
}

// refused makes sure that settings are refused, by a message.
func refused(text, message string) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		cfg := createDefaultConfig().(*Config)
		require.NoError(t, confmap.Validate(cfg))
		setting(t, text)(cfg)
		require.ErrorContains(t, confmap.Validate(cfg), message)
	}
}

func refusedSettings() map[string]func(*testing.T) {
	return map[string]func(*testing.T){
		"auth::sasl::version": refused("auth: {sasl: {mechanism: PLAIN, username: u, password: s, version: 1}}",
			"auth::sasl::version has no effect"),
	}
}

// delivers sends groups with settings, and waits until Kafka has them.
func delivers(t *testing.T, brokers []string, count int, changes ...func(*Config)) *sender {
	t.Helper()
	s := newSender(t, brokers, func(cfg *Config) {
		synchronous(cfg)
		for _, change := range changes {
			change(cfg)
		}
		require.NoError(t, confmap.Validate(cfg))
	}).start(t)
	require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, "dc1", count)...)))
	require.Equal(t, count, s.sum(t, "groups_sent", "")+s.sum(t, "groups_dropped", ""))
	return s
}

// waits makes sure that groups sent with settings are not delivered, but tried again.
func waits(t *testing.T, brokers []string, changes ...func(*Config)) {
	t.Helper()
	s := newSender(t, brokers, func(cfg *Config) {
		cfg.Timeout.Timeout = 100 * time.Millisecond
		for _, change := range changes {
			change(cfg)
		}
	})
	s.Metrics.(*jsonExporter).drain.Patience = 50 * time.Millisecond
	s.start(t)
	require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, "dc1", 1)...)))
	s.awaitRetry(t)
	assert.Zero(t, s.sum(t, "groups_sent", ""))
}

func clientSettings() map[string]func(*testing.T) {
	return map[string]func(*testing.T){
		"brokers": func(t *testing.T) {
			c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
			gone := fmt.Sprintf("127.0.0.1:%d", freePort(t))
			delivers(t, []string{gone}, 1, setting(t, fmt.Sprintf("brokers: [%q, %q]", gone, c.ListenAddrs()[0])))
		},
		"client_id": func(t *testing.T) {
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer l.Close()
			go waits(t, []string{l.Addr().String()}, setting(t, "client_id: who-it-is"))
			conn, err := l.Accept()
			require.NoError(t, err)
			defer conn.Close()
			first := make([]byte, 100)
			n, err := conn.Read(first)
			require.NoError(t, err)
			assert.Contains(t, string(first[:n]), "who-it-is")
		},
		// No request of a producer has a field for it: all that can be seen is that the client knows.
		"rack_id": func(t *testing.T) {
			c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
			s := delivers(t, c.ListenAddrs(), 1, setting(t, "rack_id: r1"))
			assert.Equal(t, "r1", s.Metrics.(*jsonExporter).producer.get().OptValue(kgo.Rack))
		},
		"protocol_version": func(t *testing.T) {
			c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
			seen := recordProduced(c)
			delivers(t, c.ListenAddrs(), 1)
			delivers(t, c.ListenAddrs(), 1, setting(t, "protocol_version: 2.8.0"))
			requests := seen()
			require.Len(t, requests, 2)
			assert.Greater(t, requests[0].Version, int16(9))
			assert.Equal(t, int16(9), requests[1].Version, "the one of Kafka 2.8")
		},
		// A block of the stock exporter has them: they change nothing.
		"use_leader_epoch": func(t *testing.T) {
			c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
			delivers(t, c.ListenAddrs(), 1, setting(t, "use_leader_epoch: false"))
		},
		"metadata::full": func(t *testing.T) {
			c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
			delivers(t, c.ListenAddrs(), 1, setting(t, "metadata: {full: true}"))
		},
		"resolve_canonical_bootstrap_servers_only": func(t *testing.T) {
			unknown := newSender(t, []string{"nobody.invalid:9092"}, setting(t, "resolve_canonical_bootstrap_servers_only: true"))
			require.ErrorContains(t, unknown.Start(t.Context(), componenttest.NewNopHost()), "resolve_canonical_bootstrap_servers_only: no broker of")
			require.NoError(t, unknown.Shutdown(t.Context()))
			// What is found is what the client begins with: an address that has no name stays.
			s := newSender(t, []string{"192.0.2.1:9092"}, setting(t, "resolve_canonical_bootstrap_servers_only: true")).start(t)
			assert.NotEmpty(t, s.Metrics.(*jsonExporter).producer.get().OptValue(kgo.SeedBrokers))
		},
		"conn_idle_timeout":          testConnIdleTimeout,
		"metadata::refresh_interval": testRefreshInterval,
		"metadata::retry::max": func(t *testing.T) {
			count := func(retries int) int {
				return len(unknownTopicLookups(t, fmt.Sprintf("metadata: {retry: {max: %d, backoff: 10ms}}", retries)))
			}
			assert.Equal(t, 5, count(7)-count(2))
		},
		"metadata::retry::backoff": func(t *testing.T) {
			times := unknownTopicLookups(t, "metadata: {retry: {max: 2, backoff: 200ms}}") // newSender has 10ms
			require.Greater(t, len(times), 2)
			assert.Greater(t, times[2].Sub(times[1]), 150*time.Millisecond)
		},
	}
}

// closings is a hook that tells of connections that end.
type closings chan struct{}

func (c closings) OnBrokerDisconnect(kgo.BrokerMetadata, net.Conn) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func testConnIdleTimeout(t *testing.T) {
	c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
	cfg := createDefaultConfig().(*Config)
	cfg.Client.Brokers = c.ListenAddrs()
	setting(t, "conn_idle_timeout: 100ms")(cfg)
	closed := make(closings, 1)
	p, err := newProducer(t.Context(), cfg, componenttest.NewNopHost(), zap.NewNop(), closed)
	require.NoError(t, err)
	defer p.close()
	require.NoError(t, p.get().ProduceSync(t.Context(), &kgo.Record{Topic: "dc1-processed"}).FirstErr())
	select {
	case <-closed:
	case <-time.After(30 * time.Second):
		require.Fail(t, "no connection was closed")
	}
}

// A topic gains partitions while the exporter runs: they are used once the metadata were looked up again.
func testRefreshInterval(t *testing.T) {
	c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
	s := delivers(t, c.ListenAddrs(), 20, setting(t, "metadata: {refresh_interval: 50ms}"))
	addPartitions(t, c.ListenAddrs(), "dc1-processed", 3)
	assert.Eventually(t, func() bool {
		require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, "dc1", 20)...)))
		return endOffsets(t, c.ListenAddrs(), "dc1-processed")[3] > 0
	}, 30*time.Second, 20*time.Millisecond)
}

func addPartitions(t *testing.T, brokers []string, topic string, count int) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	require.NoError(t, err)
	defer client.Close()
	resp, err := kadm.NewClient(client).CreatePartitions(t.Context(), count, topic)
	require.NoError(t, err)
	require.NoError(t, resp.Error())
}

// endOffsets returns how many messages each partition of a topic has.
func endOffsets(t *testing.T, brokers []string, topic string) map[int32]int64 {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	require.NoError(t, err)
	defer client.Close()
	offsets, err := kadm.NewClient(client).ListEndOffsets(t.Context(), topic)
	require.NoError(t, err)
	all := map[int32]int64{}
	offsets.Each(func(o kadm.ListedOffset) { all[o.Partition] = o.Offset })
	return all
}

// unknownTopicLookups returns when a topic that is not there is looked up, until its groups are dropped.
func unknownTopicLookups(t *testing.T, text string) []time.Time {
	t.Helper()
	c := newCluster(t)
	var mu sync.Mutex
	var times []time.Time
	c.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if len(req.(*kmsg.MetadataRequest).Topics) > 0 {
			mu.Lock()
			times = append(times, time.Now())
			mu.Unlock()
		}
		return nil, nil, false
	})
	s := delivers(t, c.ListenAddrs(), 1, setting(t, text), setting(t, "producer: {allow_auto_topic_creation: false}"))
	assert.Equal(t, 1, s.sum(t, "groups_dropped", "unknown_topic"))
	require.NoError(t, s.Shutdown(context.WithoutCancel(t.Context())))
	mu.Lock()
	defer mu.Unlock()
	return times
}
