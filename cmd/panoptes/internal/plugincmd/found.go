package plugincmd

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
)

// foundPrinter writes what plugins return that make no metrics: resources, and enrichment.
type foundPrinter struct {
	out   io.Writer
	style term.Style
	json  bool // one object a line
}

func (p foundPrinter) plugin(found *plugin.Plugin) {
	if !p.json {
		describe(p.out, found)
	}
}

func (p foundPrinter) run(r oneRun) error {
	var b strings.Builder
	if p.json {
		for _, res := range r.result.Resources {
			b.Write(append(res.AppendJSON(nil), '\n'))
		}
		for _, e := range r.result.Enrichment {
			line, err := json.Marshal(map[string]any{
				"resource_id": e.ResourceID, "namespace": e.Namespace, "ttl": int64(e.TTL.Seconds()), "value": e.Value,
			})
			if err != nil {
				return err
			}
			b.Write(append(line, '\n'))
		}
		_, err := io.WriteString(p.out, b.String())
		return err
	}
	color := term.Green
	if r.result.Outcome.Failed() {
		color = term.Red
	}
	about := ""
	if r.resource != noResource {
		about = fmt.Sprintf(" against %s (site %s)", term.Cell(r.resource.ID), term.Cell(r.resource.Site))
	}
	fmt.Fprintf(&b, "\nrun %d of %d%s: %s in %s, %s, %s of enrichment\n", r.number, r.of, about,
		p.style.Paint(color, string(r.result.Outcome)), duration(r.result.Duration), logs.Count(len(r.result.Resources), "resource"), logs.Count(len(r.result.Enrichment), "group"))
	p.tables(&b, r.result)
	_, err := io.WriteString(p.out, b.String())
	return err
}

func (p foundPrinter) tables(b *strings.Builder, result run.Result) {
	var rows [][]string
	for _, r := range result.Resources {
		rows = append(rows, []string{r.ID, r.Site, r.Class, r.Subclass, r.Type, r.Endpoint})
	}
	if len(rows) > 0 {
		b.WriteByte('\n')
		_ = p.style.Table(b, []string{"ID", "SITE", "CLASS", "SUBCLASS", "TYPE", "ENDPOINT"}, rows)
	}
	rows = nil
	for _, e := range result.Enrichment {
		rows = append(rows, []string{e.ResourceID, e.Namespace, e.TTL.String(), string(e.Value)})
	}
	if len(rows) > 0 {
		b.WriteByte('\n')
		_ = p.style.Table(b, []string{"RESOURCE", "NAMESPACE", "LIVES", "VALUE"}, rows)
	}
}
