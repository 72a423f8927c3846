package hostapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// enrichmentPrefix is where the enrichment of all resources lies in the store of plugins: Panoptes' namespace
// panoptes:plugins_kv:enrichment, seen from panoptes:plugins_kv. Plugins can get at it, as in Panoptes.
const enrichmentPrefix = "enrichment:"

// Enrichment is the service of what enrichment plugins found out. It lies in the key-value store of plugins.
type Enrichment struct {
	Store pluginsdk.KeyValueStore
	// Namespaces returns the namespaces in which there is enrichment of a resource; nil goes through the keys of the store.
	Namespaces func(ctx context.Context, resourceID string) ([]string, error)
}

// Methods implements Service.
func (s Enrichment) Methods() map[string]Method {
	return map[string]Method{"enrichment.get": method("enrichment.get", s.get, "resource_id", "namespace")}
}

// Keep puts enrichment into the store, for plugins to find. The error names each group that could not be.
func (s Enrichment) Keep(ctx context.Context, found []run.Enrichment) error {
	var errs []error
	for _, e := range found {
		if err := s.Store.Set(ctx, enrichmentKey(e.ResourceID, e.Namespace), string(e.Value), e.TTL); err != nil {
			errs = append(errs, fmt.Errorf("store enrichment %q of resource %q: %w", e.Namespace, e.ResourceID, err))
		}
	}
	return errors.Join(errs...)
}

// EnrichedResource returns the id of the resource that a key of the store has enrichment of; ok is false for other keys.
// Namespaces have no colon, ids may have.
func EnrichedResource(key string) (resourceID string, ok bool) {
	key, ok = strings.CutPrefix(key, enrichmentPrefix)
	end := strings.LastIndexByte(key, ':')
	if !ok || end < 0 {
		return "", false
	}
	return key[:end], true
}

func enrichmentKey(resourceID, namespace string) string {
	return enrichmentPrefix + resourceID + ":" + namespace
}

// TTL returns the time that the enrichment of a resource in a namespace has left, as pluginsdk.KeyValueStore does.
func (s Enrichment) TTL(ctx context.Context, resourceID, namespace string) (time.Duration, error) {
	return s.Store.TTL(ctx, enrichmentKey(resourceID, namespace))
}

// KeysNaming returns the keys of plugins that have a resource's id in their names, in no order. Enrichment is not among them.
func (s Enrichment) KeysNaming(ctx context.Context, resourceID string) ([]string, error) {
	keys, err := s.Store.FindKeys(ctx, "*"+globEscaper.Replace(resourceID)+"*")
	return slices.DeleteFunc(keys, func(key string) bool { _, enriched := EnrichedResource(key); return enriched }), err
}

// NamespacesOf returns those in which there is enrichment of a resource.
func (s Enrichment) NamespacesOf(ctx context.Context, resourceID string) ([]string, error) {
	if s.Namespaces != nil {
		return s.Namespaces(ctx, resourceID)
	}
	prefix := enrichmentKey(resourceID, "")
	keys, err := s.Store.FindKeys(ctx, globEscaper.Replace(prefix)+"*")
	for i := range keys {
		keys[i] = strings.TrimPrefix(keys[i], prefix)
	}
	return keys, err
}

// Find returns what is stored of a resource in a namespace: an object with data and metadata. pluginsdk.ErrNotFound says that
// nothing is.
func (s Enrichment) Find(ctx context.Context, resourceID, namespace string) (json.RawMessage, error) {
	key := enrichmentKey(resourceID, namespace)
	text, err := s.Store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	if !json.Valid([]byte(text)) {
		return nil, fmt.Errorf("the value of key %q is no JSON", key)
	}
	return json.RawMessage(text), nil
}

// get answers with what is stored about a resource, by namespace. What is not there is left out.
func (s Enrichment) get(ctx context.Context, p *params) (any, error) {
	namespaces := []string{*p.Namespace}
	if *p.Namespace == run.AllNamespaces {
		var err error
		if namespaces, err = s.NamespacesOf(ctx, *p.ResourceID); err != nil {
			return nil, err
		}
	}
	found := map[string]json.RawMessage{}
	for _, namespace := range namespaces {
		value, err := s.Find(ctx, *p.ResourceID, namespace)
		if errors.Is(err, pluginsdk.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found[namespace] = value
	}
	return map[string]any{"enrichment": found}, nil
}

// globEscaper takes their meaning from characters in a pattern of keys.
var globEscaper = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`)
