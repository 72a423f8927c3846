//go:build unix

package panoptesredisextension

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesredisextension/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesredisextension/internal/metadatatest"
	"github.com/panoptes-otel/panoptes-otel/internal/redistest"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// started is an extension that runs, and what it tells.
type started struct {
	extension.Extension
	hostapi.Shared
	telemetry *componenttest.Telemetry
	logs      *observer.ObservedLogs

	mu     sync.Mutex
	events []*componentstatus.Event
}

// Report implements componentstatus.Reporter.
func (s *started) Report(e *componentstatus.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

// GetExtensions implements component.Host.
func (*started) GetExtensions() map[component.ID]component.Component { return nil }

// status is the last that was reported.
func (s *started) status() (componentstatus.Status, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.events) == 0 {
		return componentstatus.StatusNone, ""
	}
	last := s.events[len(s.events)-1]
	if last.Err() == nil {
		return last.Status(), ""
	}
	return last.Status(), last.Err().Error()
}

// lines are the log's.
func (s *started) lines() (lines []string) {
	for _, e := range s.logs.All() {
		lines = append(lines, e.Level.CapitalString()+" "+e.Message)
	}
	return lines
}

// start starts an extension for a Redis.
func start(t *testing.T, addr string, change func(*Config)) *started {
	t.Helper()
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	cfg.Endpoint, cfg.Timeout = addr, 500*time.Millisecond
	if change != nil {
		change(cfg)
	}
	require.NoError(t, confmap.Validate(cfg))
	core, logs := observer.New(zap.InfoLevel)
	s := &started{telemetry: componenttest.NewTelemetry(), logs: logs}
	settings := extension.Settings{ID: component.NewID(metadata.Type), TelemetrySettings: s.telemetry.NewTelemetrySettings()}
	settings.Logger = zap.New(core)
	var err error
	s.Extension, err = NewFactory().Create(t.Context(), settings, cfg)
	require.NoError(t, err)
	s.Shared = s.Extension.(hostapi.Shared)
	require.NoError(t, s.Extension.Start(t.Context(), s))
	t.Cleanup(func() {
		require.NoError(t, s.Shutdown(context.Background()))
		require.NoError(t, s.Shutdown(context.Background()))
		require.NoError(t, s.telemetry.Shutdown(context.Background()))
	})
	return s
}

// becomes waits for a status, and returns its error.
func (s *started) becomes(t *testing.T, want componentstatus.Status) (reason string) {
	t.Helper()
	require.Eventually(t, func() bool {
		var status componentstatus.Status
		status, reason = s.status()
		return status == want
	}, 20*time.Second, 5*time.Millisecond, want.String())
	return reason
}

// available asserts the metric.
func (s *started) available(t *testing.T, want int64) {
	t.Helper()
	metadatatest.AssertEqualPanoptesRedisAvailable(t, s.telemetry, []metricdata.DataPoint[int64]{{Value: want}},
		metricdatatest.IgnoreTimestamp())
}

