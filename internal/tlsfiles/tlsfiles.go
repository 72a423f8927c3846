// Package tlsfiles reads the files that settings of TLS name before configtls opens them by itself: configtls waits for
// whoever writes to a pipe, and reads a device to its end. Files that configtls reads again later, for reload_interval and
// client_ca_file, are only looked at, and what takes their place afterwards is not.
package tlsfiles

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
)

// maxSize is far above any bundle of authorities.
const maxSize = 16 << 20

// Client returns the settings of a client with what is in their files. The error names the key.
func Client(ctx context.Context, c configtls.ClientConfig) (configtls.ClientConfig, error) {
	err := load(ctx, &c.Config) // first: Go may copy c before a call beside it
	return c, err
}

// Server returns the settings of a server with what is in their files. The error names the key.
func Server(ctx context.Context, c configtls.ServerConfig) (configtls.ServerConfig, error) {
	if err := load(ctx, &c.Config); err != nil {
		return c, err
	}
	_, err := read(ctx, "client_ca_file", c.ClientCAFile)
	return c, err
}

func load(ctx context.Context, c *configtls.Config) error {
	for _, f := range []struct {
		key     string
		path    *string
		content *configopaque.String
	}{
		{"ca_file", &c.CAFile, &c.CAPem}, {"cert_file", &c.CertFile, &c.CertPem}, {"key_file", &c.KeyFile, &c.KeyPem},
	} {
		text, err := read(ctx, f.key, *f.path)
		if err != nil {
			return err
		}
		if text != "" && *f.content == "" && c.ReloadInterval == 0 {
			*f.path, *f.content = "", configopaque.String(text)
		}
	}
	return nil
}

// read is "" where no file is named.
func read(ctx context.Context, key, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := safefile.Read(ctx, path, maxSize)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", key, err)
	case len(text) == 0:
		return "", fmt.Errorf("%s: the file %q is empty", key, path)
	}
	return string(text), nil
}
