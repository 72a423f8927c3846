package pdata

import (
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// resource returns the index of r's ResourceMetrics, which it makes where there is none. Everything that becomes an
// attribute counts, its order too, so that no resource takes the place of another.
func (b *Builder) resource(r *pluginsdk.Resource) int {
	if r == nil {
		r = &pluginsdk.Resource{}
	}
	b.key = appendResourceKey(b.key[:0], r)
	if i, ok := b.resources[string(b.key)]; ok {
		return i
	}
	i := b.md.ResourceMetrics().Len()
	putResource(b.md.ResourceMetrics().AppendEmpty().Resource().Attributes(), r, b.opts, b.join)
	b.resources[string(b.key)] = i
	return i
}

func appendResourceKey(b []byte, r *pluginsdk.Resource) []byte {
	for _, s := range [...]string{r.Site, r.Class, r.Subclass, r.Type, r.ID, r.Endpoint, r.Plugin, r.CreationTimestamp.Text} {
		b = appendPart(b, s)
	}
	b = r.CreationTimestamp.Number.Append(b)
	for _, e := range r.Metadata {
		b = appendPart(appendPart(b, e.Key), e.Value)
	}
	return b
}

// appendPart appends s so that no other parts in a row give the same bytes.
func appendPart(b []byte, s string) []byte {
	b = strconv.AppendInt(b, int64(len(s)), 10)
	return append(append(b, ':'), s...)
}

// PutResource puts the attributes of a resource, those that it has with its metrics, into an empty map.
func PutResource(a pcommon.Map, r *pluginsdk.Resource, o Options) {
	putResource(a, r, o, func(first, second string) string { return first + second })
}

func putResource(a pcommon.Map, r *pluginsdk.Resource, o Options, join func(first, second string) string) {
	a.EnsureCapacity(len(r.Metadata) + 11)
	put := func(key, value string) {
		if value != "" {
			a.PutStr(key, value)
		}
	}
	put(attrs.ResourceSite, r.Site)
	put(attrs.ResourceClass, r.Class)
	put(attrs.ResourceSubclass, r.Subclass)
	put(attrs.ResourceType, r.Type)
	put(attrs.ResourceID, r.ID)
	put(attrs.ResourceEndpoint, r.Endpoint)
	put(attrs.ResourcePlugin, r.Plugin)
	putTimestamp(a, r.CreationTimestamp)
	for _, e := range r.Metadata {
		a.PutStr(join(attrs.ResourceMetadataPrefix, e.Key), e.Value)
	}
	if o.ServiceIdentity {
		put(attrs.ServiceNamespace, r.Site)
		if r.Class != "" || r.Subclass != "" || r.Type != "" {
			a.PutStr(attrs.ServiceName, r.Class+"."+r.Subclass+"."+r.Type)
		}
		put(attrs.ServiceInstanceID, r.ID)
	}
}

// putTimestamp keeps the type that was given. A time that counts as none in Panoptes (0, "") has no attribute.
func putTimestamp(a pcommon.Map, t pluginsdk.Timestamp) {
	if t.IsZero() {
		return
	}
	if t.Text != "" {
		a.PutStr(attrs.ResourceCreationTimestamp, t.Text)
		return
	}
	if i, fits := t.Number.Int64(); fits {
		a.PutInt(attrs.ResourceCreationTimestamp, i)
		return
	}
	if t.Number.IsFinite() {
		a.PutDouble(attrs.ResourceCreationTimestamp, t.Number.Float64())
	}
}
