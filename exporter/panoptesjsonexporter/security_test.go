package panoptesjsonexporter

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
)

// newCertificate makes a certificate of 127.0.0.1 that is its own authority, and writes it to a file.
func newCertificate(t *testing.T) (*tls.Config, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, file
}

// offsetOf asks, over the exporter's own connection, how many messages a topic of one partition has.
func offsetOf(t *testing.T, client *kgo.Client, topic string) int64 {
	t.Helper()
	offsets, err := kadm.NewClient(client).ListEndOffsets(t.Context(), topic)
	require.NoError(t, err)
	o, ok := offsets.Lookup(topic, 0)
	require.True(t, ok)
	return o.Offset
}

func TestTLSAndSASL(t *testing.T) {
	t.Parallel()
	server, ca := newCertificate(t)
	withTLS := func(cfg *Config) {
		cfg.Client.TLS = &configtls.ClientConfig{Config: configtls.Config{CAFile: ca}}
	}
	tests := map[string]struct {
		cluster []kfake.Opt
		change  func(*Config)
	}{
		"tls":            {[]kfake.Opt{kfake.TLS(server)}, withTLS},
		"tls under auth": {[]kfake.Opt{kfake.TLS(server)}, func(cfg *Config) { withTLS(cfg); moveTLS(cfg) }},
		"plain":          {withSuperuser("PLAIN"), withUser("PLAIN", "u", "s")},
		"plain_text": {withSuperuser("PLAIN"), func(cfg *Config) {
			cfg.Client.Authentication.PlainText = &configkafka.PlainTextConfig{Username: "u", Password: "s"}
		}},
		"scram 256": {withSuperuser("SCRAM-SHA-256"), withUser("SCRAM-SHA-256", "u", "s")},
		"scram 512 over tls": {
			append(withSuperuser("SCRAM-SHA-512"), kfake.TLS(server)),
			func(cfg *Config) { withTLS(cfg); withUser("SCRAM-SHA-512", "u", "s")(cfg) },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, append(tt.cluster, kfake.SeedTopics(1, "dc1-processed"))...)
			s := newSender(t, c.ListenAddrs(), func(cfg *Config) {
				synchronous(cfg)
				tt.change(cfg)
			}).start(t)
			require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, "dc1", 2)...)))
			assert.Equal(t, int64(2), offsetOf(t, s.Metrics.(*jsonExporter).producer.get(), "dc1-processed"))
		})
	}
}

func moveTLS(cfg *Config) {
	cfg.Client.Authentication.TLS, cfg.Client.TLS = cfg.Client.TLS, nil
}

func withSuperuser(method string) []kfake.Opt {
	return []kfake.Opt{kfake.EnableSASL(), kfake.Superuser(method, "u", "s")}
}

// A wrong password is fixed by somebody: the data wait.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	c := newCluster(t, append(withSuperuser("PLAIN"), kfake.SeedTopics(1, "dc1-processed"))...)
	s := newSender(t, c.ListenAddrs(), func(cfg *Config) {
		withUser("PLAIN", "u", "wrong")(cfg)
		cfg.Timeout.Timeout = 100 * time.Millisecond
	})
	s.Metrics.(*jsonExporter).drain.Patience = 50 * time.Millisecond
	s.start(t)
	require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, "dc1", 1)...)))
	s.awaitRetry(t)
	assert.Zero(t, s.sum(t, "groups_dropped", ""))
	assert.Len(t, s.logs.FilterMessageSnippet("Cannot connect to Kafka").All(), 1)
}

func TestTLSFileThatIsNotThere(t *testing.T) {
	t.Parallel()
	s := newSender(t, []string{"127.0.0.1:1"}, func(cfg *Config) {
		cfg.Client.TLS = &configtls.ClientConfig{Config: configtls.Config{CAFile: "testdata/no.pem"}}
	})
	require.ErrorContains(t, s.Start(t.Context(), componenttest.NewNopHost()), "load tls: ")
	require.NoError(t, s.Shutdown(t.Context()))
}

func TestAcksAndCompression(t *testing.T) {
	t.Parallel()
	for _, acks := range []configkafka.RequiredAcks{configkafka.WaitForAll, configkafka.WaitForLocal, configkafka.NoResponse} {
		for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
			c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
			s := newSender(t, c.ListenAddrs(), func(cfg *Config) {
				synchronous(cfg)
				cfg.Producer.RequiredAcks = acks
				cfg.Producer.Compression = codec
				cfg.Producer.CompressionParams.Level = map[string]configcompression.Level{"gzip": 9, "zstd": 3}[codec]
				cfg.Queue.Get().NumConsumers = 2
			}).start(t)
			g := testGroup(t, testResource("dc1", "r"), "cpu")
			require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(pdata.Scope{}, g)))
			assert.Equal(t, string(g.AppendJSON(nil)), string(consume(t, c.ListenAddrs(), 1, "dc1-processed")[0].Value), codec)
			assert.Len(t, s.logs.FilterMessageSnippet("overtake").All(), 1)
			assert.Equal(t, acks != configkafka.WaitForAll, s.logs.FilterMessageSnippet("required_acks is not all").Len() == 1)
		}
	}
}
