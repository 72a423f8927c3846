package panoptesrateprocessor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/group/transforms"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// shown is what boards show of a plugin, under the plugin's lock.
type shown struct {
	seen       bool
	since      time.Time // when the transforms came first
	interval   int64     // the longest of the plugin's groups since then, in milliseconds; 0 where they carry none
	warned     bool      // that some of them match nothing
	transforms string
	rates      int64
	skipped    [skips]int64
	// batches are those with data of the plugin that were passed on, refused those of them that what comes next did not take.
	batches, refused int64
	err              error // of the last batch
}

// show shows the processor on the boards of a host.
func (p *rateProcessor) show(host component.Host) {
	for name, link := range map[string]func(string) status.Link{status.LinkTransforms: p.link, status.LinkPipeline: p.pipeline} {
		hide, _ := status.ShowStage(host, &status.Stage{ID: p.id, Name: name, Link: link})
		p.hide = append(p.hide, hide)
	}
}

// passedOn notes whether what comes next took a batch.
func (c *pass) passedOn(err error) {
	for i := range c.tallies {
		p := c.tallies[i].counts
		p.mu.Lock()
		p.shown.batches++
		if p.shown.err = err; err != nil {
			p.shown.refused++
		}
		p.mu.Unlock()
	}
}

// pipeline says whether what comes next takes the data of a plugin.
func (p *rateProcessor) pipeline(name string) status.Link {
	s := p.plugins.shown(name)
	switch {
	case s.batches == 0:
		return status.Link{Holds: status.Unknown, Said: "no data of the plugin came"}
	case s.refused == 0:
		return status.Link{Holds: status.Yes, Said: fmt.Sprintf("what stands behind it took all %d batches with data of the plugin; whether a queue there keeps them, "+
			"otelcol_exporter_queue_size and otelcol_exporter_send_failed_metric_points tell", s.batches)}
	}
	l := status.Link{Holds: status.Yes, Said: fmt.Sprintf("what stands behind it refused %d of %d batches with data of the plugin", s.refused, s.batches)}
	if s.err != nil {
		l.Holds, l.Said, l.Next = status.No, l.Said+", the last one: "+logs.KeepStart(s.err.Error(), maxErrorText), "see the exporter's lines in the log"
	}
	return l
}

// maxErrorText bounds what is shown of an error.
const maxErrorText = 500

// show notes what a call came to.
func (p *plugin) show(t *tally) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &p.shown
	s.seen = true
	if s.transforms != t.transforms {
		s.transforms, s.since, s.interval, s.warned = strings.Clone(t.transforms), time.Now(), 0, false
	}
	s.interval = max(s.interval, t.interval)
	s.rates += t.rates
	for i, n := range t.skipped {
		s.skipped[i] += n
	}
}

// link says what came of the transforms of a plugin, and which of them no metric has matched.
func (p *rateProcessor) link(name string) status.Link {
	s, lost := p.plugins.shown(name), p.plugins.full()
	switch {
	case !s.seen && lost:
		return status.Link{Holds: status.Unknown, Said: fmt.Sprintf("it tells %d plugins apart, and this one is not among them", maxPlugins)}
	case !s.seen:
		return status.Link{Holds: status.Unknown, Said: "no data of the plugin came"}
	}
	said := s.said()
	rules, errs := transforms.Parse(s.transforms)
	unmatched := p.currentPlans().unmatched(s.transforms, rules)
	for _, err := range errs {
		unmatched = append(unmatched, err.Error())
	}
	if len(unmatched) > 0 {
		return status.Link{
			Holds: status.No, Said: strings.Join(unmatched, "; ") + "; " + said,
			Next: nextUnmatched,
		}
	}
	if len(rules) == 0 {
		said = "the plugin names none; " + said
	} else {
		said = "all matched; " + said
	}
	return status.Link{Holds: status.Yes, Said: said}
}

// After how long of transforms that match nothing it is said: a counter may come in some runs alone, such as the third. Where the
// interval is not known it is the longest time.
const (
	unmatchedIntervals = 2
	unmatchedAtLeast   = 15 * time.Second
	unmatchedAtMost    = 10 * time.Minute
)

