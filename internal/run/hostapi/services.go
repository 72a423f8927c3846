package hostapi

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// KV is the service of the key-value store that plugins share.
type KV struct{ Store pluginsdk.KeyValueStore }

// Methods implements Service.
func (s KV) Methods() map[string]Method {
	return map[string]Method{
		"kv.get":         method("kv.get", s.get, "key"),
		"kv.set":         method("kv.set", s.set, "key", "value"),
		"kv.getset":      method("kv.getset", s.getSet, "key", "value"),
		"kv.delete":      method("kv.delete", s.delete, "key"),
		"kv.ttl":         method("kv.ttl", s.ttl, "key"),
		"kv.find_keys":   method("kv.find_keys", s.findKeys, "pattern"),
		"kv.set_add":     method("kv.set_add", s.setAdd, "name", "member"),
		"kv.set_members": method("kv.set_members", s.setMembers, "name"),
	}
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

func (s KV) get(ctx context.Context, p *params) (any, error) {
	return valueResult(s.Store.Get(ctx, *p.Key))
}

func (s KV) set(ctx context.Context, p *params) (any, error) {
	ttl, err := p.ttl()
	if err == nil {
		err = s.Store.Set(ctx, *p.Key, *p.Value, ttl)
	}
	return struct{}{}, err
}

func (s KV) getSet(ctx context.Context, p *params) (any, error) {
	ttl, err := p.ttl()
	if err != nil {
		return nil, err
	}
	return valueResult(s.Store.GetSet(ctx, *p.Key, *p.Value, ttl))
}

func (s KV) delete(ctx context.Context, p *params) (any, error) {
	return struct{}{}, s.Store.Delete(ctx, *p.Key)
}

// ttl answers as redis does: -2 for a key that is not there, -1 for one that does not expire, else seconds, rounded.
func (s KV) ttl(ctx context.Context, p *params) (any, error) {
	left, err := s.Store.TTL(ctx, *p.Key)
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

func (s KV) findKeys(ctx context.Context, p *params) (any, error) {
	keys, err := s.Store.FindKeys(ctx, *p.Pattern)
	return map[string]any{"keys": append([]string{}, keys...)}, err
}

func (s KV) setAdd(ctx context.Context, p *params) (any, error) {
	return struct{}{}, s.Store.SetAdd(ctx, *p.Name, *p.Member)
}

func (s KV) setMembers(ctx context.Context, p *params) (any, error) {
	members, err := s.Store.SetMembers(ctx, *p.Name)
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
