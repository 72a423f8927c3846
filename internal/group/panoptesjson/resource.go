package panoptesjson

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// attributeKind is what an attribute of a resource is for. The kinds up to kindPlugin are indexes of a resource's
// fields.
type attributeKind uint8

const (
	kindSite attributeKind = iota
	kindClass
	kindSubclass
	kindType
	kindID
	kindEndpoint
	kindPlugin
	kindCreation
	kindTTL
	kindMetadata
	kindIgnored // said again by other attributes
	kindForeign // not ours, or to be changed: for package mapping
)

// fieldKinds has the names as our own pdata has them: text in the same memory compares at once.
var fieldKinds = map[string]attribute{
	attrs.ResourceSite:              {key: attrs.ResourceSite, kind: kindSite},
	attrs.ResourceClass:             {key: attrs.ResourceClass, kind: kindClass},
	attrs.ResourceSubclass:          {key: attrs.ResourceSubclass, kind: kindSubclass},
	attrs.ResourceType:              {key: attrs.ResourceType, kind: kindType},
	attrs.ResourceID:                {key: attrs.ResourceID, kind: kindID},
	attrs.ResourceEndpoint:          {key: attrs.ResourceEndpoint, kind: kindEndpoint},
	attrs.ResourcePlugin:            {key: attrs.ResourcePlugin, kind: kindPlugin},
	attrs.ResourceCreationTimestamp: {key: attrs.ResourceCreationTimestamp, kind: kindCreation},
	attrs.ServiceNamespace:          {key: attrs.ServiceNamespace, kind: kindIgnored},
	attrs.ServiceName:               {key: attrs.ServiceName, kind: kindIgnored},
	attrs.ServiceInstanceID:         {key: attrs.ServiceInstanceID, kind: kindIgnored},
}

// attribute is what is known of an attribute's name.
type attribute struct {
	key  string
	kind attributeKind
	lead []byte // of a metadata entry: all up to its value
	seen uint64 // the resource that had it last
}

func newAttribute(key string) *attribute {
	if known, ok := fieldKinds[key]; ok {
		return &known
	}
	a := &attribute{key: strings.Clone(key), kind: kindForeign}
	name, ok := strings.CutPrefix(a.key, attrs.ResourceMetadataPrefix)
	switch {
	case !ok || !pluginsdk.ValidName(name):
	case name == pluginsdk.ResourceTTLKey:
		a.kind = kindTTL
	default:
		a.kind = kindMetadata
		a.lead = append(pyjson.AppendString([]byte(", "), name), ": "...)
	}
	return a
}

// What an encoder remembers is bounded. Data whose names change all the time is slow to encode, but cannot fill the
// memory.
const (
	// maxNames is for the names of one kind, within a group type.
	maxNames = 4096
	// maxAllNames is for those of all group types.
	maxAllNames = 65536
	// maxNameLength is for one name, in bytes.
	maxNameLength = 1024
)

// resource is the resource at hand. Its names are kept from resource to resource, as these are mostly alike.
type resource struct {
	attributes map[string]*attribute
	order      []*attribute // of the last resource
	count      uint64

	fields [kindPlugin + 1]string
	// text is the JSON from the end of the group's time to the beginning of its metrics.
	text     []byte
	creation []byte
	metadata []byte
	key      []byte // the message key

	lines bool // write tags rather than text
	tags  lineTags
}

