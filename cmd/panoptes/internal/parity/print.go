package parity

import (
	"fmt"
	"io"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
)

// print writes the result for people.
func (o *options) print(stdout io.Writer, r *Result, sides [2]*side, good bool) {
	style := term.StyleOf(stdout)
	var out strings.Builder
	for i, s := range sides {
		fmt.Fprintf(&out, "%s: %s: %d groups of %d series\n", s.Side, term.Cell(s.from), r.Groups[i], r.Series[i])
	}
	fmt.Fprintf(&out, "resources: %d in both, %d only in A, %d only in B\n", r.Resources.Both, r.Resources.OnlyA, r.Resources.OnlyB)
	fmt.Fprintf(&out, "groups: %d pairs, %d of them agree; %d only in A, %d only in B\n", r.Compared, r.Agree, r.OnlyA, r.OnlyB)
	if r.Repeated > 0 {
		fmt.Fprintf(&out, "came twice, and left out: %d\n", r.Repeated)
	}
	if r.Uncompared > 0 {
		fmt.Fprintf(&out, "not compared: %d, beyond --max-series or without a time\n", r.Uncompared)
	}
	for i, d := range r.Differences {
		if i == 0 {
			fmt.Fprintln(&out, "first differences:")
		}
		fmt.Fprintf(&out, "  %s  %s  %s: A %s, B %s\n", d.Time.UTC().Format("2006-01-02T15:04:05.000Z"), term.Cell(d.Series),
			term.Cell(d.What), term.Cell(d.A), term.Cell(d.B))
	}
	verdict, paint := "agrees", term.Green
	if !good {
		verdict, paint = "differs", term.Red
	}
	if r.Total() == 0 {
		fmt.Fprintf(&out, "%s: there is nothing to compare\n", style.Paint(paint, verdict))
	} else {
		fmt.Fprintf(&out, "%s: %.4f of the groups agree, %g must\n", style.Paint(paint, verdict), r.Share, o.minShare)
	}
	_, _ = io.WriteString(stdout, out.String())
}
