package filter

import (
	"slices"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

type op uint8

const (
	opCondition op = iota
	opAnd
	opOr
	opNot
)

// node is a condition, or a connective over its kids.
type node struct {
	op   op
	kids []node
	condition
}

type field uint8

const fieldMetadata = field(len(fieldNames))

const metadataField = "resource_metadata"

var fieldNames = [...]string{
	"resource_site", "resource_class", "resource_subclass", "resource_type", "resource_id", "resource_endpoint",
}

type compare uint8

const (
	compareEqual compare = iota
	compareLike
	compareIn
)

// condition compares one field, or one metadata key, with values.
type condition struct {
	field   field
	key     string // of the metadata, in lower case
	compare compare
	negated bool
	values  []string
	pattern like
	set     map[string]struct{} // of values, where there are many
}

func (n *node) match(r *pluginsdk.Resource) bool {
	switch n.op {
	case opAnd:
		for i := range n.kids {
			if !n.kids[i].match(r) {
				return false
			}
		}
		return true
	case opOr:
		for i := range n.kids {
			if n.kids[i].match(r) {
				return true
			}
		}
		return false
	case opNot:
		return !n.kids[0].match(r)
	}
	return n.condition.match(r)
}

func (c *condition) match(r *pluginsdk.Resource) bool {
	if c.field != fieldMetadata {
		return c.holds(fieldValue(r, c.field))
	}
	// Only a key that is there can match, also where the comparison is negated. Two keys that differ in case alone are
	// both looked at, as Panoptes' database does with its rows.
	for i := range r.Metadata {
		if equalFoldASCII(r.Metadata[i].Key, c.key) && c.holds(r.Metadata[i].Value) {
			return true
		}
	}
	return false
}

func fieldValue(r *pluginsdk.Resource, f field) string {
	switch f {
	case 0:
		return r.Site
	case 1:
		return r.Class
	case 2:
		return r.Subclass
	case 3:
		return r.Type
	case 4:
		return r.ID
	}
	return r.Endpoint
}

// holds says whether the comparison is true of one value.
func (c *condition) holds(value string) bool {
	var is bool
	switch {
	case c.compare == compareLike:
		is = c.pattern.match(value)
	case c.set != nil:
		_, is = c.set[value]
	default:
		is = slices.Contains(c.values, value)
	}
	return is != c.negated
}

// newSet returns a set of values where looking through them one by one would be slow, else nil.
func newSet(values []string) map[string]struct{} {
	if len(values) <= 8 {
		return nil
	}
	set := make(map[string]struct{}, len(values))
	for _, v := range values {
		set[v] = struct{}{}
	}
	return set
}

// equalFoldASCII compares without the case of ASCII letters; lowered is in lower case.
func equalFoldASCII(s, lowered string) bool {
	if len(s) != len(lowered) {
		return false
	}
	for i := range len(s) {
		if lower(s[i]) != lowered[i] {
			return false
		}
	}
	return true
}
