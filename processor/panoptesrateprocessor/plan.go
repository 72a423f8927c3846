package panoptesrateprocessor

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/group/transforms"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// plan is what transforms mean for the groups of one type. It does not change once made.
type plan struct {
	// conversions are the counters to convert, by the name of their metric.
	conversions map[string]*conversion
	// extras are the types of the groups that carry rates apart from their counters.
	extras []string
	// bad are the complaints about lines that could not be read.
	bad []string
}

// conversion is what happens to the counters of one name.
type conversion struct {
	// series is the part of the series' identity that the group type and the metric make up; of a metric that a selector
	// picked, the metric alone.
	series   ratestate.Key
	rateName string
	// inPlace puts the rate beside its counter.
	inPlace bool
	extras  []extraRate
	trust   trust
	// matched says that a counter of the name came.
	matched atomic.Bool
	// selector is nil for the counters of groups.
	selector *selectorUse
}

// extraRate puts a rate into an extra group.
type extraRate struct {
	group int // index into plan.extras
	name  string
}

// newPlan finds the rules that speak of groups of a type. Where "K = rate:T:a" has a K that differs from T, groups of
// type K get an extra group of type T; K is compared without case, since the reader of plugin files lower-cases it.
func newPlan(h *ratestate.Hasher, rules []groupRule, groupType string, byDefault trust) *plan {
	p := &plan{conversions: map[string]*conversion{}}
	for _, rule := range rules {
		inPlace := rule.GroupType == groupType
		extra := !inPlace && strings.EqualFold(rule.Label, groupType) && !strings.EqualFold(rule.Label, rule.GroupType)
		if !inPlace && !extra {
			continue
		}
		for _, name := range rule.Metrics {
			// The second form is for pipelines that took the type off the counter's name. The rate's name keeps it:
			// only then is it known for a rate.
			for _, full := range []string{groupType + "." + name, name} {
				c := p.conversion(h, full, groupType, name)
				c.trust = byDefault
				if rule.trust != nil { // from the configuration, whose rules come last
					c.trust = *rule.trust
				}
				if inPlace {
					c.inPlace = true
				} else {
					c.addExtra(p.extra(rule.GroupType), rule.GroupType+"."+name+attrs.RateSuffix)
				}
			}
		}
	}
	return p
}

func (p *plan) conversion(h *ratestate.Hasher, full, groupType, name string) *conversion {
	c := p.conversions[full]
	if c == nil {
		c = &conversion{series: h.Join(h.String(groupType), h.String(name)), rateName: groupType + "." + name + attrs.RateSuffix}
		p.conversions[full] = c
	}
	return c
}

func (p *plan) extra(groupType string) int {
	i := slices.Index(p.extras, groupType)
	if i < 0 {
		i = len(p.extras)
		p.extras = append(p.extras, groupType)
	}
	return i
}

func (c *conversion) addExtra(group int, name string) {
	e := extraRate{group, name}
	if !slices.Contains(c.extras, e) {
		c.extras = append(c.extras, e)
	}
}

// The cache of plans is bounded, because what it holds comes with the data. It is emptied when it is full.
const (
	maxPlans     = 4096
	maxPlanBytes = 16 << 20
	// maxText is the longest text of transforms that is read: room for some 2,000 metrics.
	maxText = 64 << 10
)

// plans caches a plan for each text and group type. It is safe for concurrent use.
type plans struct {
	hasher ratestate.Hasher
	rules  *rules

	mu    sync.RWMutex
	known map[planKey]*plan
	bytes int
}

type planKey struct{ text, groupType string }

func newPlans(h ratestate.Hasher, rules *rules) *plans {
	return &plans{hasher: h, rules: rules, known: map[planKey]*plan{}}
}

// get returns the plan of a scope's text for a group type.
func (ps *plans) get(text, groupType string) *plan {
	ps.mu.RLock()
	p := ps.known[planKey{text, groupType}]
	ps.mu.RUnlock()
	if p == nil {
		p = ps.compile(text, groupType)
		ps.keep(text, groupType, p)
	}
	return p
}

func (ps *plans) compile(text, groupType string) *plan {
	if len(text) > maxText {
		p := newPlan(&ps.hasher, ps.rules.groups, groupType, ps.rules.trust)
		p.bad = []string{fmt.Sprintf("the transforms have %d bytes, limit is %d", len(text), maxText)}
		return p
	}
	// Clones, since a text may be a small part of a large message that would live as long as the plan.
	own, errs := transforms.Parse(strings.Clone(text))
	all := make([]groupRule, 0, len(own)+len(ps.rules.groups))
	for _, rule := range own {
		all = append(all, groupRule{Rule: rule})
	}
	p := newPlan(&ps.hasher, append(all, ps.rules.groups...), groupType, ps.rules.trust)
	for _, err := range errs {
		p.bad = append(p.bad, err.Error())
	}
	return p
}

func (ps *plans) keep(text, groupType string, p *plan) {
	size := len(text) + len(groupType)
	if size > maxText {
		return
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if len(ps.known) >= maxPlans || ps.bytes+size > maxPlanBytes {
		clear(ps.known)
		ps.bytes = 0
	}
	ps.known[planKey{strings.Clone(text), strings.Clone(groupType)}] = p
	ps.bytes += size
}