// read reads a resource, and says whether it is one that needs no change.
func (r *resource) read(m pcommon.Map) bool {
	r.count++
	r.fields = [kindPlugin + 1]string{}
	r.creation, r.metadata = r.creation[:0], r.metadata[:0]
	ttl := pluginsdk.DefaultResourceTTL
	i := 0
	for k, v := range m.All() {
		a := r.attribute(i, k)
		i++
		if a == nil || a.seen == r.count {
			return false
		}
		a.seen = r.count
		text := v.Str()
		switch a.kind {
		case kindMetadata:
			if text == "" || strings.IndexByte(text, '|') >= 0 {
				return false
			}
			r.metadata = append(r.metadata, a.lead...)
			r.metadata = pyjson.AppendString(r.metadata, text)
		case kindTTL:
			if !pdata.ValidLifetime(text) {
				return false
			}
			ttl = text
		case kindCreation:
			if !r.readCreation(v) {
				return false
			}
		case kindIgnored:
		case kindForeign:
			return false
		default:
			if text == "" {
				return false
			}
			r.fields[a.kind] = text
		}
	}
	if slices.Contains(r.fields[:kindPlugin], "") {
		return false
	}
	if len(r.creation) == 0 {
		return false
	}
	if r.lines {
		r.tags.write(&r.fields)
	} else {
		r.write(ttl)
	}
	return true
}

// attribute returns what is known of a key, which is mostly the one that the last resource had at this position, or nil
// where the key cannot be kept.
func (r *resource) attribute(position int, key string) *attribute {
	if position < len(r.order) && r.order[position].key == key {
		return r.order[position]
	}
	a, ok := r.attributes[key]
	if !ok {
		if len(key) > maxNameLength {
			return nil
		}
		if len(r.attributes) >= maxNames {
			clear(r.attributes)
			r.order = r.order[:0]
			return nil
		}
		a = newAttribute(key)
		r.attributes[a.key] = a
	}
	switch {
	case position < len(r.order):
		r.order[position] = a
	case position == len(r.order):
		r.order = append(r.order, a)
	}
	return a
}

// readCreation writes the creation time in the form it was given. Zero counts as none, as in Panoptes.
func (r *resource) readCreation(v pcommon.Value) bool {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		if v.Int() == 0 {
			return false
		}
		r.creation = strconv.AppendInt(r.creation, v.Int(), 10)
	case pcommon.ValueTypeDouble:
		d := v.Double()
		if d == 0 || math.IsNaN(d) || math.IsInf(d, 0) {
			return false
		}
		r.creation = pyjson.AppendFloat(r.creation, d)
	case pcommon.ValueTypeStr:
		if v.Str() == "" {
			return false
		}
		r.creation = pyjson.AppendString(r.creation, v.Str())
	default:
		return false
	}
	return true
}

func (r *resource) write(ttl string) {
	f := &r.fields
	b := append(r.text[:0], `, "metrics_group_schema_version": "`+pluginsdk.SchemaVersion+`", "resource": {"resource_site": `...)
	b = pyjson.AppendString(b, f[kindSite])
	b = append(b, `, "resource_class": `...)
	b = pyjson.AppendString(b, f[kindClass])
	b = append(b, `, "resource_subclass": `...)
	b = pyjson.AppendString(b, f[kindSubclass])
	b = append(b, `, "resource_type": `...)
	b = pyjson.AppendString(b, f[kindType])
	b = append(b, `, "resource_id": `...)
	b = pyjson.AppendString(b, f[kindID])
	b = append(b, `, "resource_endpoint": `...)
	b = pyjson.AppendString(b, f[kindEndpoint])
	b = append(b, `, "resource_metadata": {"`+pluginsdk.ResourceTTLKey+`": `...)
	b = pyjson.AppendString(b, ttl)
	b = append(b, r.metadata...)
	b = append(b, `}, "resource_creation_timestamp": `...)
	b = append(b, r.creation...)
	b = append(b, `, "resource_plugin": `...)
	if f[kindPlugin] == "" {
		b = append(b, "null"...)
	} else {
		b = pyjson.AppendString(b, f[kindPlugin])
	}
	r.text = append(b, `}, "metrics": [`...)

	key := append(r.key[:0], f[kindClass]...)
	key = append(key, ':')
	key = append(key, f[kindSubclass]...)
	key = append(key, ':')
	r.key = append(key, f[kindType]...)
}
