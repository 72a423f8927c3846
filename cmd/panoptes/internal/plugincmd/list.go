package plugincmd

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
)

// NewList returns the command plugin list.
func NewList() *cobra.Command {
	return &cobra.Command{
		Use:   "list DIR...",
		Short: "List the plugins of directories, with what is wrong with them",
		Long: `Lists the plugin files of directories and everything below, one a line: name, file, runtime, interval, filter, verdict.
To a terminal as a table; elsewhere separated by tabs, without heading. Nothing is run. The verdict is "ok", "never
scheduled: ...", or "error: ...", in which case the exit code is 1.`,
		Example: "  panoptes plugin list /etc/panoptes/plugins",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, dirs []string) error {
			files, err := input.PluginFiles(dirs)
			if err != nil {
				return exit.Misuse(err)
			}
			rows, bad := inventory(files)
			heading := []string{"NAME", "FILE", "RUNTIME", "INTERVAL", "FILTER", "VERDICT"}
			if err := term.StyleOf(cmd.OutOrStdout()).Table(cmd.OutOrStdout(), heading, rows); err != nil {
				return err
			}
			if bad {
				return exit.ErrReported
			}
			return nil
		},
	}
}

// inventory opens the plugin files and says of each what it is.
func inventory(files []string) (rows [][]string, bad bool) {
	owner := map[string]string{}
	for _, file := range files {
		p, _, err := plugin.Open(file, plugin.OpenOptions{})
		verdict := "ok"
		switch {
		case errors.Is(err, plugin.ErrNotScheduled) && p != nil:
			verdict = "never scheduled: " + err.Error()
		case err != nil:
			verdict = "error: " + err.Error()
		}
		row := []string{"-", file, "-", "-", "-", verdict}
		if p != nil {
			row[0], row[2] = p.Name(), string(p.Kind)
			if p.Interval > 0 {
				row[3] = p.Interval.String()
			}
			if p.Filter != nil {
				row[4] = p.Filter.String()
			}
			name := p.File.NormalizedName
			if first, taken := owner[name]; taken {
				row[5] = "error: has the same name as " + first
			} else {
				owner[name] = file
			}
		}
		bad = bad || strings.HasPrefix(row[5], "error: ")
		rows = append(rows, row)
	}
	return rows, bad
}
