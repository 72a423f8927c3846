package plugincmd

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/chain"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// printer writes the results of runs.
type printer interface {
	plugin(*plugin.Plugin)
	run(oneRun) error
}

// cleaning writes without the secrets that the plugin was given. Each Write has whole lines.
type cleaning struct {
	out   io.Writer
	clean func(string) string
}

func (c cleaning) Write(p []byte) (int, error) {
	_, err := io.WriteString(c.out, c.clean(string(p)))
	return len(p), err
}

// forPeople says whether a table is printed, which has rates as they are; messages have them as Kafka gets them.
func (o *runOptions) forPeople() bool { return !o.otlp && !o.json && !o.flags.Explain }

func (o *runOptions) printer(stdout, stderr io.Writer) printer {
	switch {
	case o.otlp:
		return otlpPrinter{stdout}
	case o.json:
		return linePrinter{stdout, chain.Flags{}, io.Discard}
	case o.flags.Explain:
		return linePrinter{stdout, o.flags, stderr}
	}
	return &peoplePrinter{out: stdout, style: o.style}
}

// linePrinter writes one line of JSON a group, and what is known of the plugin elsewhere.
type linePrinter struct {
	out   io.Writer
	flags chain.Flags
	about io.Writer
}

func (l linePrinter) plugin(p *plugin.Plugin) { describe(l.about, p) }

func (l linePrinter) run(r oneRun) error {
	if r.number == 1 {
		tellOverrides(l.about, r)
	}
	var b []byte
	for _, g := range r.out.Groups {
		b = l.flags.AppendGroup(b, g)
	}
	_, err := l.out.Write(b)
	return err
}

// tellOverrides tells what differs from the plugin file for the resource of a run.
func tellOverrides(w io.Writer, r oneRun) {
	for _, line := range r.overrides {
		fmt.Fprintf(w, "%s: %s\n", term.Cell(r.resource.ID), term.Cell(line))
	}
}

// otlpPrinter writes one line of OTLP's JSON a run.
type otlpPrinter struct{ out io.Writer }

func (otlpPrinter) plugin(*plugin.Plugin) {}

func (o otlpPrinter) run(r oneRun) error {
	b, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(r.out.Data)
	if err != nil {
		return err
	}
	_, err = o.out.Write(append(b, '\n'))
	return err
}

// peoplePrinter writes for people.
type peoplePrinter struct {
	out     io.Writer
	style   term.Style
	samples *samples
}

// described are the sections of a plugin file that describe tells of, or that say nothing to the plugin.
var described = []string{"Core", "Documentation", "transforms"}

// plugin tells what is run, and what it sees as its configuration.
func (p *peoplePrinter) plugin(found *plugin.Plugin) {
	p.samples = newSamples(found)
	describe(p.out, found)
	for _, section := range slices.Sorted(maps.Keys(found.File.Config)) {
		if slices.Contains(described, section) {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(found.File.Config[section])) {
			value := found.File.Config[section][key]
			if pluginfile.IsSecretOption(key) {
				value = logs.Placeholder
			}
			fmt.Fprintf(p.out, "config: [%s] %s = %s\n", term.Cell(section), term.Cell(key), term.Cell(value))
		}
	}
}

// describe tells what is run, and how.
func describe(w io.Writer, p *plugin.Plugin) {
	interval := "never scheduled"
	if p.Interval > 0 {
		interval = "every " + p.Interval.String()
	}
	fmt.Fprintf(w, "plugin %s: %s %s, %s, deadline %s\n", term.Cell(p.Name()), p.Kind, term.Cell(p.Module), interval, p.Deadline)
	if p.Filter != nil {
		fmt.Fprintf(w, "filter: %s\n", term.Cell(p.Filter.String()))
	}
	for line := range strings.SplitSeq(p.File.Transforms(), "\n") {
		if line != "" {
			fmt.Fprintf(w, "transform: %s\n", term.Cell(line))
		}
	}
}

func (p *peoplePrinter) run(r oneRun) error {
	var b strings.Builder
	color := term.Green
	if r.result.Outcome.Failed() {
		color = term.Red
	}
	fmt.Fprintf(&b, "\nrun %d of %d against %s (site %s): %s in %s, %s\n", r.number, r.of, term.Cell(r.resource.ID),
		term.Cell(r.resource.Site), p.style.Paint(color, string(r.result.Outcome)), duration(r.result.Duration), logs.Count(len(r.out.Groups), "group"))
	if r.number == 1 {
		fmt.Fprintf(&b, "resource: %s\n", r.resource.AppendJSON(nil))
		tellOverrides(&b, r)
	}
	known := gauges(r.result.Groups)
	for _, g := range r.out.Groups {
		p.group(&b, g, known)
	}
	_, err := io.WriteString(p.out, b.String())
	return err
}

func duration(d time.Duration) time.Duration {
	if d < 10*time.Millisecond {
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Millisecond)
}

// metricOf names a metric of all groups of a type.
type metricOf struct{ groupType, name string }

// gauges are those that the plugin made itself: any other gauge that comes out of the chain is a rate.
func gauges(groups []*pluginsdk.MetricsGroup) map[metricOf]bool {
	known := map[metricOf]bool{}
	for _, g := range groups {
		for _, m := range g.Metrics() {
			if m.Type == pluginsdk.Gauge {
				known[metricOf{g.Type, m.Name}] = true
			}
		}
	}
	return known
}

// group writes a head and a table of the metrics, in which the rate of a counter stands on the counter's line.
func (p *peoplePrinter) group(b *strings.Builder, g pdata.Group, known map[metricOf]bool) {
	fmt.Fprintf(b, "\n%s", p.style.Paint(term.Bold, term.Cell(g.Type)))
	for _, d := range g.Dimensions() {
		fmt.Fprintf(b, "  %s=%s", term.Cell(d.Name), p.style.Paint(term.Cyan, term.Cell(d.Value)))
	}
	fmt.Fprintf(b, "  interval %ds\n", g.Interval)
	if len(g.Metrics()) == 0 {
		b.WriteString("  no metrics: a Collector does not send this group\n")
		return
	}
	rates, counters := map[string]string{}, map[string]bool{}
	for _, m := range g.Metrics() {
		if m.Type == pluginsdk.Counter {
			counters[m.Name] = true
		} else if !known[metricOf{g.Type, m.Name}] {
			rates[m.Name] = strconv.FormatFloat(m.Value.Float64(), 'g', 6, 64) + "/s"
		}
	}
	var rows [][]string
	for _, m := range g.Metrics() {
		row := []string{m.Name, m.Type.String(), m.Value.String(), "", ""}
		rate, ok := rates[m.Name]
		row[4] = p.samples.note(g, m, ok)
		switch {
		case ok && m.Type == pluginsdk.Counter:
			row[3] = rate
		case ok && counters[m.Name]:
			continue
		case ok:
			row[1], row[2], row[3] = "rate", "", rate
		}
		rows = append(rows, row)
	}
	var table strings.Builder
	_ = p.style.Table(&table, []string{"METRIC", "KIND", "VALUE", "RATE", "SAMPLES"}, rows)
	for line := range strings.Lines(table.String()) {
		b.WriteString("  " + strings.TrimRight(line, " \t\n") + "\n")
	}
}
