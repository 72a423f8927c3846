package panoptesinfluxexporter

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
)

// load reads a configuration of testdata/config.yaml as the Collector does, and validates it.
func load(t *testing.T, name string) (*Config, error) {
	t.Helper()
	all, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	require.True(t, all.IsSet("panoptes_influx/"+name), "no such configuration")
	sub, err := all.Sub("panoptes_influx/" + name)
	require.NoError(t, err)
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	if err := sub.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestConfig(t *testing.T) {
	t.Parallel()
	require.NoError(t, componenttest.CheckConfigStruct(NewFactory().CreateDefaultConfig()))
	want := NewFactory().CreateDefaultConfig().(*Config)
	want.Client.Endpoint = "http://influxdb:8086"
	got, err := load(t, "defaults")
	require.NoError(t, err)
	assert.Equal(t, want, got)
	got, err = load(t, "no_queue")
	require.NoError(t, err)
	assert.False(t, got.Queue.HasValue())

	want.Client.Endpoint = "https://influxdb:8086/prefix"
	want.Client.Timeout = 10 * time.Second
	want.Client.Compression = "none"
	want.Client.TLS.CAFile = "ca.pem"
	want.Client.Headers.Set("X-Tenant", "dc1")
	want.Client.Auth = configoptional.Some(configauth.Config{AuthenticatorID: component.MustNewIDWithName("basicauth", "influx")})
	want.Database, want.RetentionPolicy = "metrics", "two weeks"
	want.Request = RequestConfig{MaxPoints: 1000, MaxBytes: 1 << 20}
	want.Retry.InitialInterval, want.Retry.MaxInterval, want.Retry.MaxElapsedTime = time.Second, 10*time.Second, 5*time.Minute
	q := want.Queue.Get()
	q.NumConsumers, q.QueueSize, q.BlockOnOverflow = 4, 50, true
	b := q.Batch.GetOrInsertDefault()
	b.FlushTimeout, b.MinSize = time.Second, 100
	want.Rates = exporterkit.RatesDouble
	want.ResourceDefaults = exporterkit.ResourceDefaults{Site: "s", Class: "c", Subclass: "u", Type: "t", ID: "i", Endpoint: "e"}
	got, err = load(t, "all")
	require.NoError(t, err)
	assert.Equal(t, want, got)
	assert.IsType(t, configopaque.String(""), got.Client.Headers[0].Value)
	url, err := got.writeURL()
	require.NoError(t, err)
	assert.Equal(t, "https://influxdb:8086/prefix/write?db=metrics&precision=s&rp=two+weeks", url)
}

// What an operator sees at start, after the exporter's id: each names the setting and the way out.
func TestConfigErrors(t *testing.T) {
	t.Parallel()
	for name, wants := range map[string][]string{
		"unknown_key":   {"has invalid keys: db"},
		"unknown_rates": {`'rates' unknown number type of rates "float": expected "int" or "double"`},
		"no_endpoint":   {"endpoint must be set: expected the URL of InfluxDB, such as http://influxdb:8086"},
		"no_scheme":     {`endpoint "influxdb:8086" has no scheme http or https, or no host: expected the URL of InfluxDB, such as http://influxdb:8086`},
		"bad_url":       {"endpoint is no URL: expected the URL of InfluxDB"},
		"with_user":     {`endpoint "http://user:xxxxx@influxdb:8086" must have no user, query or fragment: database, retention_policy, auth and headers say these`},
		"with_query":    {`endpoint "http://influxdb:8086/write?db=x" must have no user, query or fragment`},
		"no_database":   {"database must not be empty"},
		"max_size": {"sending_queue::batch::max_size (100) cannot be used: it cuts metrics groups apart; " +
			"request::max_points and request::max_bytes bound a request without"},
		"limits": {
			"timeout (-1s) must not be negative", "request: max_points (0) must be from 1 to 1000000",
			"max_bytes (10) must be from 1024 to 1073741824",
		},
	} {
		_, err := load(t, name)
		for _, want := range wants {
			require.ErrorContains(t, err, want, name)
		}
		assert.NotContains(t, err.Error(), "secret", name)
	}
}
