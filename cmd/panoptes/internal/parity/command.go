package parity

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/stream"
)

type options struct {
	connection stream.Connection
	brokers    []string
	topics     []string
	from       string
	compare    Options
	minShare   float64
	json       bool
}

// Command returns the command panoptes parity.
func Command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "parity --brokers A [--brokers B] --topic A [--topic B]",
		Short: "Compare two topics group by group",
		Long: `Compares what two topics hold: the same topic of two clusters, or two topics of one. It reads both from --from up to
now, pairs their groups, and prints the share that agrees and the first differences. The exit code is 0 if the share is at
least --min-share, and 1 if it is less or there is nothing to compare.

Groups are of one series if site, class, subclass, type and id of the resource, group type and dimensions are the same.
A group of B is paired with the nearest one of A that is less than an interval away, as the two look at a device at
different moments. A pair agrees if message key, partition (where the topics have as many), interval and metrics are the
same, and their values agree:
  - a gauge may differ by its tolerance, a rate by one more, as rates are truncated;
  - a counter must lie between those that A had before and after, since it was read in between.
A group without a partner counts as a difference, unless it lies at the ends of what both topics hold. Metadata of
resources is not compared.

A time of --from is Kafka's of a message or, where it has none, as those that Panoptes writes, that of its group.

TLS and login are the same for both; with --config they are those of the exporter panoptes_json of a Collector's configuration,
whose brokers are A's and B's, too, where --brokers does not say otherwise. A password comes from a file, or from the environment variable ` + stream.PasswordVariable + `.`,
		Example: `  panoptes parity --brokers kafka1:9092 --topic dc1-processed --topic dc1-trial --sample
  panoptes parity --brokers old1:9092,old2:9092 --brokers new1:9092 --topic 'dc*-processed' --from 15m --min-share 0.99
  panoptes parity --brokers kafka1:9092 --topic dc1-processed --topic dc1-trial --json | jq .share`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return o.run(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.addFlags(cmd)
	return cmd
}

func (o *options) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false // what is asked for most comes first
	flags.StringArrayVar(&o.brokers, "brokers", nil, "`HOST:PORT` of brokers of A, several separated by commas; a second time for those of B, if they are others")
	flags.StringArrayVar(&o.topics, "topic", nil, "`TOPIC` of A, and a second time that of B, if it is another; * and ? stand for any characters and for one")
	flags.StringVar(&o.from, "from", "1h", "`WHERE` to begin: start, a time as 2006-01-02T15:04:05Z, or how long ago as 15m")
	flags.BoolVar(&o.compare.Sample, "sample", false, "B has a sample of the resources: what only A has of others does not count")
	flags.Float64Var(&o.minShare, "min-share", 1, "`SHARE` of groups that must agree, from 0 to 1")
	flags.Float64Var(&o.compare.Gauges.Relative, "gauge-relative", 0.1, "`SHARE` by which gauges and rates may differ")
	flags.Float64Var(&o.compare.Gauges.Absolute, "gauge-absolute", 0, "`AMOUNT` by which they may differ beyond that")
	flags.Float64Var(&o.compare.Counters.Relative, "counter-relative", 0, "`SHARE` by which counters may lie outside of what A had before and after")
	flags.Float64Var(&o.compare.Counters.Absolute, "counter-absolute", 0, "`AMOUNT` by which they may lie outside beyond that")
	flags.IntVar(&o.compare.MaxDifferences, "differences", 10, "`NUMBER` of differences to print")
	flags.IntVar(&o.compare.MaxSeries, "max-series", 50_000, "`NUMBER` of series to compare at most, at 5 kB of memory each at most")
	flags.BoolVar(&o.json, "json", false, "print the result as JSON")
	o.connection.AddLoginFlags(flags)
	cmd.MarkFlagsOneRequired("brokers", "config")
	_ = cmd.MarkFlagRequired("topic")
}

