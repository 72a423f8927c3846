package contract

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Section is the section of a plugin file that has its contract.
const Section = "contract"

// Parse reads the contract of a plugin file: an option for each group type (which the file's syntax makes lower case),
// with a line for each metric and dimension,
//
//	gauge NAME [UNIT] [MIN..MAX] [: DESCRIPTION]
//	counter NAME [UNIT] [MIN..MAX] [: DESCRIPTION]
//	dimension NAME [: DESCRIPTION]
//
// A first line that is none of these describes the group. It returns nil where the file has no such section.
func Parse(f *pluginfile.File) (*Contract, error) {
	options := f.OwnOptions(Section)
	if len(options) == 0 {
		return nil, nil
	}
	var c pluginsdk.Contract
	for _, o := range options {
		g := pluginsdk.GroupContract{Type: o.Name}
		for i, line := range strings.Split(strings.TrimSpace(o.Value), "\n") {
			line = strings.TrimSpace(line)
			if line == "" {
				continue
			}
			if err := addLine(&g, line, i == 0); err != nil {
				return nil, fmt.Errorf("[contract] %s: %q: %w", o.Name, line, err)
			}
		}
		c.Groups = append(c.Groups, g)
	}
	out, err := New(c)
	if err != nil {
		return nil, fmt.Errorf("[contract]: %w", err)
	}
	return out, nil
}

// addLine adds what one line says.
func addLine(g *pluginsdk.GroupContract, line string, first bool) error {
	head, description, _ := strings.Cut(line, ":")
	description = strings.TrimSpace(description)
	words := strings.Fields(head)
	kind := ""
	if len(words) > 0 {
		kind = words[0]
	}
	switch {
	case kind == "dimension" && len(words) == 2:
		g.Dimensions = append(g.Dimensions, pluginsdk.DimensionContract{Name: words[1], Description: description})
		return nil
	case (kind == "gauge" || kind == "counter") && len(words) >= 2:
		m, err := metricOf(words)
		m.Description = description
		g.Metrics = append(g.Metrics, m)
		return err
	case first && kind != "dimension" && kind != "gauge" && kind != "counter":
		g.Description = line
		return nil
	}
	return fmt.Errorf(`expected "gauge NAME [UNIT] [MIN..MAX] [: DESCRIPTION]", the same with counter, or "dimension NAME [: DESCRIPTION]"`)
}

func metricOf(words []string) (pluginsdk.MetricContract, error) {
	m := pluginsdk.MetricContract{Type: words[0], Name: words[1]}
	rest := words[2:]
	if last := len(rest) - 1; last >= 0 {
		if low, high, ok := strings.Cut(rest[last], ".."); ok {
			var err error
			if m.Min, err = bound(low); err != nil {
				return m, err
			}
			if m.Max, err = bound(high); err != nil {
				return m, err
			}
			rest = rest[:last]
		}
	}
	switch len(rest) {
	case 0:
	case 1:
		m.Unit = rest[0]
	default:
		return m, fmt.Errorf("%q is too much: a unit has no blanks, and bounds are MIN..MAX", strings.Join(rest, " "))
	}
	return m, nil
}

func bound(text string) (*float64, error) {
	if text == "" {
		return nil, nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is no number", text)
	}
	return &n, nil
}
