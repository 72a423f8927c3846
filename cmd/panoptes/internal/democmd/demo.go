// Package democmd is the command panoptes demo: an embedded Kafka broker, the Collector with the quickstart's
// configuration, and a viewer of what arrives.
package democmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/tailcmd"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
)

// address is where everything of the quickstart listens.
const address = "127.0.0.1"

type options struct {
	duration       time.Duration
	collector      string
	config         string
	brokerPort     int
	prometheusPort int
	statusPort     int
	expect         []string
	logFile        string
	all            bool
}

// New returns the command.
func New() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Start the quickstart: broker, Collector and a viewer",
		Long: `Starts an embedded Kafka broker, the Collector panoptes-otelcol with the quickstart's configuration, and shows the
metrics groups as they arrive from Kafka. A terminal has a table of the last values and rates, as panoptes tail --table shows it,
below the addresses of everything; what the Collector has to say stands below. With --all, and where there is no terminal, groups are printed:
topic, partition, offset, key and the JSON, with rates standing out from the second run of a plugin on. There each group is shown
when it comes for the first time and when it has rates for the first time; after that some are shown and the others
counted. Ctrl-C stops everything.

With --duration it stops by itself, and the exit code is 0 only if groups of the types of --expect arrived, with rates.
What is missing before the start (the Collector, Python 3.8, a free port) is exit code 2.`,
		Example: `  panoptes demo
  panoptes demo --duration 30s
  panoptes demo --broker-port 29192 --prometheus-port 29464 --all`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return o.run(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&o.duration, "duration", 0, "stop after this `TIME`, as 30s, and say whether all arrived; 0 goes on until Ctrl-C")
	flags.StringVar(&o.collector, "collector", "", "the Collector's `FILE` (default: panoptes-otelcol beside this command)")
	flags.StringVar(&o.config, "config", "", "the Collector's configuration `FILE` (default: examples/quickstart/collector.yaml)")
	flags.IntVar(&o.brokerPort, "broker-port", 19192, "the `PORT` of the embedded broker on "+address)
	flags.IntVar(&o.prometheusPort, "prometheus-port", 19464, "the `PORT` of the Prometheus text on "+address)
	flags.IntVar(&o.statusPort, "status-port", 13150, "the `PORT` of the status pages on "+address)
	flags.StringSliceVar(&o.expect, "expect", []string{"example", "host_network"}, "with --duration: the `TYPES` of groups that must arrive with rates")
	flags.StringVar(&o.logFile, "log", "", "write the Collector's whole log to this `FILE`; its warnings are shown in any case")
	flags.BoolVar(&o.all, "all", false, "print every group, rather than show a table")
	return cmd
}

func (o *options) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	if o.duration < 0 {
		return exit.Misusef("--duration must not be negative, is %s", o.duration)
	}
	setup, err := o.prepare(ctx)
	if err != nil {
		return err
	}
	broker, err := startBroker(o.brokerPort)
	if err != nil {
		return exit.Misuse(portError("the embedded broker", o.brokerPort, "--broker-port", err))
	}
	defer broker.close()

	log, err := newCollectorLog(stderr, o.logFile)
	if err != nil {
		return exit.Misuse(err)
	}
	defer func() { err = errors.Join(err, log.close()) }()
	collector, err := startCollector(setup, log)
	if err != nil {
		return err
	}
	// Also where the viewer fails: nothing may be left running.
	defer func() { err = errors.Join(err, stopCollector(collector)) }()
	viewer := newViewer(stdout, term.StyleOf(stdout), o.all)
	note := func(text string) { fmt.Fprintf(stderr, "panoptes: %s\n", term.Cell(text)) }
	if viewer.style.Screen && !o.all {
		viewer.table = tailcmd.NewTable(ctx, stdout, stderr, setup.introduction())
		note = viewer.table.Note
		log.to(note)
	} else {
		fmt.Fprintln(stderr, strings.Join(setup.introduction(), "\n")+"\nMetrics groups as they arrive from Kafka:")
	}
	ended, err := watch(ctx, setup, collector.Done(), viewer, o.duration, note)
	if viewer.table != nil {
		log.to(nil)
		err = errors.Join(err, viewer.table.Close())
	}
	if err != nil {
		return err
	}
	return o.verdict(ended, viewer, log, collector.Err, stderr)
}

// ending says why the demo ended.
type ending int

const (
	interrupted ending = iota
	elapsed
	collectorEnded
)

// verdict turns the end of the demo into what the command returns.
func (o *options) verdict(ended ending, v *viewer, log *collectorLog, collectorErr func() error, stderr io.Writer) error {
	switch ended {
	case interrupted:
		// The blank line takes what the terminal shows of Ctrl-C.
		fmt.Fprintf(stderr, "\n%s\nStopping.\n", v.total())
	case collectorEnded:
		fmt.Fprintf(stderr, "The last lines of the Collector's log:\n%s", log.tail())
		cause := collectorErr()
		if cause == nil {
			cause = errors.New("exit status 0")
		}
		return fmt.Errorf("the Collector has ended by itself: %w", cause)
	case elapsed:
		missing := v.missing(o.expect)
		fmt.Fprintf(stderr, "%s\n", v.total())
		if len(missing) > 0 {
			fmt.Fprintf(stderr, "The last lines of the Collector's log:\n%s", log.tail())
			return fmt.Errorf("within %s there came %s", o.duration, list(missing))
		}
	}
	return nil
}
