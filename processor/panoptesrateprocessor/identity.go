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
func resourceKey(h *ratestate.Hasher, resource pcommon.Map) ratestate.Key {
	var key ratestate.Key
	found := false
	for name, value := range resource.All() {
		switch name {
		case attrs.ResourceSite, attrs.ResourceClass, attrs.ResourceSubclass, attrs.ResourceType, attrs.ResourceID:
			found = true
			key = key.Add(h.Pair(h.String(name), valueKey(h, value)))
		}
	}
	if found {
		return key
	}
	return attributesKey(h, resource)
}

// attributesKey is the identity of a set of attributes, whatever their order.
func attributesKey(h *ratestate.Hasher, m pcommon.Map) ratestate.Key {
	var key ratestate.Key
	for name, value := range m.All() {
		key = key.Add(h.Pair(h.String(name), valueKey(h, value)))
	}
	return key
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
