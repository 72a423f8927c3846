package panoptesrateprocessor

import (
	"math"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/panoptes-otel/panoptes-otel/internal/attrs"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// resourceKey is the identity of a resource: its site, class, subclass, type and id, and nothing else, so that new
// metadata or another endpoint starts no new series. A resource that has none of them is no Panoptes resource, and is
// told apart by all its attributes.
func (l *lastAttributes) resourceKey(h *ratestate.Hasher, resource pcommon.Map) ratestate.Key {
	var key ratestate.Key
	i, found := 0, false
	resource.Range(func(name string, value pcommon.Value) bool {
		last := l.at(i, name)
		i++
		if last.named == namedNot {
			last.named = namedOther
			switch name {
			case attrs.ResourceSite, attrs.ResourceClass, attrs.ResourceSubclass, attrs.ResourceType, attrs.ResourceID:
				last.named = namedIdentity
			}
		}
		if last.named == namedIdentity {
			key, found = key.Add(last.pairKey(h, value)), true
		}
		return true
	})
	if !found {
		return l.attributesKey(h, resource)
	}
	return key
}

// lastAttributes are the attributes of which a key was computed last. Most attributes are those that the last point or
// resource had at the same place, and to compare is cheaper than to hash.
type lastAttributes struct {
	attributes []lastAttribute
	key        ratestate.Key // of all of them, where all are texts
	texts      bool
}

type lastAttribute struct {
	name, value   string
	nameKey, pair ratestate.Key // zero where they are not known
	named         named
}

// named is what is known of the name of a resource's attribute.
type named uint8

const (
	namedNot named = iota // nothing
	namedIdentity
	namedOther
)

// attributesKey is the identity of a set of attributes, whatever their order.
func (l *lastAttributes) attributesKey(h *ratestate.Hasher, m pcommon.Map) ratestate.Key {
	if l.texts && l.are(m) {
		return l.key
	}
	return l.newKey(h, m)
}

// newKey is attributesKey for attributes that are not the last ones.
func (l *lastAttributes) newKey(h *ratestate.Hasher, m pcommon.Map) ratestate.Key {
	l.key, l.texts = ratestate.Key{}, true
	i := 0
	m.Range(func(name string, value pcommon.Value) bool {
		l.key = l.key.Add(l.at(i, name).pairKey(h, value))
		l.texts = l.texts && value.Type() == pcommon.ValueTypeStr
		i++
		return true
	})
	clear(l.attributes[i:])
	l.attributes = l.attributes[:i]
	return l.key
}

// are says whether these are the attributes of m, in the same order.
func (l *lastAttributes) are(m pcommon.Map) bool {
	if m.Len() != len(l.attributes) {
		return false
	}
	i, equal := 0, true
	m.Range(func(name string, value pcommon.Value) bool { // half the time of All
		last := &l.attributes[i]
		i++
		text := value.Str() // empty where it is of another type
		equal = same(last.name, name) && same(last.value, text) && (text != "" || value.Type() == pcommon.ValueTypeStr)
		return equal
	})
	return equal
}

// same says whether two texts are equal. Most of those compared here are one text, or at least one in memory.
func same(a, b string) bool {
	return len(a) == len(b) && (unsafe.StringData(a) == unsafe.StringData(b) || a == b)
}

// at returns what is known of the i-th attribute, if it has this name.
func (l *lastAttributes) at(i int, name string) *lastAttribute {
	if i >= len(l.attributes) {
		l.attributes = append(l.attributes, lastAttribute{})
	}
	last := &l.attributes[i]
	if !same(last.name, name) {
		*last = lastAttribute{name: name}
	}
	return last
}

// pairKey is the key of the attribute with a value.
func (last *lastAttribute) pairKey(h *ratestate.Hasher, value pcommon.Value) ratestate.Key {
	if last.nameKey == (ratestate.Key{}) {
		last.nameKey = h.String(last.name)
	}
	if value.Type() != pcommon.ValueTypeStr {
		return h.Pair(last.nameKey, valueKey(h, value))
	}
	if text := value.Str(); last.pair == (ratestate.Key{}) || !same(last.value, text) {
		last.value, last.pair = text, h.Pair(last.nameKey, h.String(text))
	}
	return last.pair
}

// forget drops what belongs to the data.
func (l *lastAttributes) forget() {
	clear(l.attributes)
	l.attributes, l.texts = l.attributes[:0], false
}

// valueKey tells values apart that differ in type or content.
func valueKey(h *ratestate.Hasher, v pcommon.Value) ratestate.Key {
	kind := uint8(v.Type())
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return h.String(v.Str())
	case pcommon.ValueTypeInt:
		return h.Word(kind, uint64(v.Int()))
	case pcommon.ValueTypeDouble:
		return h.Word(kind, math.Float64bits(v.Double()))
	case pcommon.ValueTypeBool:
		if v.Bool() {
			return h.Word(kind, 1)
		}
		return h.Word(kind, 0)
	}
	// Bytes, lists and maps: rare enough to pay for their text.
	return h.Join(h.Word(kind, 0), h.String(v.AsString()))
}
