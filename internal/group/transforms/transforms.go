// Package transforms reads the [transforms] of a plugin (docs/panoptes/formats.md, section 6): which counters of which
// groups become rates. A bad entry is an error of its own and never costs the others.
package transforms

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// TypeRate is the only type of transform there is.
const TypeRate = "rate"

// Rule is one entry, "Label = rate:GroupType:Metrics".
type Rule struct {
	// Label is the entry's key. Panoptes ignores it; where it is another type than GroupType, groups of that type get an
	// extra group of type GroupType with their rates.
	Label string
	// GroupType is the type of the groups whose counters are converted.
	GroupType string
	// Metrics are the names of the counters, in the order written, each once.
	Metrics []string
}

// Parse reads one entry a line, "K = rate:T:a,b". Blank lines are passed over. Each line that is wrong gives an error
// that names it; the rules of the others are returned all the same.
func Parse(text string) ([]Rule, []error) {
	var rules []Rule
	var errs []error
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		label, value, ok := strings.Cut(line, "=")
		if !ok {
			errs = append(errs, fmt.Errorf("transform %q has no \"=\": expected K = rate:T:metric,metric", line))
			continue
		}
		rule, err := ParseEntry(label, value)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		rules = append(rules, rule)
	}
	return rules, errs
}

// ParseEntry reads one entry. Blanks around each part and one pair of matching quotes around the whole value are
// dropped.
func ParseEntry(label, value string) (Rule, error) {
	label = strings.TrimSpace(label)
	rule, err := parseValue(Unquote(strings.TrimSpace(value)))
	if err != nil {
		return Rule{}, fmt.Errorf("transform %q = %q: %w", label, value, err)
	}
	rule.Label = label
	return rule, nil
}

func parseValue(value string) (Rule, error) {
	parts := strings.Split(value, ":")
	if len(parts) != 3 {
		return Rule{}, fmt.Errorf("expected three parts separated by \":\", as in rate:T:metric,metric, found %d", len(parts))
	}
	if kind := strings.TrimSpace(parts[0]); kind != TypeRate {
		return Rule{}, fmt.Errorf("unknown type %q, the only one is %q", kind, TypeRate)
	}
	rule := Rule{GroupType: strings.TrimSpace(parts[1])}
	if rule.GroupType == "" {
		return Rule{}, errors.New("the metrics group type between the two \":\" is empty")
	}
	for name := range strings.SplitSeq(parts[2], ",") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(rule.Metrics, name) {
			rule.Metrics = append(rule.Metrics, name)
		}
	}
	if len(rule.Metrics) == 0 {
		return Rule{}, errors.New("names no metric after the second \":\"")
	}
	return rule, nil
}

// Unquote drops one pair of matching quotes around s.
func Unquote(s string) string {
	if n := len(s); n >= 2 && (s[0] == '"' || s[0] == '\'') && s[n-1] == s[0] {
		return s[1 : n-1]
	}
	return s
}
