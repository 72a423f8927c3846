//go:build kafka

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestKafkaTail reads over each listener of a real Apache Kafka; scripts/test-kafka starts it and sets the variables.
func TestKafkaTail(t *testing.T) {
	env := func(name string) string {
		value := os.Getenv(name)
		require.NotEmpty(t, value, "%s is not set: run this test with scripts/test-kafka", name)
		return value
	}
	producer, err := kgo.NewClient(kgo.SeedBrokers(env("KAFKA_BOOTSTRAP")), kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(-1),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(producer.Close)
	topic := fmt.Sprintf("tail-%d-processed", time.Now().UnixNano())
	produce(t, producer, topic, 0, numbered(1), "nonsense", numbered(2))

	tls := []string{"--tls-ca", env("KAFKA_CA")}
	tests := map[string]struct {
		brokers string
		args    []string
	}{
		"plain text":         {env("KAFKA_BOOTSTRAP"), nil},
		"tls":                {env("KAFKA_TLS_BOOTSTRAP"), tls},
		"client certificate": {env("KAFKA_TLS_BOOTSTRAP"), append(tls, "--tls-cert", env("KAFKA_CLIENT_CERT"), "--tls-key", env("KAFKA_CLIENT_KEY"))},
		"tls unchecked":      {env("KAFKA_TLS_BOOTSTRAP"), []string{"--tls-insecure"}},
	}
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		login := []string{"--sasl-mechanism", mechanism, "--sasl-user", env("KAFKA_USER"), "--sasl-password-file", secret(t, env("KAFKA_PASSWORD"))}
		tests[mechanism] = struct {
			brokers string
			args    []string
		}{env("KAFKA_SASL_BOOTSTRAP"), login}
		tests[mechanism+" over tls"] = struct {
			brokers string
			args    []string
		}{env("KAFKA_SASL_TLS_BOOTSTRAP"), append(login, tls...)}
	}
	if keytab := os.Getenv("KAFKA_CLIENT_KEYTAB"); keytab != "" { // scripts/test-kafka sees to it that there is one
		config := filepath.Join(t.TempDir(), "collector.yaml")
		require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
receivers: {panoptes: {plugins: {directories: [/none]}}}
exporters:
  panoptes_json:
    brokers: [%q]
    auth: {kerberos: {service_name: kafka, username: panoptes, use_keytab: true, keytab_file: %q}}
service: {pipelines: {metrics: {receivers: [panoptes], exporters: [panoptes_json]}}}
`, env("KAFKA_SASL_BOOTSTRAP"), keytab), 0o600))
		tests["kerberos"] = struct {
			brokers string
			args    []string
		}{env("KAFKA_SASL_BOOTSTRAP"), []string{"--config", config}}
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := run(t, "", append([]string{
				"tail", "--brokers", c.brokers, "--topic", topic, "--from", "start", "--json", "-n", "2",
			}, c.args...)...)
			require.Zero(t, code, stderr)
			require.Equal(t, numbered(1)+numbered(2), stdout)
			require.Contains(t, stderr, "offset 1: no metrics group")
		})
	}
	t.Run("times and patterns", func(t *testing.T) {
		t.Parallel()
		code, stdout, stderr := run(t, "", "tail", "--brokers", env("KAFKA_BOOTSTRAP"), "--topic", topic[:len(topic)-3]+"*", "--from", "1h", "--json", "-n", "2")
		require.Zero(t, code, stderr)
		require.Equal(t, numbered(1)+numbered(2), stdout)
		code, stdout, stderr = run(t, "", "tail", "--brokers", env("KAFKA_BOOTSTRAP"), "--topic", topic, "--from", "2", "--json", "-n", "1")
		require.Zero(t, code, stderr)
		require.Equal(t, numbered(2), stdout)
	})
}
