// Package resourcecmd is the commands panoptes resources match and panoptes resources list.
package resourcecmd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const filesHelp = `A file holds resources in the format of Panoptes' discovery: a list of objects, or one. A file that cannot be read or is
no JSON ends the command with exit code 2. An entry that is no resource is reported on stderr and left out, and the
exit code is 1 in the end.`

// NewMatch returns the command resources match.
func NewMatch() *cobra.Command {
	var text string
	var explain bool
	cmd := &cobra.Command{
		Use:   "match --filter FILTER [--explain] FILE...",
		Short: "Print the ids of the resources that match a filter",
		Long: `Prints the ids of the resources that match a filter, one a line, in the order of the input. Where none does it prints
nothing and the exit code is 0: the question was answered. A filter that cannot be parsed ends the command with exit
code 2 and the place of the mistake.

With --explain it prints all resources: the id, yes or no, and where it is no the clause of the filter that failed, and
what the resource has instead.

` + filesHelp,
		Example: `  panoptes resources match --filter 'resource_class = "network" AND resource_site IN ("dc1", "dc2")' resources.json
  panoptes resources match --filter 'resource_metadata.os_name LIKE "junos%"' conf/*.json
  panoptes resources match --filter "$(cat filter)" --explain conf/*.json | grep sw1.example.com`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			filter, err := input.Filter("--filter", text, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			style := term.StyleOf(cmd.OutOrStdout())
			return each(files, cmd, func(out io.Writer, all []*pluginsdk.Resource) error {
				if explain {
					return explainAll(out, style, filter, all)
				}
				for _, r := range all {
					if filter.Match(r) {
						fmt.Fprintln(out, term.Cell(r.ID))
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&text, "filter", "", "the `FILTER`, as resource_filter in a plugin file")
	_ = cmd.MarkFlagRequired("filter")
	cmd.Flags().BoolVar(&explain, "explain", false, "print every resource, and why it does not match")
	return cmd
}

// explainAll says of each resource which clause of the filter fails.
func explainAll(out io.Writer, style term.Style, filter *filter.Filter, all []*pluginsdk.Resource) error {
	rows := make([][]string, 0, len(all))
	for _, r := range all {
		row := []string{r.ID, "yes", "", ""}
		if clause, has := filter.Failing(r); clause != "" {
			row = []string{r.ID, "no", clause, has}
		}
		rows = append(rows, row)
	}
	return style.Table(out, []string{"ID", "MATCHES", "FAILED CLAUSE", "THE RESOURCE"}, rows)
}

// NewList returns the command resources list.
func NewList() *cobra.Command {
	var keys bool
	var from configured
	cmd := &cobra.Command{
		Use:   "list [--keys] FILE... | --config CONFIG",
		Short: "List resources with their age and time to live",
		Long: `Lists resources: id, site, class, subclass, type, endpoint, age and time to live. To a terminal as a table; elsewhere
separated by tabs, without heading, age and time to live in seconds, "-" where the age is not known.

With --config it lists the resources that a receiver has, with the source of each, and says on stderr what each source gives and leaves out,
and why. Files, servers and Kafka are read and asked by this command itself. What the extension panoptes_discovery finds, and what its
relabelling drops, the running Collector is asked: it has the rights, the network and the secrets for that. It needs the extension
panoptes_status. The exit code is 1 where a source is broken.

` + filesHelp,
		Example: `  panoptes resources list conf/*.json
  panoptes resources list --keys conf/*.json | sort | uniq -d
  panoptes resources list --config collector.yaml`,
		RunE: func(cmd *cobra.Command, files []string) error {
			if len(from.configs) > 0 && (keys || len(files) > 0) {
				return exit.Misusef("--config takes no files, and not --keys")
			}
			if len(from.configs) > 0 {
				return from.list(cmd)
			}
			if len(files) == 0 {
				return exit.Misusef("name files of resources, or a configuration with --config")
			}
			style := term.StyleOf(cmd.OutOrStdout())
			return each(files, cmd, func(out io.Writer, all []*pluginsdk.Resource) error {
				if keys {
					for _, r := range all {
						fmt.Fprintln(out, term.Cell(r.Key()))
					}
					return nil
				}
				return list(out, style, all, time.Now())
			})
		},
	}
	from.add(cmd.Flags())
	cmd.Flags().BoolVar(&keys, "keys", false, "print the keys of Panoptes' store (plugin|...|site|...|id|...), one a line")
	return cmd
}

// each loads the files and gives their resources to write.
func each(files []string, cmd *cobra.Command, write func(io.Writer, []*pluginsdk.Resource) error) error {
	all, bad, err := input.Resources(cmd.Context(), files, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	out := bufio.NewWriter(cmd.OutOrStdout())
	if err := errors.Join(write(out, all), out.Flush()); err != nil {
		return err
	}
	if bad > 0 {
		return exit.ErrReported
	}
	return nil
}

func list(out io.Writer, style term.Style, all []*pluginsdk.Resource, now time.Time) error {
	rows := make([][]string, 0, len(all))
	for _, r := range all {
		rows = append(rows, row(r, style, now))
	}
	return style.Table(out, heading, rows)
}

var heading = []string{"ID", "SITE", "CLASS", "SUBCLASS", "TYPE", "ENDPOINT", "AGE", "TTL"}

func row(r *pluginsdk.Resource, style term.Style, now time.Time) []string {
	age, known := "-", false
	var seconds float64
	if seconds, known = r.CreationTimestamp.Seconds(); known {
		seconds = float64(now.Unix()) - seconds
		age = span(seconds, style)
	}
	ttl, _ := r.Metadata.Get(pluginsdk.ResourceTTLKey)
	if n, err := strconv.ParseFloat(ttl, 64); err == nil {
		ttl = span(n, style)
	}
	return []string{r.ID, r.Site, r.Class, r.Subclass, r.Type, r.Endpoint, age, ttl}
}

// span is a number of seconds: for programs as it is, for people with the two largest units.
func span(seconds float64, style term.Style) string {
	n := int64(seconds)
	if !style.Aligned {
		return strconv.FormatInt(n, 10)
	}
	switch {
	case n < 0:
		return "in the future"
	case n < 60:
		return fmt.Sprintf("%ds", n)
	case n < 3600:
		return fmt.Sprintf("%dm%02ds", n/60, n%60)
	case n < 86400:
		return fmt.Sprintf("%dh%02dm", n/3600, n%3600/60)
	}
	return fmt.Sprintf("%dd%02dh", n/86400, n%86400/3600)
}
