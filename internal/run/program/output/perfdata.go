package output

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// perfItem is an item of performance data. Its value is "" where it could not be found out.
type perfItem struct {
	label, value, unit string
	bounds             [4]string // warn, crit, min, max
}

// problem is a part of an item that is left out.
type problem struct {
	metric string
	err    error
}

// parsePerfItem reads what stands behind "label=".
func parsePerfItem(label, text string) (perfItem, error) {
	parts := strings.Split(text, ";")
	item := perfItem{label: label}
	for i := range item.bounds {
		if i+1 < len(parts) {
			if item.bounds[i] = strings.TrimSpace(parts[i+1]); item.bounds[i] == "U" {
				item.bounds[i] = "" // not known, as a value that is so
			}
		}
	}
	value := strings.TrimSpace(parts[0])
	if unit, ok := strings.CutPrefix(value, "U"); value == "" || ok && (unit == "" || knownUnit(unit)) {
		return item, nil // the check could not find it out
	}
	number := perfNumber.FindString(value)
	if number == "" {
		return item, fmt.Errorf("value of %q must begin with a number, is %q", short(label), short(value))
	}
	unit := strings.TrimSpace(strings.TrimRight(value[len(number):], ",")) // some separate items by commas, too
	first, _ := utf8.DecodeRuneInString(unit)
	if strings.ContainsRune("0123456789.,:+-", first) || hexadecimal.MatchString(value) || secondExponent.MatchString(unit) ||
		thousands.MatchString(unit) {
		// A version, a date, a number with separators of thousands: its beginning would be another value.
		return item, fmt.Errorf("value of %q must be a number and a unit, is %q", short(label), short(value))
	}
	item.value, item.unit = number, unit
	return item, nil
}

// perfNumber is a number at the beginning of a text. Some plugins write a decimal comma.
var perfNumber = regexp.MustCompile(`^[-+]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][-+]?[0-9]+)?`)

var (
	hexadecimal    = regexp.MustCompile(`^[-+]?0[xX][0-9a-fA-F]`)
	secondExponent = regexp.MustCompile(`^[eE][-+]?[0-9]`)
	thousands      = regexp.MustCompile(`^[_'’\x{a0}\x{202f}][0-9]`)
)

func parsePerfNumber(text string) (pluginsdk.Number, error) {
	if perfNumber.FindString(text) != text || text == "" {
		return pluginsdk.Number{}, fmt.Errorf("%q is no number", short(text))
	}
	text = strings.TrimPrefix(strings.Replace(text, ",", ".", 1), "+")
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	whole, fraction, _ := strings.Cut(text, ".")
	if whole = strings.TrimLeft(whole, "0"); whole == "" || whole[0] == 'e' || whole[0] == 'E' {
		whole = "0" + whole // JSON's numbers have exactly one leading zero
	}
	if fraction == "" || fraction[0] == 'e' || fraction[0] == 'E' {
		return pluginsdk.ParseNumber(sign + whole + fraction)
	}
	return pluginsdk.ParseNumber(sign + whole + "." + fraction)
}

// isPerfUnit says whether a text may be a unit: letters and signs, such as kB/s or °C.
func isPerfUnit(text string) bool {
	const longest = 16
	for i, r := range text {
		switch {
		case unicode.IsLetter(r) || strings.ContainsRune("%°/²³$€", r):
		case i > 0 && (unicode.IsDigit(r) || strings.ContainsRune("^*.-_", r)):
		default:
			return false
		}
	}
	return utf8.RuneCountInString(text) <= longest
}

// group is the group of an item, nil where its value is not known, and what is left out of it.
func (p *perfItem) group(d Defaults) (*pluginsdk.MetricsGroup, []problem, error) {
	if p.value == "" {
		return nil, nil, nil
	}
	value, err := parsePerfNumber(p.value)
	if err != nil {
		return nil, nil, fmt.Errorf("value of %q: %w", short(p.label), err)
	}
	g := d.group(d.Type)
	if err := g.AddDimension("label", p.label); err != nil {
		return nil, nil, err
	}
	var problems []problem
	leaveOut := func(name string, err error) {
		if err != nil {
			problems = append(problems, problem{name, fmt.Errorf("%s of %q is left out: %w", name, short(p.label), err)})
		}
	}
	scale := d.Units.scale(p.unit)
	kind := pluginsdk.Gauge
	switch {
	case p.unit == "c":
		kind = pluginsdk.Counter
	case !isPerfUnit(p.unit):
		leaveOut("uom", fmt.Errorf("%q is no unit", short(p.unit)))
	case scale == nil && p.unit != "":
		if err := g.AddDimension("uom", p.unit); err != nil {
			return nil, nil, err
		}
	}
	add := func(name string, kind pluginsdk.MetricType, n pluginsdk.Number) {
		m := pluginsdk.Metric{Name: name, Type: kind, Value: n, Timestamp: d.Time}
		if scale != nil {
			m.Value, m.Unit = scale.apply(n), scale.unit
		}
		_ = g.AddMetric(m) // each name comes once
	}
	add("value", kind, value)
	for i, name := range [...]string{"warn", "crit"} {
		low, high, inside, err := parseThreshold(p.bounds[i])
		leaveOut(name, err)
		if low != nil {
			add(name+"_low", pluginsdk.Gauge, *low)
		}
		if high != nil {
			add(name, pluginsdk.Gauge, *high)
		}
		if inside {
			_ = g.AddMetric(pluginsdk.Metric{Name: name + "_inside", Value: pluginsdk.Int(1), Timestamp: d.Time})
		}
	}
	for i, name := range [...]string{"min", "max"} {
		if text := p.bounds[2+i]; text != "" {
			n, err := parsePerfNumber(text)
			if leaveOut(name, err); err == nil {
				add(name, pluginsdk.Gauge, n)
			}
		}
	}
	return g, problems, nil
}

// parseThreshold reads [@][start:][end], which "" is not: an end that is nil is not given, or has no bound ("~:"). A
// threshold of which one part is none is none as a whole.
func parseThreshold(text string) (low, high *pluginsdk.Number, inside bool, err error) {
	if text == "" {
		return nil, nil, false, nil
	}
	bounds, inside := strings.CutPrefix(text, "@")
	start, end, ok := strings.Cut(bounds, ":")
	if !ok {
		start, end = "", bounds
	}
	if start == "~" {
		start = ""
	}
	if !ok && end == "" {
		return nil, nil, false, errors.New(`"@" is no range`)
	}
	for _, part := range []struct {
		text string
		to   **pluginsdk.Number
	}{{start, &low}, {end, &high}} {
		if part.text == "" {
			continue
		}
		n, err := parsePerfNumber(part.text)
		if err != nil {
			return nil, nil, false, err
		}
		*part.to = &n
	}
	return low, high, inside, nil
}