// TestTelling: status, log and metrics tell of each change once.
func TestTelling(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := start(t, server.Addr, nil)
	store, ctx := s.Namespace("n"), t.Context()
	s.becomes(t, componentstatus.StatusOK)
	require.NoError(t, store.Set(ctx, "k", "v", time.Hour))
	s.available(t, 1)
	server.Stop(t)
	for range 5 {
		require.Error(t, store.Set(ctx, "k", "v", time.Hour))
	}
	assert.Contains(t, s.becomes(t, componentstatus.StatusRecoverableError), "redis "+server.Addr+" cannot be used: dial tcp")
	s.available(t, 0)
	server.Restart(t)
	s.becomes(t, componentstatus.StatusOK)
	client := server.Client(t)
	require.NoError(t, client.ConfigSet(ctx, "maxmemory", "1").Err())
	require.Error(t, store.Set(ctx, "k", "v", time.Hour))
	assert.Contains(t, s.becomes(t, componentstatus.StatusRecoverableError), "redis "+server.Addr+" refuses what is written: OOM")
	s.available(t, 0)
	require.NoError(t, client.ConfigSet(ctx, "maxmemory", "0").Err())
	require.NoError(t, store.Set(ctx, "k", "v", time.Hour))
	s.becomes(t, componentstatus.StatusOK)
	assert.Equal(t, []string{
		"INFO Connected to Redis",
		"ERROR Redis cannot be used: what plugins ask of it fails at once, until it answers",
		"INFO Redis can be used again",
		"ERROR Redis refuses what is written",
		"INFO Redis takes what is written again",
	}, s.lines())
	assert.Equal(t, "7.", s.logs.All()[0].ContextMap()["version"].(string)[:2])
	metadatatest.AssertEqualPanoptesRedisCallsFailed(t, s.telemetry, []metricdata.DataPoint[int64]{
		{Attributes: attribute.NewSet(attribute.String("operation", "set"), attribute.String("reason", "away")), Value: 5},
		{Attributes: attribute.NewSet(attribute.String("operation", "set"), attribute.String("reason", "full")), Value: 1},
	}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualPanoptesRedisCallDuration(t, s.telemetry, []metricdata.HistogramDataPoint[float64]{
		{Attributes: attribute.NewSet(attribute.String("operation", "set"))},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreValue())
}

// TestRights: a user with the rights that the README lists can do all there is, and one with a wrong password is reported.
func TestRights(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(readme), "user panoptes on ")
	require.True(t, found)
	rights, _, _ := strings.Cut(rest, "\n")
	server := redistest.Start(t, "user default off", "user panoptes on "+rights)
	s := start(t, server.Addr, func(c *Config) { c.Username, c.Password, c.DB = "panoptes", "secret", 2 })
	ctx, store := t.Context(), s.Namespace(kv.PluginsNamespace)
	s.becomes(t, componentstatus.StatusOK)
	require.NoError(t, store.Set(ctx, "k", "v", time.Hour))
	for _, ttl := range []time.Duration{0, time.Hour} {
		_, err = store.GetSet(ctx, "k", "v", ttl)
		require.NoError(t, err)
	}
	_, err = store.Get(ctx, "k")
	require.NoError(t, err)
	_, err = store.TTL(ctx, "k")
	require.NoError(t, err)
	_, err = store.FindKeys(ctx, "*")
	require.NoError(t, err)
	require.NoError(t, store.Delete(ctx, "k"))
	require.NoError(t, store.SetAdd(ctx, "s", "m"))
	_, err = store.SetMembers(ctx, "s")
	require.NoError(t, err)
	_, err = s.Secrets().Get(ctx, "n", "dc1")
	require.ErrorContains(t, err, "not found")
	require.NoError(t, s.Write(ctx, kv.ResourcesNamespace, []hostapi.Pair{{Key: "k", Value: "v"}}, []string{"gone"}))
	require.ErrorContains(t, s.Namespace("elsewhere").Set(ctx, "k", "v", 0), "NOPERM")
	status, _ := s.status()
	assert.Equal(t, componentstatus.StatusOK, status, "one key that is refused is no matter of health")

	wrong := start(t, server.Addr, func(c *Config) { c.Username, c.Password = "panoptes", "not it" })
	assert.Contains(t, wrong.becomes(t, componentstatus.StatusRecoverableError), "WRONGPASS")
	assert.NotContains(t, wrong.logs.All()[0].ContextMap()["error"], "not it")
	_, err = wrong.Namespace("n").Get(ctx, "k")
	require.ErrorContains(t, err, "WRONGPASS")
}

// TestPassword: a Redis as of Panoptes' days has one password, and no users.
func TestPassword(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "requirepass secret")
	s := start(t, server.Addr, func(c *Config) { c.Password = "secret" })
	require.NoError(t, s.Namespace("n").Set(t.Context(), "k", "v", 0))
	none := start(t, server.Addr, nil)
	assert.Contains(t, none.becomes(t, componentstatus.StatusRecoverableError), "NOAUTH")
}

