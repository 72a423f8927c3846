package panoptesrateprocessor

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"pgregory.net/rapid"
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
