// Package cli is the command panoptes: it puts the subcommands together, and turns what they return into exit codes.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/democmd"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/influxcmd"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/initcmd"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/migratecmd"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/parity"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/pipecmd"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/plugincmd"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/replaycmd"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/resourcecmd"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/schemacmd"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/shardscmd"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/simulatecmd"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/snmpcmd"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/statuscmd"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/tailcmd"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/validatecmd"
)

// Version is the version of the command. The linker may set it (-ldflags -X).
var Version = "0.1.0"

// Run runs the command line args, without the program's name, and returns the exit code. Results go to stdout,
// everything else to stderr.
func Run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return RunContext(context.Background(), args, stdin, stdout, stderr)
}

// RunContext is Run; commands that go on by themselves end with ctx as they do with an interrupt.
func RunContext(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)

	// What cobra finds wrong before a command starts (flags, arguments, their combination) is wrong usage.
	started := false
	noteStart(root, &started)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !started {
		err = exit.Misuse(err)
	}
	if err != nil && !errors.Is(err, exit.ErrReported) {
		fmt.Fprintf(stderr, "panoptes: %s\n", term.Message(err.Error()))
		if !started {
			fmt.Fprintf(stderr, "Run '%s --help' for usage.\n", cmd.CommandPath())
		}
	}
	return exit.Code(err)
}

func noteStart(cmd *cobra.Command, started *bool) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(c *cobra.Command, args []string) error {
			*started = true
			return run(c, args)
		}
	}
	for _, sub := range cmd.Commands() {
		noteStart(sub, started)
	}
}

func newRoot() *cobra.Command {
	root := group("panoptes", "Run plugins, match resources, and see what goes to Kafka",
		`For the authors of Panoptes plugins and the operators of collectors.

Exit codes: 0 fine; 1 it ran, and the answer is no or something failed; 2 wrong usage or configuration.
Results go to stdout, everything else to stderr; tables and colours only to a terminal (NO_COLOR turns colours off).`)
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.Version = versionText()
	root.SetVersionTemplate("panoptes {{.Version}}\n")
	root.Example = `  panoptes init
  panoptes demo
  panoptes plugin run my.panoptes-plugin --resources my-resources.json --times 2
  panoptes resources match --filter 'resource_class = "network"' my-resources.json`

	plugin := group("plugin", "Run, check and list plugins", "")
	host := plugincmd.Host{Version: Version}
	plugin.AddCommand(plugincmd.NewRun(host), plugincmd.NewCheck(host), plugincmd.NewNew(), plugincmd.NewList(), plugincmd.NewDocs(host))
	resources := group("resources", "Match and list the resources of files", "")
	resources.AddCommand(resourcecmd.NewMatch(), resourcecmd.NewList())
	schema := group("schema", "Check messages against the schema", "")
	schema.AddCommand(schemacmd.NewCheck())
	snmp := group("snmp", "Ask devices as a Collector does, and record them", "")
	snmp.AddCommand(snmpcmd.NewGet(), snmpcmd.NewWalk(), snmpcmd.NewRecord(host))
	root.AddCommand(
		democmd.New(), influxcmd.New(), initcmd.New(), migratecmd.New(), parity.Command(), pipecmd.New(), plugin, plugincmd.NewExplain(host), replaycmd.New(Version), resources, schema, shardscmd.New(), simulatecmd.New(), snmp,
		statuscmd.New(), tailcmd.New(), statuscmd.NewTop(), validatecmd.New(), newVersion(),
	)
	return root
}

// group returns a command that is nothing without one of its subcommands.
func group(use, short, long string) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Long:  long,
		Args:  cobra.ArbitraryArgs,

		SuggestionsMinimumDistance: 2,

		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				cmd.SetOut(cmd.ErrOrStderr())
				_ = cmd.Usage()
				return exit.Misusef("a command is missing")
			}
			err := fmt.Errorf("unknown command %q of %s", args[0], cmd.CommandPath())
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				err = fmt.Errorf("%w; did you mean %q?", err, near[0])
			}
			return exit.Misuse(err)
		},
	}
}

func versionText() string {
	return fmt.Sprintf("%s (%s %s/%s)", Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  panoptes version",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "panoptes %s\n", versionText())
			return err
		},
	}
}
