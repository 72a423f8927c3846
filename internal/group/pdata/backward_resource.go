package pdata

import (
	"math"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// ResourceDefaults are the values of fields that a resource's attributes do not tell (docs/mapping.md, "Resources that
// never were Panoptes'"). An empty field stands for the built-in default.
type ResourceDefaults struct{ Site, Class, Subclass, Type, ID, Endpoint string }

// Built-in defaults of a resource's fields. A host's subclass and type are those of the machine Panoptes' own tutorial
// watches.
const (
	defaultSite            = "otel"
	defaultClass           = "otel"
	defaultSubclass        = "resource"
	defaultServiceSubclass = "service"
	defaultHostSubclass    = "host"
	defaultType            = "generic"
	defaultID              = "unknown"
)

// Attributes of OpenTelemetry's semantic conventions ("Host") from which fields are taken.
const (
	hostName = "host.name"
	hostID   = "host.id"
	hostType = "host.type"
)

// resourceInfo is a resource and what comes with it to its groups.
type resourceInfo struct {
	resource *pluginsdk.Resource
	// dimensions are attributes that were moved here from the points, for each group of the resource.
	dimensions dimensions
	reasons    reasonSet
}

func readResource(a pcommon.Map, defaults *ResourceDefaults) resourceInfo {
	info := resourceInfo{resource: &pluginsdk.Resource{}}
	r := info.resource
	ttl := pluginsdk.MetadataEntry{Key: pluginsdk.ResourceTTLKey, Value: pluginsdk.DefaultResourceTTL}
	r.Metadata = append(make(pluginsdk.Metadata, 0, a.Len()+1), ttl)
	for k, v := range a.All() {
		if key, ok := strings.CutPrefix(k, attrs.ResourceMetadataPrefix); ok {
			name, changed := SafeName(key)
			if changed {
				info.reasons |= nameSanitised
			}
			info.addMetadata(name, v, name == pluginsdk.ResourceTTLKey && !changed)
		} else if field := fieldOf(r, k); field != nil {
			*field = textOf(v, &info.reasons)
		} else if k == attrs.ResourceCreationTimestamp {
			r.CreationTimestamp = timestampOf(v, &info.reasons)
		}
	}
	for k, v := range a.All() {
		info.addForeign(k, v)
	}
	if info.derive(a, defaults) {
		info.reasons |= resourceDerived
	}
	return info
}

// fieldOf returns the field of r that an attribute is for, or nil.
func fieldOf(r *pluginsdk.Resource, key string) *string {
	switch key {
	case attrs.ResourceSite:
		return &r.Site
	case attrs.ResourceClass:
		return &r.Class
	case attrs.ResourceSubclass:
		return &r.Subclass
	case attrs.ResourceType:
		return &r.Type
	case attrs.ResourceID:
		return &r.ID
	case attrs.ResourceEndpoint:
		return &r.Endpoint
	case attrs.ResourcePlugin:
		return &r.Plugin
	}
	return nil
}

// addForeign keeps an attribute that Panoptes has no field for. Semantic conventions have names with dots: these speak
// of the resource and become metadata. A name without a dot was a dimension, which a processor such as groupbyattrs
// moved here, and becomes one again, since without it groups could no longer be told apart.
func (info *resourceInfo) addForeign(key string, v pcommon.Value) {
	switch {
	case strings.HasPrefix(key, attrs.ResourceMetadataPrefix), key == attrs.ResourceCreationTimestamp,
		key == attrs.ServiceNamespace, key == attrs.ServiceName, key == attrs.ServiceInstanceID,
		fieldOf(info.resource, key) != nil:
	case strings.Contains(key, "."):
		name, _ := SafeName(key)
		info.addMetadata(name, v, false)
	default:
		before := len(info.dimensions.list)
		info.dimensions.add(key, v, &info.reasons)
		if len(info.dimensions.list) > before {
			info.reasons |= resourceDimension
		}
	}
}

// addMetadata adds an entry. The first one of a name counts, except for the time to live, which has its default already.
func (info *resourceInfo) addMetadata(name string, v pcommon.Value, overwrite bool) {
	text := textOf(v, &info.reasons)
	if text == "" {
		info.reasons |= attributeEmpty
		return
	}
	if strings.Contains(text, "|") {
		text = strings.ReplaceAll(text, "|", "_")
		info.reasons |= metadataSanitised
	}
	r := info.resource
	if name == pluginsdk.ResourceTTLKey && overwrite && !ValidLifetime(text) {
		info.reasons |= metadataSanitised
		return
	}
	if _, known := r.Metadata.Get(name); known && !overwrite {
		info.reasons |= attributeCollision
		return
	}
	r.Metadata = r.Metadata.Set(name, text)
}

// ValidLifetime says whether text can be a resource's time to live: consumers refuse a resource with another one.
func ValidLifetime(text string) bool {
	seconds, err := strconv.ParseInt(text, 10, 64)
	return err == nil && seconds > 0
}

// derive fills the fields that are still empty, and says whether there were any.
func (info *resourceInfo) derive(a pcommon.Map, d *ResourceDefaults) bool {
	r := info.resource
	if r.Site != "" && r.Class != "" && r.Subclass != "" && r.Type != "" && r.ID != "" && r.Endpoint != "" {
		return false
	}
	get := func(key string) string {
		if v, ok := a.Get(key); ok {
			return v.AsString()
		}
		return ""
	}
	service, host, instance := get(attrs.ServiceName), get(hostName), get(attrs.ServiceInstanceID)
	var class, subclass string
	typ := service
	if parts := strings.Split(service, "."); len(parts) == 3 {
		class, subclass, typ = parts[0], parts[1], parts[2]
	}
	kind := defaultSubclass
	switch {
	case service != "":
		kind = defaultServiceSubclass
	case host != "" || get(hostID) != "":
		kind = defaultHostSubclass
	}
	fill(&r.Site, get(attrs.ServiceNamespace), d.Site, defaultSite)
	fill(&r.Class, class, d.Class, defaultClass)
	fill(&r.Subclass, subclass, d.Subclass, kind)
	fill(&r.Type, typ, get(hostType), d.Type, defaultType)
	fill(&r.ID, instance, get(hostID), host, service, d.ID, defaultID)
	fill(&r.Endpoint, host, instance, d.Endpoint, r.ID)
	return true
}

// fill sets an empty field to the first candidate that is not empty.
func fill(field *string, candidates ...string) {
	for _, c := range candidates {
		if *field != "" {
			return
		}
		*field = c
	}
}

// timestampOf keeps a creation time as it was given.
func timestampOf(v pcommon.Value, reasons *reasonSet) pluginsdk.Timestamp {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return pluginsdk.NumberTimestamp(pluginsdk.Int(v.Int()))
	case pcommon.ValueTypeDouble:
		if d := v.Double(); !math.IsNaN(d) && !math.IsInf(d, 0) {
			return pluginsdk.NumberTimestamp(pluginsdk.Float(d))
		}
		return pluginsdk.Timestamp{}
	}
	return pluginsdk.TextTimestamp(textOf(v, reasons))
}
