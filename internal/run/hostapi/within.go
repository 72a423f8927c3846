package hostapi

import (
	"context"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// within is the keys of a store that begin with prefix.
type within struct {
	pluginsdk.KeyValueStore
	prefix string
}

func (w within) Get(ctx context.Context, key string) (string, error) {
	return w.KeyValueStore.Get(ctx, w.prefix+key)
}

func (w within) Set(ctx context.Context, key, value string, ttl time.Duration) error {
	return w.KeyValueStore.Set(ctx, w.prefix+key, value, ttl)
}

func (w within) GetSet(ctx context.Context, key, value string, ttl time.Duration) (string, error) {
	return w.KeyValueStore.GetSet(ctx, w.prefix+key, value, ttl)
}

func (w within) Delete(ctx context.Context, key string) error {
	return w.KeyValueStore.Delete(ctx, w.prefix+key)
}

func (w within) TTL(ctx context.Context, key string) (time.Duration, error) {
	return w.KeyValueStore.TTL(ctx, w.prefix+key)
}

func (w within) FindKeys(ctx context.Context, pattern string) ([]string, error) {
	keys, err := w.KeyValueStore.FindKeys(ctx, globEscaper.Replace(w.prefix)+pattern)
	for i := range keys {
		keys[i] = strings.TrimPrefix(keys[i], w.prefix)
	}
	return keys, err
}

func (w within) SetAdd(ctx context.Context, name, member string) error {
	return w.KeyValueStore.SetAdd(ctx, w.prefix+name, member)
}

func (w within) SetMembers(ctx context.Context, name string) ([]string, error) {
	return w.KeyValueStore.SetMembers(ctx, w.prefix+name)
}

// hostsOwn are the namespaces that plugins have calls of their own for, without what all begin with.
var hostsOwn = []string{trimmed(kv.SecretsNamespace), trimmed(kv.ResourcesNamespace)}

// reserved says whether keys of a namespace may be among those of the host: it is one of these, lies within one, or has one in it.
func reserved(namespace string) bool {
	name := trimmed(namespace)
	for _, own := range hostsOwn {
		if namespace == "" || strings.HasPrefix(own, name) || strings.HasPrefix(name, own) {
			return true
		}
	}
	return false
}

// trimmed is a namespace as the stores tell them apart: what stands for "panoptes:" may be set.
func trimmed(namespace string) string { return strings.TrimPrefix(namespace+":", "panoptes:") }
