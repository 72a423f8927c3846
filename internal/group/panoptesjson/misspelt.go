package panoptesjson

import (
	"fmt"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/spelling"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// misspelt gathers the keys of a resource that may be meant to be its fields. A message of Panoptes may have any keys
// besides the fields; those of a list that somebody wrote must not turn into defaults unseen.
type misspelt struct {
	wanted bool
	keys   []string // the first few
}

// fields are the keys that a resource has.
var fields = []string{
	"resource_site", "resource_class", "resource_subclass", "resource_type", "resource_id", "resource_endpoint", "resource_plugin",
	"resource_metadata", "resource_creation_timestamp",
}

// maxMisspelt is how many keys are looked at.
const maxMisspelt = 8

func (m *misspelt) note(key string) {
	if m.wanted && strings.HasPrefix(key, "res") && len(m.keys) < maxMisspelt && !slices.Contains(m.keys, key) {
		m.keys = append(m.keys, key)
	}
}

// checkMisspelt refuses a resource that lacks a field and has a key whose name is nearly that field's.
func (d *Decoder) checkMisspelt(r *pluginsdk.Resource) error {
	for _, key := range d.misspelt.keys {
		most := 1
		if len(key) > len("resource_class") {
			most = 2
		}
		near := spelling.Nearest(key, fields, most)
		if near == "" || has(r, near) {
			continue
		}
		return fmt.Errorf("unknown key %q: did you mean %q?", key, near)
	}
	return nil
}

// has says whether a resource says what a field is.
func has(r *pluginsdk.Resource, field string) bool {
	switch field {
	case "resource_metadata":
		return len(r.Metadata) > 0
	case "resource_creation_timestamp":
		return !r.CreationTimestamp.IsZero()
	}
	return *resourceField(r, field) != ""
}
