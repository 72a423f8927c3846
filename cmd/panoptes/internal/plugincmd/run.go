// Package plugincmd is the commands panoptes plugin run and panoptes plugin list.
package plugincmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/chain"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/recording"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/wait"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/override"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/python"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Host is what a build of the command brings along.
type Host struct {
	Version string
	// GoPlugins are the Go plugins that are compiled in, by the NAME of go:NAME.
	GoPlugins map[string]pluginsdk.PollingPlugin
}

type runOptions struct {
	host       Host
	flags      chain.Flags
	resources  []string
	resourceID string
	times      int
	pause      time.Duration
	json, otlp bool
	expect     expectation
	record     string
	answers    answers
	collector  collector
}

// NewRun returns the command plugin run.
func NewRun(host Host) *cobra.Command {
	o := runOptions{host: host}
	cmd := &cobra.Command{
		Use:   "run FILE.panoptes-plugin [--resources FILE]",
		Short: "Run one plugin now",
		Long: `Runs one plugin now, against each resource of the files that matches its filter, through the code of the receiver, the
rate processor and the exporter. The key-value store and the state of rates live for the command: from the second run
on (--times 2) counters that [transforms] names have their rates.

The plugin's log lines and its failures, with their tracebacks, go to stderr. Where a run fails, where something of its
result has to be dropped, or where no resource matches, the exit code is 1; so it is where --expect finds other groups
than its file has.

A group without metrics is shown, but a Collector does not send it.

A plugin that discovers resources needs no --resources, and shows what it finds; one for enrichment shows what it would
store.`,
		Example: `  panoptes plugin run my.panoptes-plugin --resources resources.json --times 2
  panoptes plugin run my.panoptes-plugin --resources resources.json --resource router1 --json | jq .metrics
  panoptes plugin run my.panoptes-plugin --resources resources.json --explain --partitions 12
  panoptes plugin run my.panoptes-plugin --resources resources.json --expect golden.json
  panoptes plugin run my.panoptes-plugin --config collector.yaml --resource router1`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			// A second Ctrl-C ends the command at once.
			defer context.AfterFunc(ctx, stop)()
			return o.run(ctx, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&o.resources, "resources", nil, "a `FILE` of resources in the format of Panoptes' discovery; may be repeated")
	flags.StringVar(&o.resourceID, "resource", "", "run against the resource with this `ID` alone")
	flags.IntVar(&o.times, "times", 1, "the `NUMBER` of runs against each resource")
	flags.DurationVar(&o.pause, "pause", time.Second, "the time between two runs, as `30s`")
	flags.BoolVar(&o.json, "json", false, "print one metrics group a line, as it would go to Kafka")
	flags.BoolVar(&o.otlp, "otlp", false, "print the OTLP form (JSON), one line a run")
	o.flags.Add(flags)
	o.collector.add(flags, "overrides, context, Redis")
	flags.StringVar(&o.expect.path, "expect", "", "compare the groups of all runs with this `FILE`, without times and whatever their order")
	flags.BoolVar(&o.expect.update, "update", false, "write the file of --expect instead")
	o.answers.add(flags)
	flags.StringVar(&o.record, "record", "", "write all that the plugin saw and said to `FILE`, without secrets, for panoptes replay")
	cmd.MarkFlagsMutuallyExclusive("json", "otlp", "explain")
	return cmd
}

func (o *runOptions) check() error {
	if o.times < 1 {
		return exit.Misusef("--times must be at least 1, is %d", o.times)
	}
	if o.pause < 0 {
		return exit.Misusef("--pause must not be negative, is %s", o.pause)
	}
	return errors.Join(o.flags.Check(), o.expect.check())
}

func (o *runOptions) run(ctx context.Context, file string, stdout, stderr io.Writer) (err error) {
	if err := o.collector.read(ctx); err != nil {
		return err
	}
	p, err := o.open(file, stderr)
	if err != nil {
		return err
	}
	all, bad, err := o.collector.targets(ctx, o.resources, stderr)
	if err != nil {
		return err
	}
	settings := runtimes.Settings{
		Python:    python.Settings{PythonEnv: plugin.PythonEnv{Interpreter: o.collector.python, MaxWorkers: 1}},
		GoPlugins: o.host.GoPlugins,
		Host: runtimes.Host{
			Info: wire.HostInfo{Name: "panoptes", Version: o.host.Version}, Context: wire.Context{Sites: sites(all)},
			Logger: term.Logger(stderr, zapcore.DebugLevel),
		},
	}
	o.collector.apply(&settings)
	defer func() { err = errors.Join(err, wait.End(o.collector.close)) }()
	if err := o.answers.apply(ctx, &settings); err != nil {
		return err
	}
	record, err := o.recorder(p, &settings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, record.close()) }()
	runners, err := runtimes.New(settings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, wait.End(runners.Close)) }()
	if p, err = typed(ctx, runners, p, stderr); err != nil {
		return err
	}
	layered := o.collector.rules.For(p)
	chosen, err := o.choose(layered, all)
	if err != nil {
		return err
	}
	// Why there is no rate the table says itself.
	rates, err := chain.New(ctx, o.flags.DoubleRates() || o.forPeople(), settings.Host.Logger.WithOptions(zap.IncreaseLevel(zapcore.InfoLevel)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, wait.End(rates.Close)) }()

	s := &session{
		runner: runners, rates: rates, plugin: layered, times: o.times, stderr: stderr, failed: bad > 0,
		scope: p.Scope(),
		print: o.printer(stdout, stderr), expect: &o.expect, record: record,
	}
	if p.Type != plugin.TypePolling {
		s.print = foundPrinter{out: stdout, style: term.StyleOf(stdout), json: o.json}
	}
	s.print.plugin(p)
	if err := s.all(ctx, chosen, o.pause); err != nil {
		return err
	}
	if err := o.expect.verdict(); err != nil {
		return err
	}
	if s.failed {
		return exit.ErrReported
	}
	return nil
}

