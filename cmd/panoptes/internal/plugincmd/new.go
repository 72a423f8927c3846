package plugincmd

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/complete"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/scaffold"
	"github.com/panoptes-otel/panoptes-otel/internal/quote"
)

// NewNew returns the command plugin new.
func NewNew() *cobra.Command {
	p := scaffold.Plugin{Every: 60}
	var dir, api string
	cmd := &cobra.Command{
		Use:   "new NAME --lang LANGUAGE",
		Short: "Write a new plugin that runs",
		Long: `Writes a folder with a plugin file, a plugin and a resource to run it against. It runs and passes "plugin check" as it
is; make it yours from there. The files are listed on stdout, and what to do next on stderr. panoptes init writes a Collector's
configuration besides.

A Go plugin imports the package pluginsdk of this project. Where the command, the new folder or the working directory lies in a checkout of
it, or --replace names one, the plugin is built from there.`,
		Example: `  panoptes plugin new disk_usage --lang python
  panoptes plugin new disk_usage --lang python --api class
  panoptes plugin new check_queue --lang sh --dir /etc/panoptes/plugins`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p.Name = args[0]
			switch api {
			case "function", "class":
				p.Class = api == "class"
			default:
				return exit.Misusef("unknown --api %q: expected function or class", api)
			}
			var err error
			if p.Checkout, err = scaffold.FindCheckout(p.Checkout, dir); err != nil {
				return exit.Misuse(err)
			}
			files, err := scaffold.Write(dir, p)
			if err != nil {
				return exit.Misuse(err)
			}
			for _, f := range files {
				fmt.Fprintln(cmd.OutOrStdout(), f)
			}
			return tellNext(cmd.ErrOrStderr(), p, files)
		},
	}
	cmd.Flags().StringVar(&p.Language, "lang", "python", "the `LANGUAGE`: "+strings.Join(scaffold.Languages, ", "))
	cmd.Flags().StringVar(&api, "api", "function", "a Python plugin as a function, or as a class as in Panoptes: `FORM`")
	cmd.Flags().StringVar(&dir, "dir", ".", "the `DIRECTORY` in which the plugin's folder is made")
	cmd.Flags().StringVar(&p.Checkout, "replace", "", "the `CHECKOUT` of this project that a Go plugin is built from (default: one that the folder, this command or the working directory is in)")
	complete.Flag(cmd, "lang", scaffold.Languages...)
	complete.Flag(cmd, "api", "function", "class")
	return cmd
}

// tellNext says what to do with a new plugin, up to a Collector that runs it.
func tellNext(w io.Writer, p scaffold.Plugin, files []string) error {
	folder, err := filepath.Abs(filepath.Dir(files[0]))
	if err != nil {
		return err
	}
	name, resources := quote.Shell(filepath.Dir(files[0])), files[len(files)-1]
	if build := scaffold.Build(p.Language); build != "" {
		if p.Checkout == "" {
			fmt.Fprintf(w, "It needs github.com/panoptes-otel/panoptes-otel/pluginsdk: a release from a Go module proxy, or --replace CHECKOUT.\n")
		}
		fmt.Fprintf(w, "Build it: (cd %s && %s)\n", name, build)
	}
	fmt.Fprintf(w, "Run it:   panoptes plugin run %s --times 2\n", name)
	fmt.Fprintf(w, "Check it: panoptes plugin check %s --resources %s\n", quote.Shell(files[0]), quote.Shell(resources))
	_, err = fmt.Fprintf(w, `Have a Collector run it, by the settings of its receiver (panoptes init writes a whole configuration):
  receivers:
    panoptes:
      plugins: {directories: [%s]}
      resources: {files: [%s]}
`, quote.YAML(folder), quote.YAML(quote.Glob(filepath.Join(folder, filepath.Base(resources)))))
	return err
}
