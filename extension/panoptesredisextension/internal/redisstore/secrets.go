package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// secrets are those that Panoptes keeps in Redis, by "<name>:<site>". They are read at each call, so that a change takes
// effect at once. Values are in no error.
type secrets struct{ store *Store }

// Secrets implements hostapi.Shared.
func (s *Store) Secrets() hostapi.SecretsStore { return secrets{s} }

// Get implements pluginsdk.SecretsStore. Panoptes comes to the default only where reading fails; here also where the site has
// none (docs/panoptes/runtime.md, section 8).
func (s secrets) Get(ctx context.Context, name, site string) (string, error) {
	value, err := s.GetExact(ctx, name, site)
	if errors.Is(err, pluginsdk.ErrNotFound) {
		return s.GetExact(ctx, name, kv.DefaultSite)
	}
	return value, err
}

// GetExact implements hostapi.SecretsStore.
func (s secrets) GetExact(ctx context.Context, name, site string) (value string, err error) {
	if name == "" || site == "" || strings.Contains(site, ":") {
		return "", fmt.Errorf(`secret %q of site %q: neither may be empty, and a site must not contain ":"`, name, site)
	}
	key := s.store.prefix(kv.SecretsNamespace) + name + ":" + site
	err = s.store.run(ctx, call{op: OpSecret, again: true, do: func(ctx context.Context) error {
		// One byte more than there may be tells that there are too many.
		if value, err = s.store.client.GetRange(ctx, key, 0, kv.MaxSecretBytes).Result(); err != nil {
			return err
		}
		if len(value) > kv.MaxSecretBytes {
			return fmt.Errorf("%w: it has more than %d bytes", kv.ErrTooLarge, kv.MaxSecretBytes)
		}
		return nil
	}})
	switch {
	case err != nil:
		return "", fmt.Errorf("read secret %q of site %q: %w", name, site, err)
	case value == "": // Redis tells no missing key from an empty one here, and an empty secret is none
		return "", pluginsdk.ErrNotFound
	}
	return value, nil
}
