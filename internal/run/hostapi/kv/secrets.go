package kv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// DefaultSite is the file that holds the secret of all sites without one of their own.
const DefaultSite = "default"

// MaxSecretBytes is the most bytes a secret may have.
const MaxSecretBytes = 64 << 10

// Secrets reads secrets from files DIR/NAME/SITE and DIR/NAME/default. It reads the file at each call, so that a
// change takes effect at once, also one that keeps size and time. It is safe for concurrent use. Values are in no error.
type Secrets struct{ directory string }

var _ pluginsdk.SecretsStore = (*Secrets)(nil)

// NewSecrets returns the secrets below a directory. It need not exist yet.
func NewSecrets(directory string) *Secrets { return &Secrets{directory} }

// Get returns the secret for a site, else the default one of that name, else pluginsdk.ErrNotFound. Panoptes comes to
// the default only where reading fails; here also where the site has none (docs/panoptes/runtime.md, section 8).
func (s *Secrets) Get(ctx context.Context, name, site string) (string, error) {
	value, err := s.GetExact(ctx, name, site)
	if errors.Is(err, pluginsdk.ErrNotFound) {
		return s.GetExact(ctx, name, DefaultSite)
	}
	return value, err
}

// GetExact is Get without the default.
func (s *Secrets) GetExact(ctx context.Context, name, site string) (string, error) {
	for _, part := range [...]struct{ what, text string }{{"name", name}, {"site", site}} {
		if err := checkFileName(part.text); err != nil {
			return "", fmt.Errorf("%s %q of a secret %w", part.what, part.text, err)
		}
	}
	data, err := safefile.Read(ctx, filepath.Join(s.directory, name, site), MaxSecretBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return "", pluginsdk.ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("read secret %q of site %q: %w", name, site, err)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

// checkFileName refuses what is no plain file name: names and sites come from plugins and resources, and must not
// lead out of the directory. Names with a leading dot are refused too; mounted secrets keep their bookkeeping there.
func checkFileName(name string) error {
	switch {
	case name == "":
		return errors.New("must not be empty")
	case name[0] == '.':
		return errors.New("must not begin with a dot")
	case strings.ContainsAny(name, "/\\:\x00"):
		return errors.New(`must not contain "/", "\", ":" or NUL`)
	case !filepath.IsLocal(name):
		return errors.New("must be a plain file name")
	}
	return nil
}

// NoSecrets has no secrets.
type NoSecrets struct{}

// Get implements pluginsdk.SecretsStore.
func (NoSecrets) Get(context.Context, string, string) (string, error) {
	return "", pluginsdk.ErrNotFound
}

// GetExact is Get, too.
func (NoSecrets) GetExact(context.Context, string, string) (string, error) {
	return "", pluginsdk.ErrNotFound
}
