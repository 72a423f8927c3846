package plugincmd

import (
	"fmt"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/wait"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run/python"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
)

// NewDocs returns the command plugin docs.
func NewDocs(host Host) *cobra.Command {
	var interpreter string
	cmd := &cobra.Command{
		Use:   "docs FILE.panoptes-plugin",
		Short: "Print the metrics that a plugin makes",
		Long: `Prints the contract of a plugin as Markdown: a table of its metrics and one of its dimensions for each group. It is that of
the plugin file, [contract], or what the plugin says of itself, for which it is started. A plugin without a contract: exit
code 1.`,
		Example: `  panoptes plugin docs disk.panoptes-plugin > METRICS.md`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o := runOptions{host: host, collector: collector{python: interpreter}}
			p, _, err := o.open(args[0], cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			runners, err := runtimes.New(runtimes.Settings{
				Python:    python.Settings{PythonEnv: plugin.PythonEnv{Interpreter: interpreter, MaxWorkers: 1}},
				GoPlugins: host.GoPlugins,
				Host: runtimes.Host{
					Info:   wire.HostInfo{Name: "panoptes", Version: host.Version},
					Logger: term.Logger(cmd.ErrOrStderr(), zapcore.WarnLevel),
				},
			})
			if err != nil {
				return err
			}
			defer func() {
				if end := wait.End(runners.Close); err == nil {
					err = end
				}
			}()
			if p.Contract() == nil {
				if p, err = runners.Load(cmd.Context(), p); err != nil {
					return err
				}
			}
			c := p.Contract()
			if c == nil {
				fmt.Fprintf(cmd.ErrOrStderr(), "panoptes: plugin %q has no contract: write a section [contract] into its plugin file\n", p.Name())
				return exit.ErrReported
			}
			fmt.Fprintf(cmd.OutOrStdout(), "# %s\n\n", term.Cell(p.Name()))
			return c.Markdown(cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&interpreter, "python", runtimes.DefaultInterpreter, "the Python `INTERPRETER`, 3.8 or newer")
	return cmd
}
