package panoptesjsonexporter

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
)

// load reads a configuration of testdata/config.yaml as the Collector does, and validates it.
func load(t *testing.T, name string) (*Config, error) {
	t.Helper()
	all, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	require.True(t, all.IsSet("panoptes_json/"+name), "no such configuration")
	sub, err := all.Sub("panoptes_json/" + name)
	require.NoError(t, err)
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	if err := sub.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

// goodConfigs say how each good configuration differs from the default one.
func goodConfigs() map[string]func(*Config) {
	return map[string]func(*Config){
		"defaults": func(*Config) {},
		"acks_all": func(*Config) {},
		"no_queue": func(c *Config) { c.Queue = configoptional.None[exporterhelper.QueueBatchConfig]() },
		"batch":    func(c *Config) { c.Queue.Get().Batch = configoptional.Some(*c.Queue.Get().Batch.GetOrInsertDefault()) },
		"plain_text": func(c *Config) {
			c.Client.Authentication.PlainText = &configkafka.PlainTextConfig{Username: "u", Password: "s"}
		},
		"all": allSettings,
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	require.NoError(t, componenttest.CheckConfigStruct(NewFactory().CreateDefaultConfig()))
	for name, change := range goodConfigs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := NewFactory().CreateDefaultConfig().(*Config)
			change(want)
			got, err := load(t, name)
			require.NoError(t, err)
			if name == "no_queue" {
				assert.False(t, got.Queue.HasValue())
				got.Queue = want.Queue
			}
			assert.Equal(t, want, got)
		})
	}
}

func allSettings(c *Config) {
	c.Client.Brokers = []string{"kafka1:9092", "kafka2:9092"}
	c.Client.ClientID = "panoptes"
	c.Client.ProtocolVersion = "2.8.0"
	c.Client.RackID = "r1"
	c.Client.ConnIdleTimeout = time.Minute
	c.Client.TLS = &configtls.ClientConfig{Config: configtls.Config{CAFile: "ca.pem"}}
	c.Client.Authentication.SASL = &configkafka.SASLConfig{Mechanism: "SCRAM-SHA-512", Username: "u", Password: "s"}
	c.Client.Metadata.RefreshInterval = time.Minute
	c.Client.Metadata.Retry = configkafka.MetadataRetryConfig{Max: 5, Backoff: 100 * time.Millisecond}
	c.Producer = configkafka.ProducerConfig{
		MaxMessageBytes: 2_000_000, MaxBrokerWriteBytes: 200_000_000, RequiredAcks: configkafka.WaitForLocal,
		Compression: "zstd", FlushMaxMessages: 5000, Linger: 5 * time.Millisecond,
	}
	c.Producer.CompressionParams.Level = 3
	c.Timeout.Timeout = 10 * time.Second
	c.Retry.InitialInterval, c.Retry.MaxInterval, c.Retry.MaxElapsedTime = time.Second, 10*time.Second, 5*time.Minute
	q := c.Queue.Get()
	q.NumConsumers, q.QueueSize, q.BlockOnOverflow = 4, 50, false
	b := q.Batch.GetOrInsertDefault()
	b.FlushTimeout, b.MinSize = time.Second, 100
	c.Topics = TopicsConfig{Global: true, GlobalName: "all", Suffixes: []string{"processed", "copy"}, Allow: []string{"all", "dc*"}, Max: 9}
	c.Headers = true
	c.Rates = exporterkit.RatesDouble
	c.Prime = true
	c.DefaultInterval = 5 * time.Minute
	c.ResourceDefaults = exporterkit.ResourceDefaults{Site: "s", Class: "c", Subclass: "u", Type: "t", ID: "i", Endpoint: "e"}
}