// TestOneRedis: clusters and Sentinels are refused.
func TestOneRedis(t *testing.T) {
	t.Parallel()
	cluster := redistest.Start(t, "cluster-enabled yes")
	s := start(t, cluster.Addr, nil)
	assert.Contains(t, s.becomes(t, componentstatus.StatusRecoverableError), "it is part of a cluster, which is not supported")
	require.ErrorContains(t, s.Namespace("n").Set(t.Context(), "k", "v", 0), "cluster")

	sentinel := redistest.Start(t, "sentinel monitor main 127.0.0.1 6379 1")
	s = start(t, sentinel.Addr, nil)
	assert.Contains(t, s.becomes(t, componentstatus.StatusRecoverableError), "it is a Sentinel, which is not supported, name the Redis that it watches")
}

func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redis"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	server := redistest.Start(t, "tls-cert-file "+certFile, "tls-key-file "+keyFile, "tls-ca-cert-file "+certFile, "tls-auth-clients no")

	trusting := configtls.NewDefaultClientConfig()
	trusting.CAFile = certFile
	s := start(t, server.Addr, func(c *Config) { c.TLS, c.Timeout = configoptional.Some(trusting), 20*time.Second })
	require.NoError(t, s.Namespace("n").Set(t.Context(), "k", "v", 0))
	other := start(t, server.Addr, func(c *Config) {
		c.TLS, c.Timeout = configoptional.Some(configtls.NewDefaultClientConfig()), 20*time.Second
	})
	assert.Contains(t, other.becomes(t, componentstatus.StatusRecoverableError), "certificate signed by unknown authority")
	missing := configtls.NewDefaultClientConfig()
	missing.CAFile = filepath.Join(dir, "none.pem")
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	cfg.TLS = configoptional.Some(missing)
	ext, err := NewFactory().Create(t.Context(), extension.Settings{
		ID: component.NewID(metadata.Type), TelemetrySettings: componenttest.NewNopTelemetrySettings(),
	}, cfg)
	require.NoError(t, err)
	require.ErrorContains(t, ext.Start(t.Context(), componenttest.NewNopHost()), "none.pem")
	require.NoError(t, ext.Shutdown(t.Context()))
}

// TestForeignTLSFile: what is no file is not opened, and the error names the key.
func TestForeignTLSFile(t *testing.T) {
	t.Parallel()
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	client := configtls.NewDefaultClientConfig()
	client.CAFile = t.TempDir()
	cfg.TLS = configoptional.Some(client)
	ext, err := NewFactory().Create(t.Context(), extension.Settings{
		ID: component.NewID(metadata.Type), TelemetrySettings: componenttest.NewNopTelemetrySettings(),
	}, cfg)
	require.NoError(t, err)
	require.ErrorContains(t, ext.Start(t.Context(), componenttest.NewNopHost()), "tls: ca_file: open "+client.CAFile+": it is no regular file")
	require.NoError(t, ext.Shutdown(t.Context()))
}

// TestTwoCollectors: what one writes the other reads, and two take turns in a set of names and a count.
func TestTwoCollectors(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	patient := func(c *Config) { c.Timeout = 20 * time.Second }
	one, other := start(t, server.Addr, patient), start(t, server.Addr, patient)
	ctx := t.Context()
	require.NoError(t, one.Namespace(kv.PluginsNamespace).Set(ctx, "enrichment:sw1:interface", "{}", time.Hour))
	namespaces, err := other.EnrichmentNamespaces(ctx, "sw1")
	require.NoError(t, err)
	assert.Equal(t, []string{"interface"}, namespaces)
	value, err := other.Namespace(kv.EnrichmentNamespace).Get(ctx, "sw1:interface")
	require.NoError(t, err)
	assert.Equal(t, "{}", value)

	// Of those who replace a value at once each gets what one other has put there.
	var mu sync.Mutex
	var all sync.WaitGroup
	seen := map[string]int{}
	for who, s := range map[string]*started{"one": one, "other": other} {
		for i := range 100 {
			all.Go(func() {
				old, err := s.Namespace("n").GetSet(ctx, "k", fmt.Sprint(who, i), time.Hour)
				mu.Lock()
				defer mu.Unlock()
				if errors.Is(err, pluginsdk.ErrNotFound) {
					old, err = "nothing", nil
				}
				assert.NoError(t, err)
				seen[old]++
			})
		}
	}
	all.Wait()
	assert.Len(t, seen, 200, "%v", seen)
}
