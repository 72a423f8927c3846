//go:build unix

package kafkaclient

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// TestForeignFiles: a pipe in the place of a file that the settings name holds nobody up, and the error names the key.
func TestForeignFiles(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	for text, want := range map[string]string{
		"tls: {ca_file: %q}":                       "load tls: ca_file: ",
		"tls: {cert_file: %[1]q, key_file: %[1]q}": "load tls: cert_file: ",
		"auth: {tls: {ca_file: %q}}":               "load tls: ca_file: ",
		"auth: {kerberos: {service_name: kafka, username: u, realm: R, keytab_file: %q}}":                             "auth::kerberos: keytab_file ",
		"auth: {kerberos: {service_name: kafka, username: u, realm: R, config_file: %[1]q, keytab_file: /no/keytab}}": "auth::kerberos: config_file ",
	} {
		_, err := Options(t.Context(), configure(t, fmt.Sprintf(text, pipe)), nil, zap.NewNop())
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, pipe)
		require.ErrorContains(t, err, "but a pipe")
	}
}

// TestBrokenKeytab: whatever is wrong with a keytab, the error does not show what is in it, and nobody panics.
func TestBrokenKeytab(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keytab")
	for name, text := range map[string]string{
		"cut off":      "\x05\x02\x00\x00\x10\x00secret",
		"short":        "\x05",
		"an entry":     "\x05\x02\x00\x00\x00\x08\x00\x01secret\x00\x00\x00\x00",
		"another file": "secret",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := readKeytab(t.Context(), path)
		require.Error(t, err, name)
		assert.NotContains(t, err.Error(), "secret", name)
	}
}
