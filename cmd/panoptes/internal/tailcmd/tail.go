// Package tailcmd is the command panoptes tail.
package tailcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/stream"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
)

type options struct {
	connection stream.Connection
	topics     []string
	from       string
	json       bool
	table      bool
	count      int
	filter     string
	types      []string
}

// New returns the command.
func New() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "tail --brokers HOST:PORT",
		Short: "Print metrics groups as they arrive on Kafka",
		Long: `Prints the metrics groups of Kafka topics as they arrive: topic, partition, offset, key, and the message in a readable
form in which rates stand out. Without --topic it reads the topics of all sites (` + stream.AllProcessed + `). It goes on until it
is interrupted, which is no failure.

With --json the groups are printed as they are, one a line, as input for panoptes pipe, jq and others. With --table a
terminal shows each metric of each resource with its last value and rate, kept up to date; elsewhere the table is
printed once, at the end. A rate is the one in the message, or else what the last two values of a counter make.

What is no metrics group is told on stderr, counted and left out. It neither counts for -n nor changes the exit code.

With --from and a time, the time of a message is Kafka's or, where it has none, as those that Panoptes writes, that of its
group. Topics that are deleted and made again are read on from their beginnings.

With --config it connects as the exporter panoptes_json of a Collector's configuration does: with its brokers, TLS and login,
Kerberos and AWS among them. Otherwise the password for SASL comes from a file, or from the environment variable ` + stream.PasswordVariable + `.`,
		Example: `  panoptes tail --brokers kafka1:9092,kafka2:9092 --topic dc1-processed --from -10
  panoptes tail --brokers kafka1:9092 --filter 'resource_id LIKE "router%"' --type interface --table
  panoptes tail --brokers kafka1:9092 --topic 'dc*-processed' --from 15m -n 100 --json > groups.jsonl
  panoptes tail --config /etc/panoptes-otelcol/collector.yaml --topic dc1-processed
  panoptes tail --brokers kafka1:9094 --tls-ca ca.pem --sasl-mechanism SCRAM-SHA-512 --sasl-user me --sasl-password-file ~/.kafka-password`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			defer context.AfterFunc(ctx, stop)()
			return o.run(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false // what is asked for most comes first
	o.connection.AddFlags(flags)
	flags.StringSliceVar(&o.topics, "topic", nil, "`TOPIC` to read, may be repeated; * and ? stand for any characters and for one")
	flags.StringVar(&o.filter, "filter", "", "only groups of resources that match this `FILTER`")
	flags.StringSliceVar(&o.types, "type", nil, "only groups of this `TYPE`, may be repeated")
	flags.StringVar(&o.from, "from", "end", "`WHERE` to begin in each partition: start, end, an offset, -N for the last N messages, a\ntime as 2006-01-02T15:04:05Z, or how long ago as 15m")
	flags.IntVarP(&o.count, "count", "n", 0, "end after this `NUMBER` of groups")
	flags.BoolVar(&o.json, "json", false, "print the groups as they are, one a line")
	flags.BoolVar(&o.table, "table", false, "show a table of the last values and rates")
	cmd.MarkFlagsOneRequired("brokers", "config")
	cmd.MarkFlagsMutuallyExclusive("json", "table")
	return cmd
}

// view shows groups.
type view interface {
	Show(stream.Message) error
	// Bad takes what is no group, which is written elsewhere unless that would spoil the view. Note takes what else there is
	// to say.
	Bad(text string)
	Note(text string)
	// Close ends the view and writes what is left to show.
	Close() error
}

func (o *options) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	from, err := stream.ParseFrom(o.from, time.Now())
	if err != nil {
		return err
	}
	if o.count < 0 {
		return exit.Misusef("--count must not be negative, is %d", o.count)
	}
	if slices.Contains(o.topics, "") || slices.Contains(o.types, "") {
		return exit.Misusef("--topic and --type must not have empty parts")
	}
	t := tail{options: o, reader: stream.NewReader()}
	if o.filter != "" {
		if t.filter, err = input.Filter("--filter", o.filter, stderr); err != nil {
			return err
		}
	}
	source := stream.Source{Connection: o.connection, Topics: o.topics, From: from}
	if !o.table {
		source.Logger = kgo.BasicLogger(stderr, kgo.LogLevelWarn, func() string { return "panoptes: " })
	}
	reading, err := stream.Open(ctx, source)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	if err != nil {
		return err
	}
	defer reading.Close()
	t.view = o.view(ctx, stdout, stderr)
	err = reading.Each(ctx, t.view.Note, t.record)
	err = errors.Join(err, t.view.Close())
	if t.bad > 0 {
		fmt.Fprintf(stderr, "panoptes: left out what is no metrics group: %d\n", t.bad)
	}
	return err
}

func (o *options) view(ctx context.Context, stdout, stderr io.Writer) view {
	if o.table {
		return NewTable(ctx, stdout, stderr, nil)
	}
	return &textView{json: o.json, out: stdout, stderr: stderr, style: term.StyleOf(stdout)}
}

// tail hands the groups that are wanted to a view.
type tail struct {
	*options
	reader *stream.Reader
	filter *filter.Filter
	view   view
	shown  int
	bad    int
}

var errEnough = errors.New("enough groups")

// record takes the next record and says whether there are to be more.
func (t *tail) record(r *kgo.Record) (bool, error) {
	err := t.reader.Each(r, t.message)
	if errors.Is(err, errEnough) {
		return false, nil
	}
	return true, err
}

func (t *tail) message(m stream.Message) error {
	if m.Err != nil {
		t.bad++
		t.view.Bad(fmt.Sprintf("topic %q, partition %d, offset %d: no metrics group: %v", m.Topic, m.Partition, m.Offset, m.Err))
		return nil
	}
	if t.filter != nil && !t.filter.Match(m.Group.Resource) || len(t.types) > 0 && !slices.Contains(t.types, m.Group.Type) {
		return nil
	}
	if err := t.view.Show(m); err != nil {
		return err
	}
	if t.shown++; t.shown == t.count {
		return errEnough
	}
	return nil
}
