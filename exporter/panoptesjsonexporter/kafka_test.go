//go:build kafka

package panoptesjsonexporter

import (
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
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
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/panoptes-otel/panoptes-otel/internal/kafkaclient"
)

// The tests of this file want a real Apache Kafka, and the variables that `scripts/kafka-broker env` prints;
// scripts/test-kafka sees to both. They run one after the other, since one of them restarts the broker; only what a test
// consists of runs at the same time.

// kafkaAddress returns the brokers that a variable names.
func kafkaAddress(t *testing.T, variable string) []string {
	t.Helper()
	address := os.Getenv(variable)
	require.NotEmpty(t, address, "%s is not set: run these tests with scripts/test-kafka", variable)
	return []string{address}
}

// uniqueSite is a site that no earlier run has used on this broker.
func uniqueSite(name string) string {
	return name + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
}

func createTopics(t *testing.T, brokers []string, partitions int32, configs map[string]*string, topics ...string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	require.NoError(t, err)
	defer client.Close()
	responses, err := kadm.NewClient(client).CreateTopics(t.Context(), partitions, 1, configs, topics...)
	require.NoError(t, err)
	require.NoError(t, responses.Error())
}

// Bytes, key, partition and topics are what Panoptes itself produced.
func TestKafkaVectors(t *testing.T) {
	brokers := kafkaAddress(t, "KAFKA_BOOTSTRAP")
	for i, row := range readVectors(t) {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			// Each row has a site, so topics, of its own: neither key nor partition speaks of the site.
			var group map[string]any
			require.NoError(t, json.Unmarshal(row.Group, &group))
			site := group["resource"].(map[string]any)["resource_site"].(string)
			unique := uniqueSite(strconv.Itoa(i))
			row.Group = []byte(strings.Replace(string(row.Group), `"`+site+`"`, `"`+unique+`"`, 1))
			topics := row.topics()
			for i := range topics {
				topics[i] = strings.Replace(topics[i], site, unique, 1)
			}
			global := slices.IndexFunc(topics, func(topic string) bool { return !strings.HasPrefix(topic, unique) })
			if global >= 0 {
				topics[global] = unique + "-" + topics[global]
				row.Options.GlobalName = topics[global]
			}
			slices.Sort(topics)
			createTopics(t, brokers, row.Partitions, nil, topics...)

			value := row.send(t, brokers)
			require.Contains(t, string(value), unique)
			var got []string
			for _, r := range consume(t, brokers, len(topics), topics...) {
				assert.Equal(t, string(value), string(r.Value))
				assert.Equal(t, *row.Key, string(r.Key))
				assert.Equal(t, *row.Partition, r.Partition)
				got = append(got, r.Topic)
			}
			assert.Equal(t, topics, got)
		})
	}
}

// A topic that is not there is created by the broker, and the groups are where its partitions say.
func TestKafkaCreatesTopics(t *testing.T) {
	brokers := kafkaAddress(t, "KAFKA_BOOTSTRAP")
	site := uniqueSite("created")
	s := newSender(t, brokers, synchronous).start(t)
	require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, site, 100)...)))
	records := consume(t, brokers, 100, site+"-processed")
	assert.Equal(t, numbers(100), dimensionsOf(t, records, "n"))
	partitions := slices.MaxFunc(records, func(a, b *kgo.Record) int { return cmp.Compare(a.Partition, b.Partition) }).Partition + 1
	assert.Greater(t, partitions, int32(1))
	for _, r := range records {
		assert.Equal(t, partitionOf(t, r, partitions), r.Partition)
	}
}

func TestKafkaSecurity(t *testing.T) {
	user, password := os.Getenv("KAFKA_USER"), os.Getenv("KAFKA_PASSWORD")
	withTLS := func(cfg *Config) {
		cfg.Client.TLS = &configtls.ClientConfig{Config: configtls.Config{CAFile: os.Getenv("KAFKA_CA")}}
	}
	withClientCertificate := func(cfg *Config) {
		withTLS(cfg)
		cfg.Client.TLS.CertFile, cfg.Client.TLS.KeyFile = os.Getenv("KAFKA_CLIENT_CERT"), os.Getenv("KAFKA_CLIENT_KEY")
	}
	type listener struct {
		name, variable string
		change         func(*Config)
	}
	listeners := []listener{
		{"tls", "KAFKA_TLS_BOOTSTRAP", withTLS},
		{"client certificate", "KAFKA_TLS_BOOTSTRAP", withClientCertificate},
	}
	for _, mechanism := range kafkaclient.SASLMechanisms {
		sasl := withUser(mechanism, user, password)
		listeners = append(listeners,
			listener{mechanism, "KAFKA_SASL_BOOTSTRAP", sasl},
			listener{mechanism + " over tls", "KAFKA_SASL_TLS_BOOTSTRAP", func(cfg *Config) { withTLS(cfg); sasl(cfg) }})
	}
	if keytab := os.Getenv("KAFKA_CLIENT_KEYTAB"); keytab != "" { // scripts/test-kafka sees to it that there is one
		listeners = append(listeners, listener{"kerberos", "KAFKA_SASL_BOOTSTRAP", func(cfg *Config) {
			cfg.Client.Authentication.Kerberos = &configkafka.KerberosConfig{
				ServiceName: "kafka", Username: "panoptes", UseKeyTab: true, KeyTabPath: keytab, ConfigPath: os.Getenv("KRB5_CONFIG"),
			}
		}})
	}
	for _, l := range listeners {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			site := uniqueSite("secure")
			s := newSender(t, kafkaAddress(t, l.variable), func(cfg *Config) {
				synchronous(cfg)
				l.change(cfg)
			}).start(t)
			require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, site, 3)...)))
			consume(t, kafkaAddress(t, "KAFKA_BOOTSTRAP"), 3, site+"-processed")
		})
	}
}

// What comes while the broker is down is delivered when it is back: all of it, once, and in order.
func TestKafkaRestart(t *testing.T) {
	brokers := kafkaAddress(t, "KAFKA_BOOTSTRAP")
	script := os.Getenv("KAFKA_BROKER_SCRIPT")
	require.NotEmpty(t, script, "KAFKA_BROKER_SCRIPT must say how to restart the broker: run these tests with scripts/test-kafka")
	broker := func(command string) {
		out, err := exec.CommandContext(t.Context(), script, command, os.Getenv("KAFKA_BROKER_PORT"), os.Getenv("KAFKA_BROKER_DATA")).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	site := uniqueSite("restart")
	createTopics(t, brokers, 1, nil, site+"-processed")
	s := newSender(t, brokers, nil).start(t)
	sent := 0
	send := func(count int) {
		for range count {
			g := testGroup(t, testResource(site, "r"), "cpu", "n", strconv.Itoa(sent))
			require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, g)))
			sent++
		}
	}
	send(20)
	broker("stop")
	send(20)
	broker("start")
	send(20)
	for i, r := range consume(t, brokers, sent, site+"-processed") {
		assert.Equal(t, strconv.Itoa(i), dimension(t, r, "n"))
	}
}
