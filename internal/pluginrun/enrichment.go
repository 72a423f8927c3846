package pluginrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// enrichmentPrefix is where the enrichment of all resources lies in the store of plugins: Panoptes' namespace
// panoptes:plugins_kv:enrichment, seen from panoptes:plugins_kv. Plugins can get at it, as in Panoptes.
const enrichmentPrefix = "enrichment:"

// allNamespaces stands for every namespace of a resource.
const allNamespaces = "*"

// Enrichment is one group of what an enrichment plugin found out about a resource.
type Enrichment struct {
	ResourceID string        `json:"resource_id"`
	Namespace  string        `json:"namespace"`
	TTL        time.Duration `json:"ttl_nanoseconds"`
	// Value is the JSON object {"data": {...}, "metadata": {...}} (docs/panoptes/formats.md, section 4).
	Value json.RawMessage `json:"value"`
}

// enrichmentItem is Enrichment as workers send it.
type enrichmentItem struct {
	ResourceID string          `json:"resource_id"`
	Namespace  string          `json:"namespace"`
	TTL        int64           `json:"ttl"`
	Value      json.RawMessage `json:"value"`
}

// maxTTLSeconds is a hundred years: what is beyond does not fit a duration.
const maxTTLSeconds = 100 * 365 * 24 * 3600

func (e enrichmentItem) check() (Enrichment, error) {
	var value struct {
		Data     map[string]json.RawMessage `json:"data"`
		Metadata map[string]json.RawMessage `json:"metadata"`
	}
	switch {
	case e.ResourceID == "":
		return Enrichment{}, errors.New("enrichment: resource_id must be a non-empty string")
	case e.Namespace == "" || e.Namespace == allNamespaces:
		return Enrichment{}, fmt.Errorf("enrichment of resource %q: namespace must not be %q", e.ResourceID, e.Namespace)
	case e.TTL <= 0:
		return Enrichment{}, fmt.Errorf("enrichment %q of resource %q: enrichment_ttl must be greater than zero, is %d",
			e.Namespace, e.ResourceID, e.TTL)
	}
	if err := json.Unmarshal(e.Value, &value); err != nil || value.Data == nil {
		return Enrichment{}, fmt.Errorf(`enrichment %q of resource %q: value must be an object with "data"`, e.Namespace, e.ResourceID)
	}
	return Enrichment{
		ResourceID: e.ResourceID, Namespace: e.Namespace,
		TTL: time.Duration(min(e.TTL, maxTTLSeconds)) * time.Second, Value: e.Value,
	}, nil
}

// KeepEnrichment puts enrichment into the store, for plugins to find. The error names each group that could not be.
func (r *Runners) KeepEnrichment(ctx context.Context, found []Enrichment) error {
	var errs []error
	for _, e := range found {
		if err := r.settings.KV.Set(ctx, enrichmentKey(e.ResourceID, e.Namespace), string(e.Value), e.TTL); err != nil {
			errs = append(errs, fmt.Errorf("store enrichment %q of resource %q: %w", e.Namespace, e.ResourceID, err))
		}
	}
	return errors.Join(errs...)
}

func enrichmentKey(resourceID, namespace string) string {
	return enrichmentPrefix + resourceID + ":" + namespace
}

// enrichment answers with what is stored about a resource, by namespace. What is not there is left out.
func (s *services) enrichment(ctx context.Context, p *serviceParams) (any, error) {
	keys := []string{enrichmentKey(*p.ResourceID, *p.Namespace)}
	prefix := enrichmentKey(*p.ResourceID, "")
	if *p.Namespace == allNamespaces {
		var err error
		if keys, err = s.kv.FindKeys(ctx, globEscaper.Replace(prefix)+"*"); err != nil {
			return nil, err
		}
	}
	found := map[string]json.RawMessage{}
	for _, key := range keys {
		text, err := s.kv.Get(ctx, key)
		if errors.Is(err, pluginsdk.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !json.Valid([]byte(text)) {
			return nil, fmt.Errorf("the value of key %q is no JSON", key)
		}
		found[strings.TrimPrefix(key, prefix)] = json.RawMessage(text)
	}
	return map[string]any{"enrichment": found}, nil
}

// globEscaper takes their meaning from characters in a pattern of keys.
var globEscaper = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`)
