package output

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// MaxNagiosState is the highest exit code that is a state: 0 is OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
const MaxNagiosState = 3

// readNagios makes a group of the state, and one of each item of performance data.
func readNagios(data []byte, state int, d Defaults) []Item {
	g := d.group(d.Type)
	// Neither name is wrong, and the group is empty.
	_ = g.AddMetric(pluginsdk.Metric{Name: "state", Type: pluginsdk.Gauge, Value: pluginsdk.Int(int64(state)), Timestamp: d.Time})
	items := []Item{{Group: g, Type: d.Type}}
	_, perfdata := SplitNagios(string(bytes.ToValidUTF8(data, []byte("\uFFFD"))))
	for len(perfdata) > 0 {
		var item perfItem
		var err error
		item, perfdata, err = nextPerfItem(perfdata)
		if err == nil {
			g, err = item.group(d)
		}
		switch {
		case err != nil:
			items = append(items, failed(d.Type, "performance data: %w", err))
		case g != nil:
			items = append(items, Item{Group: g, Type: d.Type})
		}
	}
	return items
}

// SplitNagios splits output into the text for people and the performance data: the first line has both, separated by
// "|"; the lines after it are text up to another "|", from which on all is performance data.
func SplitNagios(output string) (text, perfdata string) {
	first, rest, _ := strings.Cut(output, "\n")
	text, perfdata, _ = strings.Cut(first, "|")
	long, more, _ := strings.Cut(rest, "|")
	text = strings.TrimSpace(strings.TrimSpace(text) + "\n" + strings.TrimSpace(long))
	return text, strings.TrimSpace(perfdata + " " + strings.ReplaceAll(more, "\n", " "))
}

// perfItem is 'label'=value[UOM];[warn];[crit];[min];[max].
type perfItem struct{ label, value, unit, warn, crit, low, high string }

// nextPerfItem takes one item from the beginning of s, which is not empty. Where the error is not nil, rest is what
// comes after the next blank.
func nextPerfItem(s string) (item perfItem, rest string, err error) {
	label, after, err := perfLabel(s)
	if err != nil {
		_, rest, _ = strings.Cut(s, " ")
		return item, strings.TrimSpace(rest), err
	}
	fields, rest, _ := strings.Cut(after, " ")
	rest = strings.TrimSpace(rest)
	parts := strings.Split(fields, ";")
	for len(parts) < 5 {
		parts = append(parts, "")
	}
	item = perfItem{label: label, warn: parts[1], crit: parts[2], low: parts[3], high: parts[4]}
	if parts[0] == "U" || parts[0] == "" { // the value could not be found out
		return item, rest, nil
	}
	number := perfNumber.FindString(parts[0])
	if number == "" {
		return item, rest, fmt.Errorf("value of %q must begin with a number, is %.40q", label, parts[0])
	}
	item.value, item.unit = number, parts[0][len(number):]
	return item, rest, nil
}

// perfLabel takes a label and the "=" after it. In quotes it may have blanks, and two quotes stand for one.
func perfLabel(s string) (label, rest string, err error) {
	if s[0] != '\'' {
		label, rest, ok := strings.Cut(s, "=")
		if !ok || label == "" || strings.ContainsAny(label, " \t") {
			return "", "", fmt.Errorf("%.40q is no label=value", s)
		}
		return label, rest, nil
	}
	var b strings.Builder
	for s = s[1:]; ; {
		part, after, ok := strings.Cut(s, "'")
		if !ok {
			return "", "", fmt.Errorf("label that begins with %.40q has no quote at its end", s)
		}
		b.WriteString(part)
		if !strings.HasPrefix(after, "'") {
			s = after
			break
		}
		b.WriteByte('\'')
		s = after[1:]
	}
	if b.Len() == 0 {
		return "", "", errors.New("a label is empty")
	}
	if !strings.HasPrefix(s, "=") {
		return "", "", fmt.Errorf("label %.40q is not followed by =", b.String())
	}
	return b.String(), s[1:], nil
}

// perfNumber is a number at the beginning of a text. Some plugins write a decimal comma.
var perfNumber = regexp.MustCompile(`^[-+]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][-+]?[0-9]+)?`)

func parsePerfNumber(text string) (pluginsdk.Number, error) {
	if perfNumber.FindString(text) != text || text == "" {
		return pluginsdk.Number{}, fmt.Errorf("%.40q is no number", text)
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

// group is the group of an item: nil where its value is not known.
func (p perfItem) group(d Defaults) (*pluginsdk.MetricsGroup, error) {
	if p.value == "" {
		return nil, nil
	}
	g := d.group(d.Type)
	add := func(name string, kind pluginsdk.MetricType, text string) error {
		value, err := parsePerfNumber(text)
		if err != nil {
			return fmt.Errorf("%s of %q: %w", name, p.label, err)
		}
		return g.AddMetric(pluginsdk.Metric{Name: name, Type: kind, Value: value, Timestamp: d.Time})
	}
	kind := pluginsdk.Gauge
	if p.unit == "c" {
		kind = pluginsdk.Counter
	}
	errs := []error{add("value", kind, p.value)}
	for _, t := range []struct{ name, text string }{{"warn", p.warn}, {"crit", p.crit}} {
		errs = append(errs, addRange(t.name, t.text, add))
	}
	for _, t := range []struct{ name, text string }{{"min", p.low}, {"max", p.high}} {
		if t.text != "" {
			errs = append(errs, add(t.name, pluginsdk.Gauge, t.text))
		}
	}
	errs = append(errs, g.AddDimension("label", p.label))
	if p.unit != "" && kind != pluginsdk.Counter {
		errs = append(errs, g.AddDimension("uom", p.unit))
	}
	return g, errors.Join(errs...)
}

// addRange adds the ends of a threshold, which is [@][start:][end]: the end under the threshold's name, the start, where
// it is given and not without bound, with _low, and for "@", which alerts inside of the range, 1 with _inside.
func addRange(name, text string, add func(string, pluginsdk.MetricType, string) error) error {
	if text == "" {
		return nil
	}
	var errs []error
	bounds, inside := strings.CutPrefix(text, "@")
	start, end, ok := strings.Cut(bounds, ":")
	if !ok {
		start, end = "", bounds
	}
	if start != "" && start != "~" {
		errs = append(errs, add(name+"_low", pluginsdk.Gauge, start))
	}
	if end != "" {
		errs = append(errs, add(name, pluginsdk.Gauge, end))
	}
	if inside {
		errs = append(errs, add(name+"_inside", pluginsdk.Gauge, "1"))
	}
	return errors.Join(errs...)
}
