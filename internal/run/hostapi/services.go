package hostapi

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// KV is the service of the key-value store that plugins share, and of namespaces that they have of their own.
type KV struct {
	Store pluginsdk.KeyValueStore
	// Own gives the store of a namespace. Where it is nil, its keys are in Store, behind its name and a colon.
	Own func(namespace string) pluginsdk.KeyValueStore
}

// Methods implements Service.
func (s KV) Methods() map[string]Method {
	return map[string]Method{
		"kv.get":         s.method("kv.get", kvGet, "key"),
		"kv.set":         s.method("kv.set", kvSet, "key", "value"),
		"kv.getset":      s.method("kv.getset", kvGetSet, "key", "value"),
		"kv.delete":      s.method("kv.delete", kvDelete, "key"),
		"kv.ttl":         s.method("kv.ttl", kvTTL, "key"),
		"kv.find_keys":   s.method("kv.find_keys", kvFindKeys, "pattern"),
		"kv.set_add":     s.method("kv.set_add", kvSetAdd, "name", "member"),
		"kv.set_members": s.method("kv.set_members", kvSetMembers, "name"),
	}
}

// method makes a method of a function over the store that the call names.
func (s KV) method(name string, call func(context.Context, pluginsdk.KeyValueStore, *params) (any, error), need ...string) Method {
	return method(name, func(ctx context.Context, p *params) (any, error) {
		store, err := s.named(p.Namespace)
		if err != nil {
			return nil, err
		}
		return call(ctx, store, p)
	}, need...)
}

func (s KV) named(namespace *string) (pluginsdk.KeyValueStore, error) {
	switch {
	case namespace == nil:
		return s.Store, nil
	case reserved(*namespace):
		return nil, invalidParams("namespace %q belongs to the host", *namespace)
	case s.Own == nil:
		return within{s.Store, *namespace + ":"}, nil
	}
	return s.Own(*namespace), nil
}

// ttl is how long a value is to live; no expire means for good. Redis refuses times that are not greater than zero.
func (p *params) ttl() (time.Duration, error) {
	if p.Expire == nil {
		return 0, nil
	}
	seconds := *p.Expire
	if !(seconds > 0) {
		return 0, invalidParams("expire must be greater than zero, is %v", seconds)
	}
	return time.Duration(min(seconds, float64(math.MaxInt64/int64(time.Second))/2) * float64(time.Second)), nil
}

// valueResult has null for what is not there.
func valueResult(value string, err error) (any, error) {
	if errors.Is(err, pluginsdk.ErrNotFound) {
		return map[string]any{"value": nil}, nil
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"value": value}, nil
}

func kvGet(ctx context.Context, store pluginsdk.KeyValueStore, p *params) (any, error) {
	return valueResult(store.Get(ctx, *p.Key))
}

func kvSet(ctx context.Context, store pluginsdk.KeyValueStore, p *params) (any, error) {
	ttl, err := p.ttl()
	if err == nil {
		err = store.Set(ctx, *p.Key, *p.Value, ttl)
	}
	return struct{}{}, err
}

func kvGetSet(ctx context.Context, store pluginsdk.KeyValueStore, p *params) (any, error) {
	ttl, err := p.ttl()
	if err != nil {
		return nil, err
	}
	return valueResult(store.GetSet(ctx, *p.Key, *p.Value, ttl))
}

func kvDelete(ctx context.Context, store pluginsdk.KeyValueStore, p *params) (any, error) {
	return struct{}{}, store.Delete(ctx, *p.Key)
}

// kvTTL answers as redis does: -2 for a key that is not there, -1 for one that does not expire, else seconds, rounded.
func kvTTL(ctx context.Context, store pluginsdk.KeyValueStore, p *params) (any, error) {
	left, err := store.TTL(ctx, *p.Key)
	seconds := int64(-1)
	switch {
	case errors.Is(err, pluginsdk.ErrNotFound):
		seconds = -2
	case err != nil:
		return nil, err
	case left >= 0:
		seconds = int64((left + time.Second/2) / time.Second)
	}
	return map[string]any{"ttl": seconds}, nil
}

func kvFindKeys(ctx context.Context, store pluginsdk.KeyValueStore, p *params) (any, error) {
	keys, err := store.FindKeys(ctx, *p.Pattern)
	return map[string]any{"keys": append([]string{}, keys...)}, err
}

func kvSetAdd(ctx context.Context, store pluginsdk.KeyValueStore, p *params) (any, error) {
	return struct{}{}, store.SetAdd(ctx, *p.Name, *p.Member)
}

func kvSetMembers(ctx context.Context, store pluginsdk.KeyValueStore, p *params) (any, error) {
	members, err := store.SetMembers(ctx, *p.Name)
	return map[string]any{"members": append([]string{}, members...)}, err
}

// SecretsStore is where plugins find secrets.
type SecretsStore interface {
	pluginsdk.SecretsStore
	// GetExact is Get without the default secret of a name.
	GetExact(ctx context.Context, name, site string) (string, error)
}

// Secrets is the service of the secrets.
type Secrets struct{ Store SecretsStore }

// Methods implements Service.
func (s Secrets) Methods() map[string]Method {
	return map[string]Method{"secrets.get": method("secrets.get", s.get, "name", "site")}
}

func (s Secrets) get(ctx context.Context, p *params) (any, error) {
	if p.Fallback != nil && !*p.Fallback {
		return valueResult(s.Store.GetExact(ctx, *p.Name, *p.Site))
	}
	return valueResult(s.Store.Get(ctx, *p.Name, *p.Site))
}

// KnownSecrets is a store with the secrets of Store, of which Scrubber is told each that it gives out.
type KnownSecrets struct {
	Store    SecretsStore
	Scrubber *logs.Scrubber
}

var _ SecretsStore = KnownSecrets{}

// Get implements SecretsStore.
func (k KnownSecrets) Get(ctx context.Context, name, site string) (string, error) {
	return k.note(k.Store.Get(ctx, name, site))
}

// GetExact implements SecretsStore.
func (k KnownSecrets) GetExact(ctx context.Context, name, site string) (string, error) {
	return k.note(k.Store.GetExact(ctx, name, site))
}

func (k KnownSecrets) note(value string, err error) (string, error) {
	if err == nil {
		err = k.Scrubber.Add(value) // what cannot be kept out of the log must not be given out
	}
	if err != nil {
		return "", err
	}
	return value, nil
}
