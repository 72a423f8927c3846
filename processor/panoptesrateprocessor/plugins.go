package panoptesrateprocessor

import (
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

const (
	// maxPlugins bounds the plugins that the processor's own metrics tell apart; the others are otherPlugin.
	maxPlugins    = 256
	maxPluginName = 256
	otherPlugin   = "other"
)

// plugins are those seen. It is safe for concurrent use.
type plugins struct {
	other *plugin

	mu    sync.RWMutex
	known map[string]*plugin // by the name of the scope
}

// plugin is what is counted apart. Its options are built once: an attribute set is dearer than the count.
type plugin struct {
	name    string
	skipped [skips]metric.AddOption
	sparse  metric.AddOption

	mu    sync.Mutex
	gaps  gaps
	began ratestate.Time // when the first of gaps was counted
	shown shown
}

func newPlugins() *plugins {
	return &plugins{other: newPlugin(otherPlugin), known: map[string]*plugin{}}
}

func newPlugin(name string) *plugin {
	p := &plugin{name: name}
	attr := attribute.String("plugin", name)
	p.sparse = metric.WithAttributeSet(attribute.NewSet(attr))
	for s, reason := range skipNames {
		p.skipped[s] = metric.WithAttributeSet(attribute.NewSet(attr, attribute.String("reason", reason)))
	}
	return p
}

// get returns the plugin of a scope's name, whose own name is name.
func (ps *plugins) get(scope, name string) *plugin {
	ps.mu.RLock()
	p, full := ps.known[scope], len(ps.known) >= maxPlugins
	ps.mu.RUnlock()
	switch {
	case p != nil:
		return p
	case full || max(len(scope), len(name)) > maxPluginName:
		return ps.other
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p = ps.known[scope]; p == nil && len(ps.known) < maxPlugins {
		scope = strings.Clone(scope)
		p = newPlugin(strings.Clone(name))
		ps.known[scope] = p
	}
	if p == nil {
		p = ps.other
	}
	return p
}

const (
	// gapsWindow, in seconds, is over how long the median gap is taken at least: so long that one pause of all is not most
	// of it.
	gapsWindow = 600
	// minGaps is the smallest number of gaps that has a median worth a warning.
	minGaps = 5
)

// gaps count the times between two points of one series. Half of them are above the median, so the median is above 1.5
// intervals where more than half of the gaps are.
type gaps struct{ all, wide int64 }

// noteApart counts a gap between two points that should come at a third of the longest gap.
func (t *tally) noteApart(apart, longest int64) {
	t.gaps.all++
	if 2*apart > longest { // 1.5 intervals are half of three
		t.gaps.wide++
	}
}

// note adds gaps to those of the window. At the window's end it returns how many there were if the median of them is too
// large, and otherwise 0.
func (p *plugin) note(g gaps, now ratestate.Time) int64 {
	if g.all == 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gaps.all == 0 {
		p.began = now
	}
	p.gaps.all += g.all
	p.gaps.wide += g.wide
	if now < p.began+gapsWindow || p.gaps.all < minGaps {
		return 0
	}
	seen := p.gaps
	p.gaps = gaps{}
	if 2*seen.wide <= seen.all {
		return 0
	}
	return seen.all
}
