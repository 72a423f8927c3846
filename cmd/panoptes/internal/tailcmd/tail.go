// Package tailcmd is the command panoptes tail.
package tailcmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/stream"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/resourcefilter"
)

type options struct {
	brokers, topics []string
	from            string
	json            bool
	count           int
	filter          string
	groupType       string
}

// New returns the command.
func New() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "tail --brokers HOST:PORT",
		Short: "Print metrics groups as they arrive on Kafka",
		Long: `Prints the metrics groups of Kafka topics as they arrive: topic, partition, offset, key, and the message in a readable
form in which rates stand out. Without --topic it reads the topics of all sites (those that end in -processed). It goes
on until it is interrupted, which is no failure.

With --json the messages are printed as they are, one a line, as input for panoptes pipe, jq and others.`,
		Example: `  panoptes tail --brokers kafka1:9092,kafka2:9092 --topic dc1-processed --from -10
  panoptes tail --brokers kafka1:9092 --filter 'resource_id LIKE "router%"' --type interface
  panoptes tail --brokers kafka1:9092 --from start --count 100 --json > groups.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			defer context.AfterFunc(ctx, stop)()
			return o.run(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.brokers, "brokers", nil, "`HOST:PORT` of brokers to begin with; several separated by commas")
	flags.StringSliceVar(&o.topics, "topic", nil, "`TOPIC` to read; several separated by commas")
	flags.StringVar(&o.from, "from", "end", "`WHERE` to begin in each partition: start, end, or -N for the last N messages")
	flags.BoolVar(&o.json, "json", false, "print the messages as they are, one a line")
	flags.IntVar(&o.count, "count", 0, "end after this `NUMBER` of messages")
	flags.StringVar(&o.filter, "filter", "", "only groups of resources that match this `FILTER`")
	flags.StringVar(&o.groupType, "type", "", "only groups of this `TYPE`")
	_ = cmd.MarkFlagRequired("brokers")
	return cmd
}

func (o *options) run(ctx context.Context, stdout, stderr io.Writer) error {
	from, err := stream.ParseFrom(o.from)
	if err != nil {
		return err
	}
	if o.count < 0 {
		return exit.Misusef("--count must not be negative, is %d", o.count)
	}
	if slices.Contains(o.brokers, "") || slices.Contains(o.topics, "") {
		return exit.Misusef("--brokers and --topic must not have empty parts")
	}
	t := tail{options: o, out: stdout, style: term.StyleOf(stdout)}
	if o.filter != "" {
		if t.filter, err = input.Filter("--filter", o.filter, stderr); err != nil {
			return err
		}
	}
	client, err := stream.Open(ctx, stream.Source{
		Brokers: o.brokers, Topics: o.topics, From: from,
		Logger: kgo.BasicLogger(stderr, kgo.LogLevelWarn, func() string { return "panoptes: " }),
	})
	if errors.Is(err, context.Canceled) {
		return nil
	}
	if err != nil {
		return err
	}
	defer client.Close()
	return stream.Each(ctx, client, func(err error) { fmt.Fprintf(stderr, "panoptes: %v\n", err) }, t.print)
}

// tail prints messages.
type tail struct {
	*options
	filter *resourcefilter.Filter
	out    io.Writer
	style  term.Style
	buf    []byte
	seen   int
}

// print prints a record and says whether there are to be more.
func (t *tail) print(r *kgo.Record) (bool, error) {
	m := stream.Read(r)
	if !t.wanted(m) {
		return true, nil
	}
	t.buf = t.buf[:0]
	if t.json {
		t.buf = appendLine(t.buf, r.Value)
	} else {
		t.buf = append(m.Append(t.buf, t.style), '\n')
	}
	t.seen++
	_, err := t.out.Write(t.buf)
	return t.count == 0 || t.seen < t.count, err
}

func (t *tail) wanted(m stream.Message) bool {
	if m.Group == nil {
		return t.filter == nil && t.groupType == ""
	}
	return (t.filter == nil || t.filter.Match(m.Group.Resource)) && (t.groupType == "" || t.groupType == m.Group.Type)
}

// appendLine appends a message on one line: as it is, but for ends of lines inside it.
func appendLine(b, value []byte) []byte {
	if bytes.ContainsAny(value, "\r\n") {
		var compact bytes.Buffer
		if json.Compact(&compact, value) == nil {
			value = compact.Bytes()
		}
		value = []byte(strings.NewReplacer("\r", " ", "\n", " ").Replace(string(value)))
	}
	return append(append(b, value...), '\n')
}
