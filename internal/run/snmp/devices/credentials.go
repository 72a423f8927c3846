package devices

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Rule gives credentials to the resources that fit. Secrets are named: their values are those of the resource's site, or
// else of all sites.
type Rule struct {
	// Resources fits some resources; nil fits all.
	Resources *filter.Filter
	Version   engine.Version
	// Community names the secret that is the community of versions 1 and 2c.
	Community string
	// User is the user of version 3. AuthSecret and PrivSecret name its passphrases.
	User       string
	Auth       usm.Auth
	AuthSecret string
	Priv       usm.Priv
	PrivSecret string
	Context    string
}

// Validate says what a rule lacks.
func (r *Rule) Validate() error {
	var errs []error
	need := func(what, value string, needed bool, why string) {
		switch {
		case needed && value == "":
			errs = append(errs, fmt.Errorf("%s must name a secret: %s", what, why))
		case !needed && value != "":
			errs = append(errs, fmt.Errorf("%s has no meaning: remove it, or set what it is for (%s)", what, why))
		}
	}
	v3 := r.Version == engine.V3
	need("community", r.Community, !v3, "it is for version 1 or 2c")
	switch {
	case v3 && r.User == "":
		errs = append(errs, errors.New("user must not be empty with version 3"))
	case !v3 && (r.User != "" || r.Context != "" || r.Auth != usm.NoAuth || r.Priv != usm.NoPriv):
		errs = append(errs, errors.New("user, auth, priv and context are for version 3: set version to 3"))
	case r.Priv != usm.NoPriv && r.Auth == usm.NoAuth:
		errs = append(errs, errors.New("priv needs auth: messages are not encrypted without being authenticated"))
	}
	need("auth_secret", r.AuthSecret, r.Auth != usm.NoAuth, "it is for auth")
	need("priv_secret", r.PrivSecret, r.Priv != usm.NoPriv, "it is for priv")
	return errors.Join(errs...)
}

// credentialsKept is how long the secrets of a rule are kept: a changed secret is used after that time at the latest.
const credentialsKept = 10 * time.Second

// mostCredentials is how many are kept.
const mostCredentials = 4096

// credentials keeps what rules and secrets came to.
type credentials struct {
	secrets pluginsdk.SecretsStore

	mu   sync.Mutex
	kept map[credentialsKey]keptCredentials
}

// credentialsKey is a rule, or the name of a secret, and a site.
type credentialsKey struct {
	rule      int // counted from 1; 0 for none
	key, site string
}

type keptCredentials struct {
	engine.Credentials
	err   error
	until time.Time
}

// find returns the credentials for a resource and a wish.
func (d *Devices) find(ctx context.Context, r *pluginsdk.Resource, w *Wish) (engine.Credentials, error) {
	if w.Credentials != nil {
		return *w.Credentials, nil
	}
	if w.Community != "" {
		return withSuffix(engine.Credentials{Community: w.Community}, w.Suffix), nil
	}
	key := credentialsKey{site: w.Site}
	if r != nil {
		key.site = cmp.Or(w.Site, r.Site)
		key.rule = d.rule(r) + 1
	}
	if key.rule == 0 {
		key.key = cmp.Or(w.CommunityKey, d.settings.CommunityKey)
	}
	found, err := d.credentials.get(key, func() (engine.Credentials, error) { return d.look(ctx, key) })
	return withSuffix(found, w.Suffix), err
}

// rule is the index of the first rule that fits, -1 if none does.
func (d *Devices) rule(r *pluginsdk.Resource) int {
	for i := range d.settings.Rules {
		if f := d.settings.Rules[i].Resources; f == nil || f.Match(r) {
			return i
		}
	}
	return -1
}

func withSuffix(c engine.Credentials, suffix string) engine.Credentials {
	switch {
	case suffix == "":
	case c.Version == engine.V3:
		c.Context = "vlan-" + suffix
	default:
		c.Community += engine.Secret("@" + suffix)
	}
	return c
}

func (c *credentials) get(key credentialsKey, look func() (engine.Credentials, error)) (engine.Credentials, error) {
	now := time.Now()
	c.mu.Lock()
	found, there := c.kept[key]
	c.mu.Unlock()
	if there && now.Before(found.until) {
		return found.Credentials, found.err
	}
	found.Credentials, found.err = look()
	if errors.Is(found.err, context.Canceled) || errors.Is(found.err, context.DeadlineExceeded) {
		return found.Credentials, found.err
	}
	found.until = now.Add(credentialsKept)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil || len(c.kept) >= mostCredentials {
		c.kept = map[credentialsKey]keptCredentials{}
	}
	c.kept[key] = found
	return found.Credentials, found.err
}

// look reads the secrets of a rule, or the community of a site where there is none.
func (d *Devices) look(ctx context.Context, key credentialsKey) (c engine.Credentials, err error) {
	if key.rule == 0 {
		return d.lookCommunity(ctx, key)
	}
	rule := &d.settings.Rules[key.rule-1]
	c = engine.Credentials{Version: rule.Version, User: rule.User, Auth: rule.Auth, Priv: rule.Priv, Context: rule.Context}
	for _, s := range []struct {
		name string
		to   *engine.Secret
	}{{rule.Community, &c.Community}, {rule.AuthSecret, &c.AuthPassphrase}, {rule.PrivSecret, &c.PrivPassphrase}} {
		if s.name == "" {
			continue
		}
		if *s.to, err = d.secret(ctx, s.name, key.site); err != nil {
			return engine.Credentials{}, fmt.Errorf("SNMP credentials, rule %d: %w", key.rule, err)
		}
	}
	return c, nil
}

func (d *Devices) secret(ctx context.Context, name, site string) (engine.Secret, error) {
	value, err := d.credentials.secrets.Get(ctx, name, site)
	switch {
	case errors.Is(err, pluginsdk.ErrNotFound):
		return "", fmt.Errorf("there is no secret %q for site %q, and none for all sites", name, site)
	case err == nil && value == "":
		return "", fmt.Errorf("the secret %q for site %q is empty", name, site)
	}
	return engine.Secret(value), err
}

// lookCommunity has the errors of Panoptes.
func (d *Devices) lookCommunity(ctx context.Context, key credentialsKey) (engine.Credentials, error) {
	value, err := d.credentials.secrets.Get(ctx, key.key, key.site)
	if err != nil && !errors.Is(err, pluginsdk.ErrNotFound) {
		return engine.Credentials{}, fmt.Errorf("Could not fetch SNMP community string using key %q for site %q: %w", key.key, key.site, err) //nolint:staticcheck // the text is that of Panoptes
	}
	community := cmp.Or(engine.Secret(value), d.settings.Community)
	if community == "" {
		err := fmt.Errorf("SNMP community string is empty for site %q (used key %q)", key.site, key.key)
		if len(d.settings.Rules) > 0 {
			err = fmt.Errorf("%w; no rule of context::snmp::credentials fits the resource", err)
		}
		return engine.Credentials{}, err
	}
	return engine.Credentials{Community: community}, nil
}
