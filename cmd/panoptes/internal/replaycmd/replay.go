// Package replaycmd is the command panoptes replay.
package replaycmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/chain"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/recording"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/wait"
	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

type options struct {
	plugin, python string
}

// New returns the command replay.
func New(version string) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "replay RECORDING",
		Short: "Play a recording of plugin run again, and compare",
		Long: `Plays what "panoptes plugin run --record FILE" wrote.

Without --plugin what the plugin said, in the protocol or on stdout, is read and validated once more, and the groups go through
the rate processor and the exporter's mapping; all of it has to come out as the very same bytes. That needs neither the
plugin nor the device.

With --plugin the plugin is run again, with the resources, the configuration and the clock of the recording and its answers to
what the plugin asks of its host (key-value store, SNMP, enrichment; secrets are placeholders). Its groups have to be those
of the recording, whatever their order. Times are compared as well, except for programs that look at a clock of their own. What
the plugin asks of others, such as an HTTP server, it asks them again.

The exit code is 1 where something differs. stdout has the groups as they would go to Kafka, one a line.`,
		Example: `  panoptes plugin run my.panoptes-plugin --resources resources.json --times 2 --record bug.jsonl
  panoptes replay bug.jsonl
  panoptes replay bug.jsonl --plugin my.panoptes-plugin`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			defer context.AfterFunc(ctx, stop)()
			return o.run(ctx, args[0], version, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&o.plugin, "plugin", "", "run the plugin of this `FILE` again")
	cmd.Flags().StringVar(&o.python, "python", runtimes.DefaultInterpreter, "the Python `INTERPRETER`, 3.8 or newer")
	return cmd
}

func (o *options) run(ctx context.Context, path, version string, stdout, stderr io.Writer) (err error) {
	file, err := input.Open(ctx, path)
	if err != nil {
		return err
	}
	defer file.Close()
	in, err := recording.NewReader(file)
	if err != nil {
		return exit.Misuse(fmt.Errorf("%s: %w", path, err))
	}
	logger := term.Logger(stderr, zapcore.DebugLevel)
	rates, err := chain.New(ctx, in.Head.DoubleRates, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, wait.End(rates.Close)) }()
	p := &player{
		rates: rates, stdout: stdout, stderr: stderr,
		scope: pdata.Scope{
			Plugin: in.Head.Plugin.NormalizedName, Transforms: in.Head.Plugin.Transforms, Topics: in.Head.Plugin.Topics,
		},
	}
	if err := p.recorded(in.Head); err != nil {
		return exit.Misuse(fmt.Errorf("%s: %w", path, err))
	}
	if o.plugin != "" {
		if err := p.open(o, version, in.Head, logger); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, wait.End(p.runner.Close)) }()
	}
	return p.all(ctx, in)
}

// player plays the runs of a recording.
type player struct {
	rates          *chain.Chain
	scope          pdata.Scope
	stdout, stderr io.Writer
	differs        bool

	// file is the plugin file of the recording, described what the plugin said of itself; nil in recordings that have
	// none.
	file      *pluginfile.File
	kind      plugin.Kind
	described json.RawMessage

	// What follows is set where the plugin is run again.
	runner *run.Runner
	plugin *plugin.Plugin
	host   recording.Player
}

func (p *player) all(ctx context.Context, in *recording.Reader) error {
	for n := 1; ; n++ {
		r, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return exit.Misuse(err)
		}
		if err := p.one(ctx, n, r); err != nil {
			return fmt.Errorf("run %d: %w", n, err)
		}
	}
	if p.differs {
		return exit.ErrReported
	}
	return nil
}

func (p *player) one(ctx context.Context, n int, r *recording.Run) error {
	groups, err := decode(r.Groups)
	if err != nil {
		return exit.Misuse(err)
	}
	if p.runner != nil {
		err = p.again(ctx, n, r)
	} else {
		err = p.judge(n, r)
	}
	if err != nil {
		return err
	}
	lines, err := p.output(ctx, groups)
	if err != nil {
		return err
	}
	for i := range max(len(lines), len(r.Output)) {
		switch {
		case i >= len(lines):
			p.different("run %d: line %d does not come out any more: %s", n, i+1, r.Output[i])
		case i >= len(r.Output):
			p.different("run %d: line %d is not in the recording: %s", n, i+1, lines[i])
		case lines[i] != r.Output[i]:
			p.different("run %d: line %d is\n%s\nin the recording it is\n%s", n, i+1, lines[i], r.Output[i])
		}
	}
	return nil
}

// output sends groups on and prints what would go to Kafka.
func (p *player) output(ctx context.Context, groups []*pluginsdk.MetricsGroup) ([]string, error) {
	result, err := p.rates.Process(ctx, p.scope, groups)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, g := range result.Groups {
		lines = append(lines, string(g.AppendJSON(nil)))
		fmt.Fprintln(p.stdout, lines[len(lines)-1])
	}
	return lines, nil
}

func (p *player) different(format string, args ...any) {
	p.differs = true
	fmt.Fprintf(p.stderr, "panoptes: %s\n", term.Message(fmt.Sprintf(format, args...)))
}

func decode(texts []json.RawMessage) ([]*pluginsdk.MetricsGroup, error) {
	var groups []*pluginsdk.MetricsGroup
	d := panoptesjson.NewDecoder(panoptesjson.DecoderOptions{})
	for i, text := range texts {
		g := &pluginsdk.MetricsGroup{}
		if err := d.Decode(text, g); err != nil {
			return nil, fmt.Errorf("group %d of the recording: %w", i+1, err)
		}
		groups = append(groups, g)
	}
	return groups, nil
}