// recorder begins the recording that was asked for; nil where none was.
func (o *runOptions) recorder(p *plugin.Plugin, settings *runtimes.Settings) (*recorder, error) {
	if o.record == "" {
		return nil, nil
	}
	scrub := &recording.Scrubber{}
	if err := scrub.AddConfig(p.File.Config); err != nil {
		return nil, err
	}
	tape := recording.NewTape(scrub)
	settings.Host.Intercept = tape.Intercept
	settings.Host.Tap = tape.Pass
	head, err := headOf(p, o.host.Version, o.flags)
	if err != nil {
		return nil, err
	}
	return newRecorder(o.record, scrub, tape, head)
}

// open opens the plugin and makes sure that its runtime is there.
func (o *runOptions) open(file string, stderr io.Writer) (*plugin.Plugin, error) {
	p, warnings, err := plugin.Open(file, o.collector.options(file))
	for _, warning := range warnings {
		fmt.Fprintf(stderr, "panoptes: %s\n", warning)
	}
	switch {
	case errors.Is(err, plugin.ErrNotScheduled) && p != nil:
		fmt.Fprintf(stderr, "panoptes: %v; it is run this once\n", err)
	case err != nil:
		return nil, exit.Misuse(err)
	}
	switch p.Kind {
	case plugin.KindGo:
		if o.host.GoPlugins[p.Module] == nil {
			return nil, exit.Misusef("plugin %q is the Go plugin %q, which is compiled into a Collector and not into this command: "+
				"test it with the package pluginsdk/plugintest, or run it in a Collector", p.Name(), p.Module)
		}
	case plugin.KindPython:
		interpreter := cmp.Or(p.Python.Interpreter, o.collector.python)
		if info, err := os.Stat(interpreter); err == nil && info.IsDir() {
			break // a virtual environment
		}
		if _, err := exec.LookPath(interpreter); err != nil {
			return nil, exit.Misusef("plugin %q needs Python: %w; name the interpreter with --python", p.Name(), err)
		}
	}
	return p, nil
}

// typed is the plugin with its type. One that does not load is refused, as a Collector refuses it.
func typed(ctx context.Context, runners *run.Runner, p *plugin.Plugin, stderr io.Writer) (*plugin.Plugin, error) {
	loaded, err := runners.Load(ctx, p)
	if err == nil || ctx.Err() != nil {
		return loaded, err
	}
	fmt.Fprintf(stderr, "panoptes: a Collector does not take this plugin: %v\n", err)
	var raised *run.PluginError
	if errors.As(err, &raised) && raised.Traceback != "" {
		fmt.Fprintln(stderr, strings.TrimRight(raised.Traceback, "\n"))
	}
	return nil, exit.ErrReported
}

// noResource stands in for the resource of a discovery plugin.
var noResource = &pluginsdk.Resource{}

// choose returns the resources to run against.
func (o *runOptions) choose(layered *override.Plugin, all []*pluginsdk.Resource) ([]*pluginsdk.Resource, error) {
	p := layered.Base
	if p.Type == plugin.TypeDiscovery {
		return []*pluginsdk.Resource{noResource}, nil
	}
	if len(o.resources) == 0 && o.collector.cfg == nil {
		return nil, exit.Misusef(`required flag(s) "resources" not set`)
	}
	named := all
	if o.resourceID != "" {
		named = slices.DeleteFunc(slices.Clone(all), func(r *pluginsdk.Resource) bool { return r.ID != o.resourceID })
		if len(named) == 0 {
			return nil, fmt.Errorf("no resource of the %s has the id %q", o.origin(), o.resourceID)
		}
	}
	chosen := slices.DeleteFunc(slices.Clone(named), func(r *pluginsdk.Resource) bool { return !filterOf(layered, r).Match(r) })
	switch {
	case len(chosen) > 0:
		return chosen, nil
	case o.resourceID != "":
		clause, has := filterOf(layered, named[0]).Failing(named[0])
		if has != "" {
			clause += "; " + has
		}
		return nil, fmt.Errorf("resource %q does not match the filter of plugin %q: %s", o.resourceID, p.Name(), clause)
	case len(all) == 0:
		return nil, fmt.Errorf("the %s has no resource", o.origin())
	}
	return nil, fmt.Errorf("none of the %d resources matches the filter of plugin %q, which is: %s", len(all), p.Name(), p.Filter)
}

// origin names where resources come from.
func (o *runOptions) origin() string {
	if len(o.resources) == 0 {
		return "receiver"
	}
	return "files"
}

// filterOf is the filter that decides on a resource: the plugin file's, or an override's.
func filterOf(layered *override.Plugin, r *pluginsdk.Resource) *filter.Filter {
	p, _ := layered.Against(r)
	return p.Filter
}

func sites(all []*pluginsdk.Resource) []string {
	var names []string
	for _, r := range all {
		names = append(names, r.Site)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
