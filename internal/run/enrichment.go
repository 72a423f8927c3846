package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// AllNamespaces stands for every namespace of a resource.
const AllNamespaces = "*"

// Enrichment is one group of what an enrichment plugin found out about a resource.
type Enrichment struct {
	ResourceID string        `json:"resource_id"`
	Namespace  string        `json:"namespace"`
	TTL        time.Duration `json:"ttl_nanoseconds"`
	// Value is the JSON object {"data": {...}, "metadata": {...}} (docs/panoptes/formats.md, section 4).
	Value json.RawMessage `json:"value"`
}

// EnrichmentItem is Enrichment as workers send it.
type EnrichmentItem struct {
	ResourceID string          `json:"resource_id"`
	Namespace  string          `json:"namespace"`
	TTL        int64           `json:"ttl"`
	Value      json.RawMessage `json:"value"`
}

// maxTTLSeconds is a hundred years: what is beyond does not fit a duration.
const maxTTLSeconds = 100 * 365 * 24 * 3600

// Check returns e as Enrichment, or what is wrong with it.
func (e EnrichmentItem) Check() (Enrichment, error) {
	var value struct {
		Data     map[string]json.RawMessage `json:"data"`
		Metadata map[string]json.RawMessage `json:"metadata"`
	}
	switch {
	case e.ResourceID == "":
		return Enrichment{}, errors.New("enrichment: resource_id must be a non-empty string")
	case e.Namespace == "" || e.Namespace == AllNamespaces:
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
