package panoptesrateprocessor

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/group/transforms"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// rules are what a Config says, ready for use. They do not change.
type rules struct {
	groups    []groupRule
	selectors []*selector
	// uptimes are the names of uptime metrics; trust.uptime is an index.
	uptimes []string
	// trust is that of groups of which no rule says more.
	trust trust
	// maxGap is the longest gap, in milliseconds, of metrics that carry no interval.
	maxGap int64
}

// trust is what is known of a counter beyond its values.
type trust struct {
	width ratestate.Width
	// noWraps says that the configuration wants no fall to be taken for a wrap, whatever the scope says of widths.
	noWraps bool
	uptime  int // index into rules.uptimes; -1 where there is none
}

// groupRule is a line. Those of the configuration have a trust of their own.
type groupRule struct {
	transforms.Rule
	trust *trust
}

// selector picks metrics by name.
type selector struct {
	names   *regexp.Regexp
	name    string
	unit    string
	replace bool
	maxGap  int64
	trust   trust
}

// newRules reads a Config that has been validated.
func newRules(cfg *Config) (*rules, error) {
	r := &rules{maxGap: ratestate.GapOf(pdata.DefaultInterval)}
	r.trust = r.trustOf(cfg, &Transform{})
	for i := range cfg.Transforms {
		t := &cfg.Transforms[i]
		var err error
		trust := r.trustOf(cfg, t)
		if len(t.Metrics) > 0 {
			err = r.addSelector(t, trust)
		} else {
			var rule transforms.Rule
			rule, err = t.rule()
			r.groups = append(r.groups, groupRule{rule, &trust})
		}
		if err != nil {
			return nil, fmt.Errorf("transforms::%d: %w", i, err)
		}
	}
	return r, nil
}

func (r *rules) trustOf(cfg *Config, t *Transform) trust {
	out := trust{uptime: -1}
	switch w := cmp.Or(t.Width, cfg.Width); w {
	case WidthAuto:
		out.width = ratestate.WidthAuto
	case WidthNone:
		out.noWraps = true
	case 32, 64:
		out.width = ratestate.Width(w)
	}
	if name := cmp.Or(t.Uptime, cfg.Uptime); name != "" {
		if out.uptime = slices.Index(r.uptimes, name); out.uptime < 0 {
			out.uptime = len(r.uptimes)
			r.uptimes = append(r.uptimes, name)
		}
	}
	return out
}

func (r *rules) addSelector(t *Transform, trust trust) error {
	var patterns []string
	for _, text := range t.Metrics {
		pattern, err := t.pattern(text)
		if err != nil {
			return err
		}
		patterns = append(patterns, pattern)
	}
	names, err := regexp.Compile(`(?s)^(?:` + strings.Join(patterns, "|") + `)$`)
	if err != nil {
		return err
	}
	maxGap := cmp.Or(t.MaxGap, defaultMaxGap)
	s := &selector{
		names:   names,
		name:    cmp.Or(t.Name, nameVariable+".rate"),
		unit:    t.Unit,
		replace: t.Output == OutputReplace,
		maxGap:  int64(maxGap / time.Millisecond),
		trust:   trust,
	}
	r.selectors = append(r.selectors, s)
	r.maxGap = max(r.maxGap, s.maxGap)
	return nil
}

// selected returns the first selector that picks a metric, or nil.
func (r *rules) selected(metric string) *selector {
	for _, s := range r.selectors {
		if s.names.MatchString(metric) {
			return s
		}
	}
	return nil
}

// perSecond is the unit of a rate of what has a unit (UCUM).
func perSecond(unit string) string {
	if unit == "" {
		unit = "1"
	}
	return unit + "/s"
}
