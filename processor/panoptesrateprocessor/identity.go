package panoptesrateprocessor

import (
	"math"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// resourceKey is the identity of a resource: its site, class, subclass, type and id, and nothing else, so that new
// metadata or another endpoint starts no new series. A resource that has none of them is no Panoptes resource: not ok.
func (l *lastAttributes) resourceKey(h *ratestate.Hasher, resource pcommon.Map) (key ratestate.Key, ok bool) {
	i, found := 0, identityOf(0)
	resource.Range(func(name string, value pcommon.Value) bool {
		last := l.at(i)
		i++
		if !same(&last.name, name) || last.identity == 0 {
			last.rename(h, name)
			last.identity = identityNamed(name)
		}
		if last.identity != notIdentity {
			if !last.is(value) {
				last.set(h, value)
			}
			key, found = key.Add(last.pair), found|last.identity
		}
		return found != wholeIdentity // mostly they are the first ones
	})
	return key, found != 0
}

// identityOf is the part of a Panoptes resource's identity that an attribute is, or parts, each a bit; 0 where that is
// not known.
type identityOf uint8

const (
	identitySite identityOf = 1 << iota
	identityClass
	identitySubclass
	identityType
	identityID
	notIdentity

	wholeIdentity = identitySite | identityClass | identitySubclass | identityType | identityID
)

func identityNamed(name string) identityOf {
	switch name {
	case attrs.ResourceSite:
		return identitySite
	case attrs.ResourceClass:
		return identityClass
	case attrs.ResourceSubclass:
		return identitySubclass
	case attrs.ResourceType:
		return identityType
	case attrs.ResourceID:
		return identityID
	}
	return notIdentity
}

// lastAttributes are the attributes of which a key was computed last. Most attributes are those that the last point or
// resource had at the same place, and to compare is cheaper than to hash.
type lastAttributes struct {
	attributes []lastAttribute
	key        ratestate.Key // of all of them, by attributesKey
}

type lastAttribute struct {
	name, value string
	nameKey     ratestate.Key
	pair        ratestate.Key
	text        bool // whether value is the value, and not one of another type
	identity    identityOf
}

// attributesKey is the identity of a set of attributes, whatever their order. Only what differs from the last ones is
// hashed.
func (l *lastAttributes) attributesKey(h *ratestate.Hasher, m pcommon.Map) ratestate.Key {
	i := 0
	m.Range(func(name string, value pcommon.Value) bool { // half the time of All
		last := l.at(i)
		i++
		text := value.Str() // what is empty may be of another type
		if !last.text || !same(&last.name, name) || !same(&last.value, text) || text == "" {
			l.key = l.key.Sub(last.pair)
			last.rename(h, name)
			last.set(h, value)
			l.key = l.key.Add(last.pair)
		}
		return true
	})
	if i < len(l.attributes) {
		l.cut(i)
	}
	return l.key
}

// cut leaves the first n attributes.
func (l *lastAttributes) cut(n int) {
	for _, last := range l.attributes[n:] {
		l.key = l.key.Sub(last.pair)
	}
	clear(l.attributes[n:])
	l.attributes = l.attributes[:n]
}

// at returns the i-th attribute.
func (l *lastAttributes) at(i int) *lastAttribute {
	if i == len(l.attributes) {
		l.attributes = append(l.attributes, lastAttribute{})
	}
	return &l.attributes[i]
}

// is says whether the attribute is known to have the value.
func (last *lastAttribute) is(value pcommon.Value) bool {
	text := value.Str() // empty where it is of another type
	return last.text && same(&last.value, text) && (text != "" || value.Type() == pcommon.ValueTypeStr)
}

// rename makes the attribute one of that name; its pair is for set to compute.
func (last *lastAttribute) rename(h *ratestate.Hasher, name string) {
	if last.nameKey == (ratestate.Key{}) || last.name != name {
		*last = lastAttribute{name: name, nameKey: h.String(name)}
	}
}

func (last *lastAttribute) set(h *ratestate.Hasher, value pcommon.Value) {
	last.text, last.value = value.Type() == pcommon.ValueTypeStr, value.Str()
	last.pair = h.Pair(last.nameKey, valueKey(h, value))
}

// same says whether a text is the last one. Mostly both are one in memory; where they are not, those to come will be b,
// which is kept therefore.
func same(last *string, b string) bool {
	if len(*last) != len(b) {
		return false
	}
	if unsafe.StringData(*last) != unsafe.StringData(b) {
		if *last != b {
			return false
		}
		*last = b
	}
	return true
}

// forget drops what belongs to the data.
func (l *lastAttributes) forget() {
	clear(l.attributes)
	l.attributes, l.key = l.attributes[:0], ratestate.Key{}
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
