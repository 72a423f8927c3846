package panoptesrateprocessor

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"go.opentelemetry.io/collector/confmap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/transforms"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// defaultMaxGap is for how long Prometheus, too, takes the last value for a current one.
const defaultMaxGap = 5 * time.Minute

// nameVariable stands for the counter's name in the name of its rate.
const nameVariable = "{name}"

// How the entries of Transform.Metrics are read.
const (
	MatchStrict = "strict"
	MatchGlob   = "glob"
	MatchRegexp = "regexp"
)

// Where rates go.
const (
	OutputBeside  = "beside"
	OutputReplace = "replace"
)

// Transform says which counters become rates: those of metrics groups, by Line, or any sums, by Metrics. Text in place of
// a Transform is a Line.
type Transform struct {
	// Line is "K = rate:T:a,b", as a plugin's [transforms] section has it. It holds for the groups of all plugins.
	Line string `mapstructure:"line"`

	// Metrics are the names of monotonic sums, cumulative or delta, of whatever source.
	Metrics []string `mapstructure:"metrics"`
	// Match is how Metrics are read: strict, glob (* is any text, ? any character) or regexp (RE2, for the whole name).
	// strict by default.
	Match string `mapstructure:"match"`
	// MaxGap is the longest time between two points that have a rate, where the scope names no interval; a series that
	// is silent for longer is forgotten. At least 1s; 5m by default.
	MaxGap time.Duration `mapstructure:"max_gap"`
	// Output is beside (the rate is a gauge after the counter) or replace (instead of it). beside by default.
	Output string `mapstructure:"output"`
	// Name is the rate's name, {name} stands for the counter's. "{name}.rate" by default.
	Name string `mapstructure:"name"`
	// Unit is the rate's unit. By default it is the counter's per second: "By/s" of "By", "1/s" of "1" and of none.
	Unit string `mapstructure:"unit"`

	// Width and Uptime are those of the processor, unless given here.
	Width  Width  `mapstructure:"width"`
	Uptime string `mapstructure:"uptime"`
}

var _ confmap.Validator = (*Transform)(nil)

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Transform) UnmarshalText(text []byte) error {
	*t = Transform{Line: string(text)}
	return nil
}

// Validate implements confmap.Validator.
func (t *Transform) Validate() error {
	if len(t.Metrics) == 0 {
		return t.validateLine()
	}
	var errs []error
	if t.Line != "" {
		errs = append(errs, errors.New("line and metrics cannot both be given; make them two transforms"))
	}
	errs = append(errs, oneOf("match", t.Match, MatchStrict, MatchGlob, MatchRegexp),
		oneOf("output", t.Output, OutputBeside, OutputReplace), t.Width.check(), t.validateName())
	if t.MaxGap != 0 && (t.MaxGap < time.Second || t.MaxGap.Milliseconds() > ratestate.MaxGap) {
		errs = append(errs, fmt.Errorf("max_gap must be from 1s to %s, is %s", ratestate.MaxGap*time.Millisecond, t.MaxGap))
	}
	for _, text := range t.Metrics {
		if text == "" {
			errs = append(errs, errors.New("metrics must not have an empty entry"))
		} else if _, err := t.pattern(text); err != nil {
			errs = append(errs, fmt.Errorf("metrics: cannot read %q: %w", text, err))
		}
	}
	return errors.Join(errs...)
}

func (t *Transform) validateLine() error {
	if t.Line == "" {
		return errors.New(`needs line ("K = rate:T:a,b") or metrics`)
	}
	_, err := t.rule()
	errs := []error{err, t.Width.check()}
	for _, key := range []struct {
		name  string
		given bool
	}{
		{"match", t.Match != ""},
		{"max_gap", t.MaxGap != 0},
		{"output", t.Output != ""},
		{"name", t.Name != ""},
		{"unit", t.Unit != ""},
	} {
		if key.given {
			errs = append(errs, fmt.Errorf("%s is for metrics; it cannot be given beside line", key.name))
		}
	}
	return errors.Join(errs...)
}

func (t *Transform) validateName() error {
	name := cmp.Or(t.Name, nameVariable)
	switch {
	case !strings.Contains(name, nameVariable) && (len(t.Metrics) > 1 || t.match() != MatchStrict):
		return fmt.Errorf("name %q must contain %s: the rates of several metrics need several names", t.Name, nameVariable)
	case t.Name == nameVariable && t.Output != OutputReplace:
		return fmt.Errorf("name %q gives the rate the name of the counter beside it; choose another, or output: replace", t.Name)
	}
	return nil
}

func oneOf(key, value string, allowed ...string) error {
	for _, a := range allowed {
		if value == "" || value == a {
			return nil
		}
	}
	return fmt.Errorf("%s must be one of %q, is %q", key, allowed, value)
}

func (t *Transform) match() string { return cmp.Or(t.Match, MatchStrict) }

// pattern is the regular expression of an entry of Metrics.
func (t *Transform) pattern(text string) (string, error) {
	switch t.match() {
	case MatchStrict:
		text = regexp.QuoteMeta(text)
	case MatchGlob:
		text = strings.ReplaceAll(regexp.QuoteMeta(text), `\*`, ".*")
		text = strings.ReplaceAll(text, `\?`, ".")
	}
	_, err := regexp.Compile(text) // on its own, so that no parenthesis ends the group around it
	return "(?:" + text + ")", err
}

// rule reads Line.
func (t *Transform) rule() (transforms.Rule, error) {
	line := strings.TrimSpace(t.Line)
	if strings.ContainsAny(line, "\r\n") {
		return transforms.Rule{}, fmt.Errorf("%q is more than one line; give each line an entry of its own", line)
	}
	rules, errs := transforms.Parse(line)
	if len(errs) > 0 {
		return transforms.Rule{}, errors.Join(errs...)
	}
	if len(rules) != 1 {
		return transforms.Rule{}, fmt.Errorf(`%q is no transform: expected "K = rate:T:a,b"`, line)
	}
	return rules[0], nil
}
