package panoptesrateprocessor

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/panoptes-otel/panoptes-otel/internal/attrs"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// resourceKey is the identity of a resource: its site, class, subclass, type and id, and nothing else, so that new
// metadata or another endpoint starts no new series. A resource that has none of them is no Panoptes resource, and is
// told apart by all its attributes.
func (l *lastAttributes) resourceKey(h *ratestate.Hasher, resource pcommon.Map) ratestate.Key {
	var key ratestate.Key
	found := 0
	for name, value := range resource.All() {
		switch name {
		case attrs.ResourceSite, attrs.ResourceClass, attrs.ResourceSubclass, attrs.ResourceType, attrs.ResourceID:
			key = key.Add(l.pairKey(h, found, name, value))
			found++
		}
	}
	if found == 0 {
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
}

// attributesKey is the identity of a set of attributes, whatever their order.
func (l *lastAttributes) attributesKey(h *ratestate.Hasher, m pcommon.Map) ratestate.Key {
	if l.texts && l.are(m) {
		return l.key
	}
	l.key, l.texts = ratestate.Key{}, true
	i := 0
	for name, value := range m.All() {
		l.key = l.key.Add(l.pairKey(h, i, name, value))
		l.texts = l.texts && value.Type() == pcommon.ValueTypeStr
		i++
	}
	clear(l.attributes[i:])
	l.attributes = l.attributes[:i]
	return l.key
}

// are says whether these are the attributes of m, in the same order.
func (l *lastAttributes) are(m pcommon.Map) bool {
	if m.Len() != len(l.attributes) {
		return false
	}
	i := 0
	for name, value := range m.All() {
		last := &l.attributes[i]
		if last.name != name || last.value != value.Str() {
			return false
		}
		if last.value == "" && value.Type() != pcommon.ValueTypeStr { // Str of another type is empty
			return false
		}
		i++
	}
	return true
}

// pairKey is the key of the i-th attribute.
func (l *lastAttributes) pairKey(h *ratestate.Hasher, i int, name string, value pcommon.Value) ratestate.Key {
	if i >= len(l.attributes) {
		l.attributes = append(l.attributes, lastAttribute{})
	}
	last := &l.attributes[i]
	if last.name != name || last.nameKey == (ratestate.Key{}) {
		*last = lastAttribute{name: name, nameKey: h.String(name)}
	}
	if value.Type() != pcommon.ValueTypeStr {
		return h.Pair(last.nameKey, valueKey(h, value))
	}
	if text := value.Str(); last.value != text || last.pair == (ratestate.Key{}) {
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
