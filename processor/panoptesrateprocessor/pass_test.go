package panoptesrateprocessor

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// TestAttributesAt: whatever attributes came before at the same place, the key is that of these attributes.
func TestAttributesAt(t *testing.T) {
	t.Parallel()
	p, _ := newTestProcessor(t, componenttest.NewNopTelemetrySettings(), nil)
	rapid.Check(t, func(t *rapid.T) {
		c := p.begin()
		defer c.end()
		for range 20 {
			m := pcommon.NewMap()
			for range rapid.IntRange(0, 2).Draw(t, "attributes") {
				name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")
				if rapid.Bool().Draw(t, "text") {
					m.PutStr(name, rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "value"))
				} else {
					m.PutInt(name, rapid.Int64Range(0, 2).Draw(t, "value"))
				}
			}
			i := rapid.IntRange(0, 3).Draw(t, "point")
			if fresh := (&lastAttributes{}).attributesKey(&c.hasher, m); c.attributesAt(i, m) != fresh {
				t.Fatalf("another key of %v", m.AsRaw())
			}
			if rapid.IntRange(0, 5).Draw(t, "next batch") == 0 {
				c.forget()
			}
		}
	})
}

// TestResourceKey: whatever resources came before, the key is that of the identity of this one, in whatever order its
// attributes are, and of all attributes where there is no identity.
func TestResourceKey(t *testing.T) {
	t.Parallel()
	p, _ := newProcessor(t)
	names := []string{
		attrs.ResourceSite, attrs.ResourceClass, attrs.ResourceSubclass, attrs.ResourceType, attrs.ResourceID,
		attrs.ResourceEndpoint, "host.name", "z",
	}
	rapid.Check(t, func(t *rapid.T) {
		c := p.begin()
		defer c.end()
		defer c.forget()
		keys := map[string]ratestate.Key{}
		for range 20 {
			resource := pcommon.NewResource()
			identity := map[string]any{}
			for _, name := range rapid.Permutation(names).Draw(t, "names")[:rapid.IntRange(0, len(names)).Draw(t, "attributes")] {
				value := rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "value")
				resource.Attributes().PutStr(name, value)
				if identityNamed(name) != notIdentity {
					identity[name] = value
				}
			}
			if len(identity) == 0 {
				identity = resource.Attributes().AsRaw()
			}
			c.resource, c.hashed, c.allHashed = resource, false, false
			text, key := fmt.Sprint(identity), c.key()
			if known, ok := keys[text]; ok && key != known {
				t.Fatalf("another key of %v", resource.Attributes().AsRaw())
			}
			keys[text] = key
			fresh := &pass{rateProcessor: p, resource: resource}
			if fresh.key() != key {
				t.Fatalf("%v has another key after others", resource.Attributes().AsRaw())
			}
		}
		different := map[ratestate.Key]bool{}
		for _, key := range keys {
			different[key] = true
		}
		if len(different) != len(keys) {
			t.Fatalf("%d keys of %d resources", len(different), len(keys))
		}
	})
}

// TestPassForgets: what a pass keeps for the next call has no data in it.
func TestPassForgets(t *testing.T) {
	t.Parallel()
	p, _ := newProcessor(t)
	c := p.begin()
	md := sums(0, 0, "x")
	c.attributesAt(0, counterPoint(md).Attributes())
	counterPoint(md).Attributes().PutStr("more", "x")
	c.attributesAt(0, counterPoint(md).Attributes())
	point := c.points[0].attributes
	require.Len(t, point, 2)
	counterPoint(md).Attributes().Remove("more")
	c.attributesAt(0, counterPoint(md).Attributes())
	assert.Equal(t, lastAttribute{}, point[1], "nor what it has no more")
	c.forget()
	assert.Equal(t, lastAttribute{}, point[0])
	c.points, c.sent = make([]lastAttributes, maxKept+1), make([]sentRate, 1)
	c.end()
	assert.Nil(t, c.points, "a huge batch is not kept")
	assert.Nil(t, c.sent)
}
