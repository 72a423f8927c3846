package cli

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

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// certificate makes a certificate of 127.0.0.1 that is its own authority, and writes it and its key to files.
func certificate(t *testing.T) (server *tls.Config, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	pool := x509.NewCertPool()
	ca, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool.AddCert(ca)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}, MinVersion: tls.VersionTLS12,
		ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool,
	}, cert, key
}

// secret writes a password file as an editor leaves it.
func secret(t *testing.T, password string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(path, []byte(password+"\n"), 0o600))
	return path
}

func TestTailTLSAndSASL(t *testing.T) {
	server, cert, key := certificate(t)
	password := secret(t, "pa ss")
	for name, c := range map[string]struct {
		tls       bool
		mechanism string
		args      []string
	}{
		"tls":                {true, "", []string{"--tls-ca", cert}},
		"client certificate": {true, "", []string{"--tls", "--tls-ca", cert, "--tls-cert", cert, "--tls-key", key}},
		"tls unchecked":      {true, "", []string{"--tls-insecure"}},
		"plain":              {false, "PLAIN", []string{"--sasl-mechanism", "PLAIN", "--sasl-user", "u", "--sasl-password-file", password}},
		"scram 256":          {false, "SCRAM-SHA-256", []string{"--sasl-mechanism", "SCRAM-SHA-256", "--sasl-user", "u", "--sasl-password-file", password}},
		"scram 512 over tls": {true, "SCRAM-SHA-512", []string{"--tls-ca", cert, "--sasl-mechanism", "SCRAM-SHA-512", "--sasl-user", "u"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PANOPTES_SASL_PASSWORD", "pa ss") // for the case without a file
			opts := []kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(1, "s-processed")}
			var login []kgo.Opt
			if c.tls {
				opts = append(opts, kfake.TLS(server))
				login = append(login, kgo.DialTLSConfig(&tls.Config{InsecureSkipVerify: true}))
			}
			if c.mechanism != "" {
				opts = append(opts, kfake.EnableSASL(), kfake.Superuser(c.mechanism, "u", "pa ss"), kfake.Superuser("PLAIN", "p", "p"))
				login = append(login, kgo.SASL(plain.Auth{User: "p", Pass: "p"}.AsMechanism()))
			}
			cluster, err := kfake.NewCluster(opts...)
			require.NoError(t, err)
			t.Cleanup(cluster.Close)
			producer, err := kgo.NewClient(append(login, kgo.SeedBrokers(cluster.ListenAddrs()...))...)
			require.NoError(t, err)
			t.Cleanup(producer.Close)
			produce(t, producer, "s-processed", 0, numbered(1))
			code, stdout, stderr := run(t, "", append([]string{
				"tail", "--brokers", cluster.ListenAddrs()[0], "--from", "start", "--json", "-n", "1",
			}, c.args...)...)
			require.Zero(t, code, stderr)
			require.Equal(t, numbered(1), stdout)
		})
	}
}

func TestTailIsRefused(t *testing.T) {
	t.Parallel()
	server, _, _ := certificate(t)
	locked, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "u", "secret"))
	require.NoError(t, err)
	t.Cleanup(locked.Close)
	private, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(server))
	require.NoError(t, err)
	t.Cleanup(private.Close)
	for name, c := range map[string]struct {
		brokers string
		args    []string
		want    string
	}{
		"wrong password": {
			locked.ListenAddrs()[0], []string{"--sasl-mechanism", "PLAIN", "--sasl-user", "u", "--sasl-password-file", secret(t, "wrong")}, `they may want TLS, or not the login of "u"`,
		},
		"unknown authority": {private.ListenAddrs()[0], []string{"--tls"}, "certificate signed by unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := run(t, "", append([]string{"tail", "--brokers", c.brokers}, c.args...)...)
			require.Equal(t, 1, code)
			require.Empty(t, stdout)
			require.Contains(t, stderr, c.want)
			require.NotContains(t, stderr, "wrong")
		})
	}
}
