package pluginsdk

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
)

// DefaultResourceTTL is the time to live, in seconds, of a resource that names none: seven days.
const DefaultResourceTTL = "604800"

// ResourceTTLKey is the metadata key that holds the time to live.
const ResourceTTLKey = "_resource_ttl"

// Resource is a thing that plugins are run against: a device, a host, a load balancer
// (docs/panoptes/formats.md, section 2). Plugins treat it as read-only: one Resource is shared by all runs.
type Resource struct {
	Site     string
	Class    string
	Subclass string
	Type     string
	ID       string
	Endpoint string
	// Plugin is the name of what discovered the resource; "" stands for JSON's null.
	Plugin string
	// CreationTimestamp is kept as it was given: a number of seconds since 1970, or text.
	CreationTimestamp Timestamp
	Metadata          Metadata
}

// Timestamp is a time in seconds since 1970 in the form it was given. Panoptes stores what it got: an int, a double,
// or a string. The zero Timestamp means that none was given.
type Timestamp struct {
	Number Number
	// Text is what was given instead of a number, or "".
	Text string
	set  bool
}

// NumberTimestamp returns a Timestamp that is a number.
func NumberTimestamp(n Number) Timestamp { return Timestamp{Number: n, set: true} }

// TextTimestamp returns a Timestamp that was given as a string; "" means none.
func TextTimestamp(s string) Timestamp { return Timestamp{Text: s, set: s != ""} }

// IsZero says whether no time was given. As in Panoptes the number 0 counts as none.
func (t Timestamp) IsZero() bool {
	return !t.set || t.Text == "" && t.Number.Float64() == 0
}

// Seconds returns the time as a number of seconds; text is read as a number where it is one.
func (t Timestamp) Seconds() (float64, bool) {
	if t.Text == "" {
		return t.Number.Float64(), t.set
	}
	n, err := ParseNumber(strings.TrimSpace(t.Text))
	return n.Float64(), err == nil
}

// Append appends t as JSON.
func (t Timestamp) Append(b []byte) []byte {
	if t.Text != "" {
		return pyjson.AppendString(b, t.Text)
	}
	return t.Number.Append(b)
}

// String is t as Python's str() shows it: text bare, a number in its JSON form.
func (t Timestamp) String() string {
	if t.Text != "" {
		return t.Text
	}
	return t.Number.String()
}

// MetadataEntry is one entry of a resource's metadata.
type MetadataEntry struct{ Key, Value string }

// Metadata is a resource's metadata in the order it was given. In a valid resource the entry ResourceTTLKey comes first.
type Metadata []MetadataEntry

// Get returns the value of a key, and whether there is one.
func (m Metadata) Get(key string) (string, bool) {
	for i := range m {
		if m[i].Key == key {
			return m[i].Value, true
		}
	}
	return "", false
}

// Set returns m with key set to value: in place where the key is known, else at the end.
func (m Metadata) Set(key, value string) Metadata {
	for i := range m {
		if m[i].Key == key {
			m[i].Value = value
			return m
		}
	}
	return append(m, MetadataEntry{key, value})
}

// AddMetadata adds or overwrites an entry. The key must be a name (letters, digits, "_", not starting with a digit);
// the value must not be empty nor contain "|", which separates entries in Panoptes' store.
func (r *Resource) AddMetadata(key, value string) error {
	if err := checkMetadata(key, value); err != nil {
		return err
	}
	r.Metadata = r.Metadata.Set(key, value)
	return nil
}

func checkMetadata(key, value string) error {
	switch {
	case !ValidName(key):
		return fmt.Errorf(`metadata key %q has to match pattern: (letter|"_") (letter | digit | "_")*`, key)
	case value == "":
		return fmt.Errorf("metadata value for key %q must be a non-empty string", key)
	case strings.Contains(value, "|"):
		return fmt.Errorf("metadata value %q of key %q cannot contain |", value, key)
	}
	return nil
}

// Validate checks all fields, and gives the metadata its time to live where it has none.
func (r *Resource) Validate() error {
	var errs []error
	for _, f := range []struct{ name, value string }{
		{"resource_site", r.Site},
		{"resource_class", r.Class},
		{"resource_subclass", r.Subclass},
		{"resource_type", r.Type},
		{"resource_id", r.ID},
		{"resource_endpoint", r.Endpoint},
	} {
		if f.value == "" {
			errs = append(errs, fmt.Errorf("%s must be a non-empty string", f.name))
		}
	}
	for _, e := range r.Metadata {
		if err := checkMetadata(e.Key, e.Value); err != nil {
			errs = append(errs, err)
		}
	}
	r.normalizeTTL()
	if ttl, err := strconv.ParseInt(r.Metadata[0].Value, 10, 64); err != nil || ttl <= 0 {
		errs = append(errs, fmt.Errorf("metadata %s must be an integer greater than 0, is %q", ResourceTTLKey, r.Metadata[0].Value))
	}
	return errors.Join(errs...)
}

// normalizeTTL puts the time to live first, as Panoptes' constructor does, with the default where none is given.
func (r *Resource) normalizeTTL() {
	if len(r.Metadata) > 0 && r.Metadata[0].Key == ResourceTTLKey {
		return
	}
	m := Metadata{{ResourceTTLKey, DefaultResourceTTL}}
	for _, e := range r.Metadata {
		m = m.Set(e.Key, e.Value)
	}
	r.Metadata = m
}

// Key is the serialization key: what identifies a resource in Panoptes' store and signs its tasks. A resource without
// a plugin has an empty plugin part (Panoptes refuses to build its key).
func (r *Resource) Key() string { return string(r.AppendKey(nil)) }

// AppendKey appends Key to b.
func (r *Resource) AppendKey(b []byte) []byte {
	for _, part := range [...][2]string{
		{"plugin|", r.Plugin},
		{"|site|", r.Site},
		{"|class|", r.Class},
		{"|subclass|", r.Subclass},
		{"|type|", r.Type},
		{"|id|", r.ID},
		{"|endpoint|", r.Endpoint},
	} {
		b = append(append(b, part[0]...), part[1]...)
	}
	return b
}

// Identity is what makes two resources the same one: site, class, subclass, type and id, but neither endpoint nor plugin.
type Identity struct{ Site, Class, Subclass, Type, ID string }

// Identity returns r's identity.
func (r *Resource) Identity() Identity {
	return Identity{r.Site, r.Class, r.Subclass, r.Type, r.ID}
}
