package plugincmd

import (
	"fmt"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/wait"
	"github.com/panoptes-otel/panoptes-otel/internal/pluginrun"
)

// NewDocs returns the command plugin docs.
func NewDocs(host Host) *cobra.Command {
	var python string
	cmd := &cobra.Command{
		Use:   "docs FILE.panoptes-plugin",
		Short: "Print the metrics that a plugin makes",
		Long: `Prints the contract of a plugin as Markdown: a table of its metrics and one of its dimensions for each group. It is that of
the plugin file, [contract], or what the plugin says of itself, for which it is started. A plugin without a contract: exit
code 1.`,
		Example: `  panoptes plugin docs disk.panoptes-plugin > METRICS.md`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o := runOptions{host: host, python: python}
			plugin, err := o.open(args[0], cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			runners, err := pluginrun.New(pluginrun.Settings{
				Logger:    term.Logger(cmd.ErrOrStderr(), zapcore.WarnLevel),
				Host:      pluginrun.HostInfo{Name: "panoptes", Version: host.Version},
				Python:    pluginrun.PythonSettings{PythonEnv: pluginrun.PythonEnv{Interpreter: python, MaxWorkers: 1}},
				GoPlugins: host.GoPlugins,
			})
			if err != nil {
				return err
			}
			defer func() {
				if end := wait.End(runners.Shutdown); err == nil {
					err = end
				}
			}()
			if plugin.Contract() == nil {
				if plugin, err = runners.Check(cmd.Context(), plugin); err != nil {
					return err
				}
			}
			c := plugin.Contract()
			if c == nil {
				fmt.Fprintf(cmd.ErrOrStderr(), "panoptes: plugin %q has no contract: write a section [contract] into its plugin file\n", plugin.Name())
				return exit.ErrReported
			}
			fmt.Fprintf(cmd.OutOrStdout(), "# %s\n\n", plugin.Name())
			return c.Markdown(cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&python, "python", pluginrun.DefaultInterpreter, "the Python `INTERPRETER`, 3.8 or newer")
	return cmd
}
