package contract

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Markdown writes the contract as tables, one a group.
func (c *Contract) Markdown(w io.Writer) error {
	var b strings.Builder
	for _, g := range c.declared.Groups {
		fmt.Fprintf(&b, "## %s\n\n", g.Type)
		if g.Description != "" {
			fmt.Fprintf(&b, "%s\n\n", g.Description)
		}
		if len(g.Metrics) > 0 {
			b.WriteString("| metric | type | unit | bounds | description |\n| --- | --- | --- | --- | --- |\n")
			for _, m := range g.Metrics {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", m.Name, m.Type, cell(m.Unit), bounds(&m), cell(m.Description))
			}
			b.WriteString("\n")
		}
		if len(g.Dimensions) > 0 {
			b.WriteString("| dimension | description |\n| --- | --- |\n")
			for _, d := range g.Dimensions {
				fmt.Fprintf(&b, "| `%s` | %s |\n", d.Name, cell(d.Description))
			}
			b.WriteString("\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func cell(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "|", "\\|"), "\n", " ")
}

func bounds(m *pluginsdk.MetricContract) string {
	number := func(n *float64) string {
		if n == nil {
			return ""
		}
		return strconv.FormatFloat(*n, 'g', -1, 64)
	}
	switch {
	case m.Min != nil && m.Max != nil:
		return number(m.Min) + " to " + number(m.Max)
	case m.Min != nil:
		return "from " + number(m.Min)
	case m.Max != nil:
		return "to " + number(m.Max)
	}
	return ""
}
