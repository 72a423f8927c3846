package panoptesrateprocessor

import (
	"strings"

	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// maxNames bounds the metric names that a pass remembers from call to call.
const maxNames = 4096

// metricName is what a pass knows of a metric by its name.
type metricName struct {
	// conv is nil where no selector picks the metric; it counts once the name was looked up.
	conv     *conversion
	lookedUp bool
	// scope is the number of the last scope that has such a metric.
	scope uint64
}

// selectorUse is a selector as it applies to metrics of one name. It belongs to a pass.
type selectorUse struct {
	*selector
	// out is the name of the rate.
	out *metricName
	// from and unit are the unit seen last and the rate's unit that was derived from it.
	from, unit string
}

// named returns what is known of a metric's name, for one that is there.
func (c *pass) named(name string) *metricName {
	n := c.entry(name)
	if !n.lookedUp {
		n.lookedUp = true
		n.conv = c.selectorConversion(strings.Clone(name))
	}
	return n
}

func (c *pass) entry(name string) *metricName {
	n := c.names[name]
	if n == nil {
		n = &metricName{}
		c.names[strings.Clone(name)] = n // the name may be part of a message that would live as long
	}
	return n
}

func (c *pass) selectorConversion(name string) *conversion {
	s := c.rules.selected(name)
	if s == nil {
		return nil
	}
	conv := &conversion{
		series: c.hasher.String(name), rateName: strings.ReplaceAll(s.name, nameVariable, name), inPlace: true,
		trust: s.trust, selector: &selectorUse{selector: s},
	}
	if conv.rateName != name {
		conv.selector.out = c.entry(conv.rateName)
	}
	return conv
}

// taken says whether the scope has another metric of the rate's name. All its metrics must have been named.
func (c *pass) taken(u *selectorUse) bool {
	return u != nil && u.out != nil && u.out.scope == c.scopeNumber
}

// unitFor is the unit of the rate of a counter in a unit.
func (u *selectorUse) unitFor(unit string) string {
	if u.selector.unit != "" {
		return u.selector.unit
	}
	if u.unit == "" || u.from != unit {
		u.from = strings.Clone(unit)
		u.unit = perSecond(u.from)
	}
	return u.unit
}

// scopeKey is what all series of the scope have in common, by all its attributes and its name.
func (c *pass) scopeKey() ratestate.Key {
	if !c.scopeHashed {
		scope := c.scope.Scope()
		c.commonKey = c.hasher.Join(c.hasher.String(scope.Name()), c.scopes.attributesKey(&c.hasher, scope.Attributes()))
		c.scopeHashed = true
	}
	return c.commonKey
}