// settles is after how long of the same transforms those that match nothing are told.
func (s *shown) settles() time.Duration {
	if s.interval == 0 {
		return unmatchedAtMost
	}
	return min(max(unmatchedIntervals*time.Duration(s.interval)*time.Millisecond, unmatchedAtLeast), unmatchedAtMost)
}

// warnUnmatched logs, once for a plugin's transforms, which of them match nothing.
func (p *rateProcessor) warnUnmatched(now time.Time) {
	for _, one := range p.plugins.all() {
		one.mu.Lock()
		s := one.shown
		due := !s.warned && s.transforms != "" && now.Sub(s.since) >= s.settles()
		one.shown.warned = s.warned || due
		one.mu.Unlock()
		if !due {
			continue
		}
		rules, _ := transforms.Parse(s.transforms)
		if unmatched := p.currentPlans().unmatched(s.transforms, rules); len(unmatched) > 0 {
			p.logger.Warn("Transforms of a plugin match nothing", zap.String("plugin", one.name), zap.Strings("unmatched", unmatched),
				zap.String("next", nextUnmatched))
		}
	}
}

const nextUnmatched = "correct [transforms] of the plugin file: a counter must be in a group of the type that its line names"

// currentPlans are the plans, which another seed replaces.
func (p *rateProcessor) currentPlans() *plans {
	p.sharding.using.RLock()
	defer p.sharding.using.RUnlock()
	return p.plans
}

// all returns the plugins that are counted apart.
func (ps *plugins) all() []*plugin {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	return slices.Collect(maps.Values(ps.known))
}

// said counts what came, the reasons with the most first.
func (s *shown) said() string {
	said := fmt.Sprintf("rates: %d", s.rates)
	var reasons []int
	for i, n := range s.skipped {
		if n > 0 {
			reasons = append(reasons, i)
		}
	}
	slices.SortStableFunc(reasons, func(a, b int) int { return int(s.skipped[b] - s.skipped[a]) })
	for i, reason := range reasons {
		word := ", "
		if i == 0 {
			word = ", points without: "
		}
		said += fmt.Sprintf("%s%d %s", word, s.skipped[reason], skipNames[reason])
	}
	return said
}

// shown returns what is known of the plugin of a normalized name.
func (ps *plugins) shown(name string) (s shown) {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	if p := ps.known[attrs.ScopePrefix+name]; p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		s = p.shown
	}
	return s
}

func (ps *plugins) full() bool {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	return len(ps.known) >= maxPlugins
}

// maxUnmatched bounds how many transforms that match nothing are named.
const maxUnmatched = 5

// unmatched says which counters of a plugin's rules never came, by the types of groups that came with its text.
func (ps *plans) unmatched(text string, rules []transforms.Rule) (named []string) {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	came := map[string]*plan{}
	for key, p := range ps.known {
		if key.text == text {
			came[key.groupType] = p
		}
	}
	types := slices.Sorted(maps.Keys(came))
	for _, rule := range rules {
		missing := slices.DeleteFunc(slices.Clone(rule.Metrics), func(metric string) bool {
			return slices.ContainsFunc(types, func(groupType string) bool { return came[groupType].matched(groupType, &rule, metric) })
		})
		if len(missing) == 0 {
			continue
		}
		what := fmt.Sprintf("no counter %q came in a group of type %q", missing, rule.GroupType)
		if !slices.Contains(types, rule.GroupType) && !slices.ContainsFunc(types, func(t string) bool { return strings.EqualFold(t, rule.Label) }) {
			what = fmt.Sprintf("no group of type %q came, but of %q", rule.GroupType, types)
		}
		named = append(named, what)
	}
	if n := len(named) - maxUnmatched; n > 0 {
		named = append(named[:maxUnmatched], fmt.Sprintf("and so for %d more", n))
	}
	return named
}

// matched says whether a counter came that a rule names, in a group of the plan's type.
func (p *plan) matched(groupType string, rule *transforms.Rule, metric string) bool {
	if groupType != rule.GroupType && !strings.EqualFold(groupType, rule.Label) {
		return false
	}
	for _, full := range []string{groupType + "." + metric, metric} {
		if c := p.conversions[full]; c != nil && c.matched.Load() {
			return true
		}
	}
	return false
}
