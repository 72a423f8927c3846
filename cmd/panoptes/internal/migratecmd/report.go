package migratecmd

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
)

// report tells what became of each key: first what somebody has to look at. Values are not shown: some are secrets.
func (t *translation) report(out io.Writer) {
	style := term.StyleOf(out)
	var text strings.Builder
	section := func(paint term.Paint, of outcome, title string, line func(note) string) {
		begun := false
		for _, n := range t.notes {
			if n.outcome != of {
				continue
			}
			if !begun {
				fmt.Fprintf(&text, "%s\n", style.Paint(paint, title))
				begun = true
			}
			where := term.Cell(n.key)
			if n.at != "" {
				where = term.Cell(n.at) + ": " + where
			}
			fmt.Fprintf(&text, "  %s%s\n", where, line(n))
		}
	}
	because := func(n note) string { return ": " + term.Cell(n.text) }
	section(term.Red, wrong, "not carried over, since it is wrong:", because)
	section(term.Red, unknown, "not carried over, since nobody knows the key:", func(note) string { return "" })
	t.without(&text, style)
	section(term.Bold, same, "the same here without being set:", func(note) string { return "" })
	section(term.Bold, carried, "carried over:", func(n note) string { return " -> " + n.text })
	_, _ = io.WriteString(out, text.String())
}

// without writes the keys without a counterpart by their reasons.
func (t *translation) without(text *strings.Builder, style term.Style) {
	var reasons []string
	for _, n := range t.notes {
		if n.outcome == none && !slices.Contains(reasons, n.text) {
			reasons = append(reasons, n.text)
		}
	}
	if len(reasons) > 0 {
		fmt.Fprintf(text, "%s\n", style.Paint(term.Yellow, "without a counterpart:"))
	}
	for _, reason := range reasons {
		fmt.Fprintf(text, "  %s.\n", reason)
		for _, n := range t.notes {
			if n.outcome == none && n.text == reason {
				fmt.Fprintf(text, "    %s: %s\n", term.Cell(n.at), term.Cell(n.key))
			}
		}
	}
}
