package panoptesrateprocessor

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/group/widths"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// scopeWidths is what a scope says of the widths of its counters, by the names of their metrics.
type scopeWidths struct {
	prefix string // of the names, which pipelines may have taken off
	bits   map[string]uint8
}

// maxWidths bounds the texts that a pass remembers from call to call.
const maxWidths = 256

// takeWidths takes the widths off a scope, and returns them; nil where there are none. What is no width is left out: then
// nothing is known of the counter.
func (c *pass) takeWidths(scope pcommon.Map) *scopeWidths {
	v, ok := scope.Get(attrs.CounterWidths)
	if !ok {
		return nil
	}
	text := v.AsString()
	scope.Remove(attrs.CounterWidths)
	groupType := ""
	if v, ok := scope.Get(attrs.GroupType); ok {
		groupType = v.AsString()
	}
	if len(text) > maxText {
		return nil
	}
	known := c.knownWidths[text]
	if known == nil || known.prefix != groupType+"." {
		if len(c.knownWidths) >= maxWidths {
			clear(c.knownWidths)
		}
		text = strings.Clone(text) // it may be part of a message that would live as long
		known = &scopeWidths{prefix: strings.Clone(groupType) + "."}
		known.bits, _ = widths.Parse(text)
		c.knownWidths[text] = known
	}
	return known
}

// widthOf is how wide a counter of the scope is. What the scope says is known of the device, and counts more than what the
// configuration guesses; but not more than that it wants no wraps.
func (c *pass) widthOf(m *lastMetric, t trust) ratestate.Width {
	switch {
	case t.noWraps:
		return ratestate.WidthUnknown
	case c.widths == nil:
		return t.width
	case m.widths != c.widths:
		m.widths = c.widths
		m.width = ratestate.Width(c.widths.bits[strings.TrimPrefix(m.name, c.widths.prefix)])
	}
	if m.width == ratestate.WidthUnknown {
		return t.width
	}
	return m.width
}
