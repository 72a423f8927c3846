package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/group/transforms"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// prometheus looks at what a run returned for what Prometheus reads otherwise than it is meant.
func (k *kit) prometheus(ctx context.Context) (Verdict, string) {
	result := k.call(ctx, k.resource)
	if result.Outcome.Failed() {
		return Skip, "the run ended as " + string(result.Outcome)
	}
	l := lint{names: map[string]string{}}
	rules, _ := transforms.Parse(k.plugin.File.Transforms())
	for _, g := range result.Groups {
		l.labels(g)
		l.metrics(g, rules)
	}
	slices.Sort(l.doubts)
	if doubts := slices.Compact(l.doubts); len(doubts) > 0 {
		return Warn, strings.Join(doubts, "\n")
	}
	return Pass, ""
}

// lint collects what is doubtful.
type lint struct {
	doubts []string
	names  map[string]string // Prometheus' name: what has it
}

func (l *lint) doubt(format string, args ...any) {
	l.doubts = append(l.doubts, fmt.Sprintf(format, args...))
}

// labels looks at the names of dimensions.
func (l *lint) labels(g *pluginsdk.MetricsGroup) {
	seen := map[string]string{}
	for _, d := range g.Dimensions() {
		name := sanitised(d.Name)
		switch {
		case name == "job" || name == "instance":
			l.doubt("dimension %q of group type %q: Prometheus has labels job and instance of its own, and shows this one as exported_%s", d.Name, g.Type, name)
		case name == "le" || name == "quantile":
			l.doubt("dimension %q of group type %q: Prometheus' histograms and summaries have a label of that name; take another", d.Name, g.Type)
		case seen[name] != "":
			l.doubt("dimensions %q and %q of group type %q are both the label %s in Prometheus", seen[name], d.Name, g.Type, name)
		}
		seen[name] = d.Name
	}
}

// metrics looks at the names of metrics, of their rates, and at the values of counters.
func (l *lint) metrics(g *pluginsdk.MetricsGroup, rules []transforms.Rule) {
	for _, m := range g.Metrics() {
		what, name := fmt.Sprintf("gauge %q of group type %q", m.Name, g.Type), sanitised(g.Type+"_"+m.Name)
		if m.Type == pluginsdk.Counter {
			what = "counter" + strings.TrimPrefix(what, "gauge")
			name = strings.TrimSuffix(name, "_total") + "_total"
			if m.Value.Float64() < 0 {
				l.doubt("%s is %v: a counter below zero is none, and Prometheus takes each fall for a restart; make it a gauge", what, m.Value)
			}
			for _, rule := range rules {
				if rule.GroupType == g.Type && slices.Contains(rule.Metrics, m.Name) {
					l.name(sanitised(g.Type+"_"+m.Name)+"_rate_per_second", "the rate of "+what)
				}
			}
		}
		l.name(name, what)
	}
}

// name notes what has a name in Prometheus.
func (l *lint) name(name, what string) {
	if other := l.names[name]; other != "" && other != what {
		l.doubt("%s and %s are both %s in Prometheus: rename one", min(other, what), max(other, what), name)
		return
	}
	l.names[name] = what
}

// sanitised is a name with the characters that Prometheus has in names.
func sanitised(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
}
