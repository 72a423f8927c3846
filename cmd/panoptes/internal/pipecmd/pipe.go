// Package pipecmd is the command panoptes pipe.
package pipecmd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/chain"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/complete"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/group/transforms"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// pluginName stands for the plugin that made the groups, which they do not tell.
const pluginName = "pipe"

type options struct {
	flags      chain.Flags
	transforms []string
	topics     string
}

// New returns the command.
func New() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "pipe",
		Short: "Turn metrics groups on stdin into what would go to Kafka",
		Long: `Reads one metrics group (JSON) a line and writes the groups after the transforms as they would go to Kafka, one a
line. Each line is a batch of its own, in order; a counter that comes for the second time gets its rate.

A line that is no metrics group is reported on stderr and left out, and the exit code is 1 in the end. So is a value
that the Collector cannot carry. A --transform that cannot be read is reported and off. A group without metrics comes
out as it went in; in a Collector it would not be sent.`,
		Example: `  panoptes pipe --transform 'interface = rate:interface:octets_in,octets_out' < groups.jsonl
  panoptes tail --topic dc1-processed --json | panoptes pipe --explain --partitions 12`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.flags.Check(); err != nil {
				return err
			}
			if cmd.Flags().Changed("plugin-topics") && o.topics == "" {
				o.topics = "," // an empty option is not the same as none: its topic is "<site>-"
			}
			return o.run(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&o.transforms, "transform", nil, "a line of [transforms], `'LABEL = rate:TYPE:names'`; may be repeated")
	o.flags.Add(flags)
	complete.Flag(cmd, "rates", "int", "double")
	flags.StringVar(&o.topics, "plugin-topics", "", "with --explain: the plugin's [topics] processed, `'a, b'`")
	return cmd
}

// pipe is one run of the command.
type pipe struct {
	options
	chain   *chain.Chain
	decoder *panoptesjson.Decoder
	scope   pdata.Scope
	stderr  io.Writer
	buf     []byte
	failed  bool
}

func (o options) run(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	c, err := chain.New(ctx, o.flags.DoubleRates(), term.Logger(stderr, zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close(ctx)) }()
	p := &pipe{
		options: o, chain: c, decoder: panoptesjson.NewDecoder(panoptesjson.DecoderOptions{}),
		stderr: stderr,
	}
	p.scope = pdata.Scope{Plugin: pluginName, Transforms: p.goodTransforms(), Topics: o.topics}
	err = input.EachLine(stdin, stdout, func(out *bufio.Writer, number int, line []byte, err error) error {
		switch {
		case err != nil:
			p.complain(number, err)
		case len(bytes.TrimSpace(line)) > 0:
			return p.group(ctx, out, number, line)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if p.failed {
		return exit.ErrReported
	}
	return nil
}

// goodTransforms returns those of --transform that can be read, one a line, and reports the others.
func (p *pipe) goodTransforms() string {
	var good []string
	for text := range strings.SplitSeq(strings.Join(p.transforms, "\n"), "\n") {
		if _, errs := transforms.Parse(text); len(errs) > 0 {
			fmt.Fprintf(p.stderr, "panoptes: --transform %q is off: %s\n", text, term.Message(errors.Join(errs...).Error()))
			continue
		}
		good = append(good, text)
	}
	return strings.Join(good, "\n")
}

// group sends one line through. The error is not about the line.
func (p *pipe) group(ctx context.Context, out *bufio.Writer, number int, line []byte) error {
	var g pluginsdk.MetricsGroup
	err := p.decoder.Decode(line, &g)
	if !utf8.Valid(line) {
		err = errors.New("the text is no UTF-8")
	}
	if err != nil {
		p.complain(number, err)
		return nil
	}
	result, err := p.chain.Process(ctx, p.scope, []*pluginsdk.MetricsGroup{&g})
	if err != nil {
		return err
	}
	if losses := chain.Losses(result.Report, true); losses != "" {
		p.complain(number, fmt.Errorf("group %q: data points dropped: %s", g.Type, losses))
	}
	for _, g := range result.Groups {
		p.buf = p.flags.AppendGroup(p.buf[:0], g)
		if _, err := out.Write(p.buf); err != nil {
			return err
		}
	}
	return nil
}

func (p *pipe) complain(number int, err error) {
	p.failed = true
	fmt.Fprintf(p.stderr, "panoptes: line %d: %s\n", number, term.Message(err.Error()))
}
