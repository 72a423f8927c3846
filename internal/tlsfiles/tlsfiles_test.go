//go:build unix

package tlsfiles

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configtls"
	"go.uber.org/goleak"

	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestForeignFiles: what is no file is an error that names the key, at once, and whatever the key.
func TestForeignFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe, empty, loop := filepath.Join(dir, "pipe"), filepath.Join(dir, "empty"), filepath.Join(dir, "loop")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	require.NoError(t, os.Symlink("loop", loop))
	for key, set := range map[string]func(*configtls.ServerConfig, string){
		"ca_file":        func(c *configtls.ServerConfig, path string) { c.CAFile = path },
		"cert_file":      func(c *configtls.ServerConfig, path string) { c.CertFile = path },
		"key_file":       func(c *configtls.ServerConfig, path string) { c.KeyFile = path },
		"client_ca_file": func(c *configtls.ServerConfig, path string) { c.ClientCAFile = path },
	} {
		for path, problem := range map[string]string{
			pipe: "but a pipe", dir: "but a directory", "/dev/zero": "but a device", empty: "is empty",
			loop: "too many levels", filepath.Join(dir, "none"): "no such file",
		} {
			var c configtls.ServerConfig
			set(&c, path)
			_, err := Server(t.Context(), c)
			require.ErrorContains(t, err, key+": ")
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, problem)
			if key != "client_ca_file" {
				_, err = Client(t.Context(), configtls.ClientConfig{Config: c.Config})
				require.ErrorContains(t, err, problem)
			}
		}
	}
}

// TestContents: what was looked at is what is used, except where the file is to be read again.
func TestContents(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("text"), 0o600))
	named := configtls.Config{CAFile: file, CertFile: file, KeyFile: file}
	c, err := Client(t.Context(), configtls.ClientConfig{Config: named, ServerName: "host"})
	require.NoError(t, err)
	assert.Equal(t, configtls.ClientConfig{Config: configtls.Config{CAPem: "text", CertPem: "text", KeyPem: "text"}, ServerName: "host"}, c)

	named.ReloadInterval = time.Hour
	c, err = Client(t.Context(), configtls.ClientConfig{Config: named})
	require.NoError(t, err)
	assert.Equal(t, named, c.Config)

	require.NoError(t, os.Truncate(file, maxSize+1))
	_, err = Client(t.Context(), configtls.ClientConfig{Config: named})
	require.ErrorIs(t, err, safefile.ErrTooLarge)
}
