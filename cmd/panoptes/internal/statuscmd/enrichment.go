package statuscmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// showEnrichment prints what is kept of a resource.
func (o *statusOptions) showEnrichment(ctx context.Context, w io.Writer, now time.Time) error {
	var all []status.Kept
	if err := o.client.Get(ctx, "enrichment", url.Values{"id": {o.enrichment}}, &all); err != nil {
		return err
	}
	if o.json {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(all)
	}
	style := term.StyleOf(w)
	for _, kept := range all {
		if len(kept.Items) == 0 {
			fmt.Fprintf(w, "%s keeps nothing of resource %s\n", term.Cell(kept.Receiver), term.Cell(o.enrichment))
			continue
		}
		var rows [][]string
		for _, i := range kept.Items {
			rows = append(rows, []string{i.Store, i.Name, strconv.Itoa(i.Bytes), since(now, i.Made), expiry(now, i), i.Error})
		}
		if err := printList(w, style, len(kept.Items)+kept.Left, []string{"KIND", "NAMESPACE OR KEY", "BYTES", "MADE", "EXPIRES", "ERROR"}, rows); err != nil {
			return err
		}
		for _, i := range kept.Items {
			if i.Error == "" {
				fmt.Fprintf(w, "\n%s\n", style.Paint(term.Dim, term.Cell(i.Store+" "+i.Name)))
				printIndented(w, i.Value)
			}
		}
	}
	return nil
}

// expiry says how soon something goes.
func expiry(now time.Time, i status.KeptItem) string {
	if i.Error != "" {
		return ""
	}
	return until(now, i.Expires)
}