// check returns the time to begin at.
func (o *options) check() (time.Time, error) {
	switch {
	case len(o.brokers) > 2 || len(o.topics) > 2:
		return time.Time{}, exit.Misusef("--brokers and --topic can be given twice at most, for A and B")
	case len(o.brokers) < 2 && len(o.topics) == 1:
		return time.Time{}, exit.Misusef("there is nothing to compare with: give --brokers or --topic a second time, for B")
	case !(o.minShare >= 0 && o.minShare <= 1):
		return time.Time{}, exit.Misusef("--min-share must be from 0 to 1, is %g", o.minShare)
	case o.compare.MaxSeries < 1 || o.compare.MaxSeries > 10_000_000:
		return time.Time{}, exit.Misusef("--max-series must be from 1 to 10000000, is %d", o.compare.MaxSeries)
	case o.compare.MaxDifferences < 0 || o.compare.MaxDifferences > 10_000:
		return time.Time{}, exit.Misusef("--differences must be from 0 to 10000, is %d", o.compare.MaxDifferences)
	}
	for name, value := range map[string]float64{
		"gauge-relative": o.compare.Gauges.Relative, "gauge-absolute": o.compare.Gauges.Absolute,
		"counter-relative": o.compare.Counters.Relative, "counter-absolute": o.compare.Counters.Absolute,
	} {
		if !(value >= 0) {
			return time.Time{}, exit.Misusef("--%s must not be negative, is %g", name, value)
		}
	}
	return stream.ParseSince(o.from, time.Now())
}

func (o *options) run(ctx context.Context, stdout, stderr io.Writer) error {
	since, err := o.check()
	if err != nil {
		return err
	}
	var sides [2]*side
	for i := range sides {
		if sides[i], err = o.open(ctx, Side(i), since); err != nil {
			return fmt.Errorf("%s: %w", Side(i), err)
		}
		defer sides[i].window.Close()
	}
	a, b := sides[0].window.Partitions(), sides[1].window.Partitions()
	if o.compare.Partitions = a == b && a > 0; !o.compare.Partitions {
		fmt.Fprintf(stderr, "panoptes: partitions are not compared: the topics have different numbers of them (A %s, B %s)\n", many(a), many(b))
	}
	comparison := New(o.compare)
	if err := read(ctx, comparison, sides); err != nil {
		return err
	}
	return o.tell(comparison.Finish(), sides, stdout, stderr)
}

func many(n int) string {
	if n == 0 {
		return "several"
	}
	return fmt.Sprint(n)
}

// side is one of the two things to compare.
type side struct {
	Side
	window *stream.Window
	reader *stream.Reader
	from   string // for people
	bad    int
}

func (o *options) open(ctx context.Context, s Side, since time.Time) (*side, error) {
	at := func(list []string) string { return list[min(int(s), len(list)-1)] }
	c, brokers := o.connection, "the brokers of --config"
	if len(o.brokers) > 0 {
		brokers = at(o.brokers)
		c.Brokers = strings.Split(brokers, ",")
	}
	w, err := stream.OpenWindow(ctx, c, []string{at(o.topics)}, since)
	if err != nil {
		return nil, err
	}
	return &side{Side: s, window: w, reader: stream.NewReader(), from: strings.Join(w.Topics(), ", ") + " on " + brokers}, nil
}

// read reads both sides, by turns the one that is behind, so that few groups wait for their partners.
func read(ctx context.Context, to *Comparison, sides [2]*side) error {
	for {
		behind := sides[A]
		if sides[B].window.Front().Before(behind.window.Front()) {
			behind = sides[B]
		}
		if behind.window.Done() {
			return nil
		}
		if err := behind.window.Poll(ctx, func(r *kgo.Record) time.Time { return behind.add(to, r) }); err != nil {
			return fmt.Errorf("%s: %w", behind.Side, err)
		}
		to.Read(behind.Side, behind.window.Front())
	}
}

// add returns the time of the latest group of a record, zero where it has none.
func (s *side) add(to *Comparison, r *kgo.Record) (at time.Time) {
	// The visit returns no error, so neither does Each.
	_ = s.reader.Each(r, func(m stream.Message) error {
		if m.Group == nil || m.Group.Resource == nil {
			s.bad++
			return nil
		}
		if taken := to.Add(s.Side, Group{MetricsGroup: m.Group, Key: string(m.Key), Partition: m.Partition}); taken.After(at) {
			at = taken
		}
		return nil
	})
	return at
}

// tell prints the result, and says by its error whether it is good enough.
func (o *options) tell(r Result, sides [2]*side, stdout, stderr io.Writer) error {
	for _, s := range sides {
		if s.bad > 0 {
			fmt.Fprintf(stderr, "panoptes: %s: left out what is no metrics group: %d\n", s.Side, s.bad)
		}
	}
	good := r.Total() > 0 && r.Share >= o.minShare
	if o.json {
		enc := json.NewEncoder(stdout)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(r); err != nil {
			return err
		}
	} else {
		o.print(stdout, &r, sides, good)
	}
	if !good {
		return exit.ErrReported
	}
	return nil
}
