// Package statuscmd is the commands panoptes status and panoptes top: what the extension panoptes_status of a running
// Collector tells, in a terminal.
package statuscmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/complete"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

type statusOptions struct {
	client Client
	narrow struct{ plugin, state, text, filter, order string }
	size   int
	// enrichment is the id of a resource, of which is shown what is kept, and nothing else.
	enrichment string
	// errors adds the details of tasks, resources shows resources in the place of tasks.
	errors, resources, json bool
}

// New returns the command status.
func New() *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what a running Collector polls, and how it goes",
		Long: `Shows the plugins, the sources of resources, the most urgent tasks and the warnings of a running Collector, which the
extension panoptes_status tells. The exit code is 1 where a plugin or a source is broken or a task fails: fit for a check.`,
		Example: `  panoptes status
  panoptes status --plugin Interfaces --state failing
  panoptes status --state failing --errors
  panoptes status --enrichment switch1
  panoptes status --filter 'resource_site = "dc1"' --order duration --size 20
  panoptes status --json | jq '.tasks.items[] | select(.failures > 3)'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.client.Open(cmd.Context()); err != nil {
				return err
			}
			defer o.client.Close()
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			if o.enrichment != "" {
				return o.showEnrichment(ctx, cmd.OutOrStdout(), time.Now())
			}
			return o.run(ctx, cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	o.client.Add(flags)
	flags.StringVar(&o.narrow.plugin, "plugin", "", "only tasks of the plugin of this `NAME`, and why it runs, or why it does not")
	flags.StringVar(&o.narrow.state, "state", "", "only tasks in this `STATE`: failing, backing_off, late, running, waiting or ok")
	flags.StringVar(&o.narrow.text, "text", "", "only tasks with this `TEXT` in plugin, id, site or endpoint")
	flags.StringVar(&o.narrow.filter, "filter", "", "only tasks whose resources match this `FILTER`")
	flags.StringVar(&o.narrow.order, "order", "urgency", "the `ORDER`: urgency, name, duration, lateness, points, bytes, start or next")
	flags.IntVar(&o.size, "size", 10, "the `NUMBER` of tasks to show, 1000 at most")
	flags.BoolVar(&o.errors, "errors", false, "show the last error of each of these tasks, with its log lines")
	flags.BoolVar(&o.resources, "resources", false, "show resources in the place of tasks, narrowed down by --text and --filter")
	flags.StringVar(&o.enrichment, "enrichment", "", "show the enrichment of the resource with this `ID` and the keys of plugins that name it, and nothing else")
	flags.BoolVar(&o.json, "json", false, "print one JSON object with all of it")
	cmd.MarkFlagsMutuallyExclusive("errors", "resources")
	words := make([]string, 0, len(status.States))
	for _, state := range status.States {
		words = append(words, string(state))
	}
	complete.Flag(cmd, "state", words...)
	complete.Flag(cmd, "order", "urgency", "name", "duration", "lateness", "points", "bytes", "start", "next")
	complete.Found(cmd, "plugin", func(cmd *cobra.Command) []cobra.Completion { return o.client.PluginNames(cmd.Context()) })
	return cmd
}

func (o *statusOptions) values() url.Values {
	v := url.Values{"size": {strconv.Itoa(o.size)}}
	narrow := map[string]string{"q": o.narrow.text, "filter": o.narrow.filter}
	if !o.resources { // they have neither plugin nor state, and one order
		narrow["plugin"], narrow["state"], narrow["sort"] = o.narrow.plugin, o.narrow.state, o.narrow.order
	}
	for name, value := range narrow {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

// answers is all that is asked for.
type answers struct {
	Overview status.Overview `json:"overview"`
	Plugins  []status.Plugin `json:"plugins"`
	Sources  []status.Source `json:"sources"`
	// Tasks or Resources are there, as was asked for.
	Tasks     *status.Page[status.Task]     `json:"tasks,omitempty"`
	Resources *status.Page[status.Resource] `json:"resources,omitempty"`
	// Chains say why the plugin that was asked for runs, or why it does not.
	Chains []status.Chain `json:"chains,omitempty"`
	// Details are those of the tasks that failed once; only where they are asked for.
	Details []status.Detail `json:"details,omitempty"`
}

// ask is a question, and where its answer goes.
type ask struct {
	path   string
	values url.Values
	into   any
}

func (o *statusOptions) run(ctx context.Context, stdout io.Writer) error {
	var a answers
	list := ask{"tasks", o.values(), &a.Tasks}
	if o.resources {
		list = ask{"resources", o.values(), &a.Resources}
	}
	for _, ask := range []ask{{"overview", nil, &a.Overview}, {"plugins", nil, &a.Plugins}, {"sources", nil, &a.Sources}, list} {
		if err := o.client.Get(ctx, ask.path, ask.values, ask.into); err != nil {
			return err
		}
	}
	if o.narrow.plugin != "" {
		var err error
		if a.Chains, err = o.client.Chains(ctx, "", o.narrow.plugin, ""); err != nil {
			return err
		}
	}
	if o.errors {
		if err := a.addDetails(ctx, &o.client); err != nil {
			return err
		}
	}
	if o.json {
		enc := json.NewEncoder(stdout)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(a); err != nil {
			return err
		}
	} else if err := a.print(stdout, time.Now()); err != nil {
		return err
	}
	if !a.good() {
		return exit.ErrReported
	}
	return nil
}

// good says whether nothing is broken and nothing fails.
func (a *answers) good() bool {
	for _, p := range a.Plugins {
		if p.Error != "" {
			return false
		}
	}
	for _, s := range a.Sources {
		if s.Error != "" {
			return false
		}
	}
	for _, c := range a.Chains {
		if !c.Good() {
			return false
		}
	}
	return a.Overview.States[status.Failing]+a.Overview.States[status.BackingOff] == 0
}

func (a *answers) print(w io.Writer, now time.Time) error {
	style := term.StyleOf(w)
	fmt.Fprintf(w, "%s, %s, %s", logs.Count(a.Overview.Plugins, "plugin"), logs.Count(a.Overview.Resources, "resource"), logs.Count(a.Overview.Tasks, "task"))
	for _, s := range status.States {
		if n := a.Overview.States[s]; n > 0 {
			fmt.Fprintf(w, ", %s", style.Paint(paints[s], fmt.Sprintf("%d %s", n, s)))
		}
	}
	fmt.Fprintln(w)
	for _, p := range a.Overview.Places {
		if p.Short {
			fmt.Fprintln(w, "Runs wait for a place: "+placeUse(style, p))
		}
	}
	for _, warning := range a.Overview.Warnings {
		fmt.Fprintf(w, "%s: %s; next: %s\n", style.Paint(term.Yellow, "Warning"), term.Cell(warning.Said), term.Cell(warning.Next))
	}
	fmt.Fprintln(w)
	if err := style.Table(w, []string{"PLUGIN", "RUNTIME", "EVERY", "TASKS", "RUNS", "FAILED", "VERSION", "LOADED", "FILE", "ERROR"}, a.pluginRows(now)); err != nil {
		return err
	}
	if len(a.Chains) > 0 {
		fmt.Fprintln(w)
		PrintChains(w, a.Chains)
	}
	var sources [][]string
	for _, s := range a.Sources {
		sources = append(sources, []string{s.Kind.String() + " " + s.Name, strconv.Itoa(s.Resources), since(now, s.Refreshed), logs.FirstLine(s.Error)})
	}
	fmt.Fprintln(w)
	if err := style.Table(w, []string{"SOURCE", "RESOURCES", "REFRESHED", "ERROR"}, sources); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if a.Resources != nil {
		return printList(w, style, a.Resources.Total,
			[]string{"RESOURCE", "SITE", "CLASS", "ENDPOINT", "SOURCE", "AGE", "TTL", "KEY"}, resourceRows(a.Resources.Items, now))
	}
	if err := printList(w, style, a.Tasks.Total, []string{
		"TASK", "SITE", "RESOURCE", "STATE", "OUTCOME", "TOOK", "LATE", "STARTED", "NEXT", "POINTS", "BYTES", "FAILURES",
	}, taskRows(a.Tasks.Items, now)); err != nil {
		return err
	}
	a.printDetails(w, style)
	return nil
}

// printList prints the first rows of a list.
func printList(w io.Writer, style term.Style, total int, heading []string, rows [][]string) error {
	if err := style.Table(w, heading, rows); err != nil {
		return err
	}
	if rest := total - len(rows); rest > 0 {
		fmt.Fprintf(w, "and %d more\n", rest)
	}
	return nil
}

func taskRows(tasks []status.Task, now time.Time) [][]string {
	var rows [][]string
	for _, t := range tasks {
		rows = append(rows, []string{
			t.Plugin, t.Site, t.ID, string(t.State), t.Outcome, seconds(t.Duration), seconds(t.Lateness), since(now, t.LastStart),
			until(now, t.Next), strconv.Itoa(t.Points), strconv.FormatInt(t.Bytes, 10), strconv.Itoa(t.Failures),
		})
	}
	return rows
}

func resourceRows(resources []status.Resource, now time.Time) [][]string {
	var rows [][]string
	for _, r := range resources {
		id := r.Resource
		var sources []string
		ttl := 0.0
		for _, c := range r.Claims {
			sources = append(sources, c.Kind.String()+" "+c.Name)
			ttl = max(ttl, c.TTL)
		}
		rows = append(rows, []string{
			id.ID, id.Site, id.Class + ":" + id.Subclass + ":" + id.Type, id.Endpoint, strings.Join(sources, ", "),
			strings.TrimSuffix(since(now, r.Since), " ago"), seconds(ttl), r.Key,
		})
	}
	return rows
}

func (a *answers) pluginRows(now time.Time) [][]string {
	var rows [][]string
	for _, p := range a.Plugins {
		name := p.Name
		if name == "" {
			name = p.File
		}
		rows = append(rows, []string{
			name, p.Runtime, seconds(p.Interval), strconv.Itoa(p.Tasks), strconv.FormatInt(p.Runs, 10),
			strconv.FormatInt(p.FailedRuns, 10), p.Version, since(now, p.Loaded), p.File, logs.FirstLine(p.Error),
		})
	}
	return rows
}

var paints = map[status.State]term.Paint{
	status.Failing: term.Red, status.BackingOff: term.Yellow, status.Late: term.Yellow, status.Running: term.Blue,
	status.Waiting: term.Dim, status.OK: term.Green,
}

// seconds is a duration to be read at a glance.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}

// since says how long ago a time was.
func since(now, t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return now.Sub(t).Round(time.Second).String() + " ago"
}

// until says how soon a time is.
func until(now, t time.Time) string {
	switch {
	case t.IsZero():
		return "never"
	case !t.After(now):
		return "now"
	}
	return "in " + t.Sub(now).Round(time.Second).String()
}
