package recording

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Placeholder stands for a secret.
const Placeholder = logs.Placeholder

// Scrubber takes secrets out of recordings. It is safe for concurrent use.
type Scrubber struct{ logs.Scrubber }

// AddConfig makes the values of options secret that are by their names.
func (s *Scrubber) AddConfig(config pluginsdk.Config) error {
	var errs []error
	for _, value := range pluginfile.SecretValues(config, 1) {
		errs = append(errs, s.Add(value))
	}
	return errors.Join(errs...)
}

// ownKeys are those of recordings and of Panoptes' JSON.
var ownKeys = strings.Fields(`format version host plugin double_rates name normalized_name kind file path transforms topics
	resource config started seconds type interval now readings outcome error calls wire wire_left groups resources enrichment dropped output
	method params result at stream text bytes key value expire pattern member members keys ttl namespace resource_id data metadata
	resource_site resource_class resource_subclass resource_type resource_endpoint resource_plugin resource_creation_timestamp
	resource_metadata _resource_ttl metrics_group_type metrics_group_interval metrics_group_creation_timestamp
	metrics_group_schema_version metrics dimensions dimension_name dimension_value metric_name metric_value metric_type
	metric_creation_timestamp Core Documentation main`)

// CleanJSON returns a line of a recording whose strings have no secrets, and neither have the keys that plugins chose.
func (s *Scrubber) CleanJSON(text []byte) []byte {
	return s.Scrubber.CleanJSON(text, func(key string) bool { return slices.Contains(ownKeys, key) })
}

// Bytes returns bytes that are no text without secrets.
func (s *Scrubber) Bytes(b []byte) []byte { return []byte(s.Clean(string(b))) }

// marshal is json.Marshal without the escapes for HTML, with the end of a line.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}
