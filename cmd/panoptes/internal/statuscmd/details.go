package statuscmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// addDetails asks for the errors of the tasks that were listed.
func (a *answers) addDetails(ctx context.Context, c *Client) error {
	for _, t := range a.Tasks.Items {
		var d status.Detail
		err := c.Get(ctx, "task", url.Values{
			"receiver": {t.Receiver}, "plugin": {t.Plugin}, "site": {t.Site}, "class": {t.Class}, "subclass": {t.Subclass}, "type": {t.Type}, "id": {t.ID},
		}, &d)
		if errors.Is(err, status.ErrNoTask) {
			continue // it left meanwhile
		}
		if err != nil {
			return err
		}
		if d.Error != "" {
			a.Details = append(a.Details, d)
		}
	}
	return nil
}

// printDetails writes the errors with their log lines. They come from plugins, and so without control characters.
func (a *answers) printDetails(w io.Writer, style term.Style) {
	for _, d := range a.Details {
		about := d.Plugin
		if d.ID != "" { // that of a discovery plugin has none
			about += " against " + d.Site + " " + d.ID
		}
		fmt.Fprintf(w, "\n%s\n", style.Paint(term.Red, term.Cell(about+", at "+d.ErrorAt.Format(time.RFC3339))))
		printIndented(w, d.Error)
		for _, l := range d.Log {
			printIndented(w, l.At.Format("15:04:05.000")+" "+l.Level+" "+l.Message)
		}
	}
}

func printIndented(w io.Writer, text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(w, "  %s\n", term.Cell(strings.TrimRight(line, "\n")))
	}
}