// configErrors are what an operator sees at start, after the exporter's id: each names the setting and the way out.
// ("client" is what the Collector calls the settings of configkafka that stand at the top.)
func configErrors() map[string][]string {
	return map[string][]string{
		"unknown_key":   {"'panoptesjsonexporter.Config' has invalid keys: topic"},
		"unknown_rates": {`'rates' unknown number type of rates "float": expected "int" or "double"`},
		"unknown_prime": {"'prime' expected type 'bool', got unconvertible type 'string'"},
		"no_brokers":    {"client: brokers must be specified"},
		"max_size": {"sending_queue::batch::max_size (100) cannot be used: it cuts metrics groups apart; " +
			"min_size and flush_timeout bound a batch without"},
		"no_topics":   {"topics: site and global are both off: no metrics group would be sent"},
		"no_suffixes": {"topics: suffixes must not be empty while site is on"},
		"bad_suffixes": {
			`topics: suffixes[1] "a b" is no legal topic name: expected no more than 249 letters, digits, ".", "_" and "-"`,
			"suffixes[2] must not be empty",
		},
		"bad_topic_limits": {
			`topics: max (0) must be at least 1`,
			`allow[0] "dc[" is no name or pattern: expected one such as "dc*-processed"`,
			`allow[1] "" is no name or pattern: expected one such as "dc*-processed"`,
			`allow lacks global_name "panoptes-metrics": add it, or turn global off`,
		},
		"no_global_name": {"topics: global_name must not be empty"},
		"short_interval": {"default_interval (1.5s) must be one or more whole seconds"},
		"short_timeout":  {"timeout (10ms) must be from 100ms to 24h0m0s, or 0 for none"},
		"small_messages": {"producer::max_message_bytes (100) must be from 512 to 1073741824"},
		"large_messages": {
			"producer::max_message_bytes (1073741825) must be from 512 to 1073741824",
			"producer::max_broker_write_bytes (2000000000) must be at most 1073741824",
		},
		"negative_linger": {"producer::linger (-1ms) must be from 0 to 1m0s"},
		"too_long": {
			"timeout (25h0m0s) must be from 100ms to 24h0m0s, or 0 for none",
			"producer::linger (2m0s) must be from 0 to 1m0s",
			"metadata::refresh_interval (2h0m0s) must be from metadata::retry::backoff (250ms) to 1h0m0s",
			"conn_idle_timeout (16m0s) must be from 100ms to 15m0s",
		},
		"short_idle":  {"conn_idle_timeout (99ms) must be from 100ms to 15m0s"},
		"acks_two":    {"producer::required_acks: expected 'all' (-1), 0, or 1; configured value is 2"},
		"compression": {`producer: compression should be one of 'none', 'gzip', 'snappy', 'lz4', or 'zstd'. configured value is "brotli"`},
		"metadata_retry": {
			"metadata::retry::backoff (1ms) must be at least 10ms",
			"metadata::retry::max (-1) must not be negative",
		},
		"metadata_refresh": {"metadata::refresh_interval (100ms) must be from metadata::retry::backoff (250ms) to 1h0m0s"},
		"kerberos": {
			"auth::kerberos::service_name is required: mostly it is kafka",
			"auth::kerberos::username is required",
			"auth::kerberos needs keytab_file or password",
		},
		"oauth": {"auth::sasl::username and password have no effect with this mechanism: remove them"},
		"aws":   {"auth::sasl::aws_msk::region is required with AWS_MSK_IAM_OAUTHBEARER"},
		"sasl_leftovers": {
			"auth::sasl::version has no effect: it is negotiated; remove it",
			"auth::sasl::aws_msk has no effect with this mechanism: remove it",
			"auth::sasl::oauthbearer_token_source has no effect with this mechanism: remove it",
		},
		"sasl_without_user": {"client::auth::sasl: username is required"},
		"two_users": {
			"auth::plain_text and auth::sasl exclude each other: remove auth::plain_text",
			"auth::plain_text::username is required",
			"auth::plain_text::password is required",
		},
		"two_tls": {"auth::tls and tls exclude each other: remove auth::tls"},
		"three_logins": {
			"auth::plain_text and auth::sasl exclude each other: remove auth::plain_text",
			"auth::kerberos and auth::sasl exclude each other: remove one of them",
			"auth::kerberos and auth::plain_text exclude each other: remove one of them",
		},
	}
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	for name, want := range configErrors() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, name)
			require.Error(t, err)
			if strings.HasPrefix(want[0], "'") { // the decoder writes a heading
				assert.Contains(t, err.Error(), want[0])
				return
			}
			assert.Equal(t, strings.Join(want, "\n"), err.Error())
		})
	}
}

func TestLongNames(t *testing.T) {
	t.Parallel()
	cfg := createDefaultConfig().(*Config)
	cfg.Client.ClientID, cfg.Client.RackID = strings.Repeat("c", 257), strings.Repeat("r", 513)
	require.EqualError(t, cfg.Validate(), "client_id has 257 bytes, no more than 256 are allowed\nrack_id has 513 bytes, no more than 512 are allowed")
}

// Each configuration of testdata/config.yaml has its test.
func TestConfigsAreTested(t *testing.T) {
	t.Parallel()
	all, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	for name := range all.ToStringMap() {
		name = strings.TrimPrefix(name, "panoptes_json/")
		_, good := goodConfigs()[name]
		_, bad := configErrors()[name]
		assert.True(t, good != bad, "%q has one test", name)
	}
	assert.Len(t, all.ToStringMap(), len(goodConfigs())+len(configErrors()))
}

// The example of README.md is a valid configuration.
func TestReadmeExample(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, text, _ := strings.Cut(string(readme), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	file := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	conf, err := confmaptest.LoadConf(file)
	require.NoError(t, err)
	sub, err := conf.Sub("exporters::panoptes_json")
	require.NoError(t, err)
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	require.NoError(t, sub.Unmarshal(cfg))
	require.NoError(t, confmap.Validate(cfg))
	assert.Equal(t, []string{"kafka1:9092", "kafka2:9092"}, cfg.Client.Brokers)
}
