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
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/chain"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/complete"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/recording"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/wait"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/python"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
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
	endpoints  []string
	resourceID string
	site       string // of resourceID, "" for all
	watch      bool
	told       string // the plugin file that was made for a script, once it was shown
	style      term.Style
	times      int
	pause      time.Duration
	json, otlp bool
	expect     expectation
	record     string
	answers    answers
	collector  collector
	// heard is told what devices answer by SNMP, and community is what they are asked with; both may be nothing.
	heard     func(*engine.Target, *engine.Request, *engine.Result)
	community engine.Secret
}

// NewRun returns the command plugin run.
func NewRun(host Host) *cobra.Command {
	o := runOptions{host: host}
	cmd := &cobra.Command{
		Use:   "run PLUGIN [--resources FILE | --endpoint HOST]",
		Short: "Run one plugin now",
		Long: `Runs one plugin now, against each resource of the files that matches its filter, through the code of the receiver, the
rate processor and the exporter. PLUGIN is a plugin file, a folder with one, or a script; a script without a plugin file is
run with the defaults of one, which are shown. --endpoint needs no file: it makes up a resource that the plugin's filter takes.
Without either, the file resources.json (or .yaml, .csv) beside the plugin file counts.

The key-value store and the state of rates live for the command: from the second run
on (--times 2) counters that [transforms] names have their rates. Against more than three resources the plugin runs several at
once, and each run is a line; --resource ID shows all of one. --watch runs it again whenever a file of its folder is saved, and
shows what differs.

The plugin's log lines and its failures, with their tracebacks, go to stderr. Where a run fails, where something of its
result has to be dropped, or where no resource matches, the exit code is 1; so it is where --expect finds other groups
than its file has.

A group without metrics is shown, but a Collector does not send it.

A plugin that discovers resources needs no --resources, and shows what it finds; one for enrichment shows what it would
store.`,
		Example: `  panoptes plugin run check.py --endpoint router1.example.com --watch
  panoptes plugin run my.panoptes-plugin --resources resources.json --times 2
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
			o.style = term.StyleOf(cmd.OutOrStdout())
			if o.watch {
				return watch(ctx, o, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
			}
			return o.run(ctx, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&o.resources, "resources", nil, "a `FILE` of resources in the format of Panoptes' discovery, - for stdin; may be repeated")
	flags.StringArrayVar(&o.endpoints, "endpoint", nil, "run against this `HOST`, as a resource that is made up; may be repeated")
	flags.BoolVar(&o.watch, "watch", false, "run again at each save, and show what differs; ends with Ctrl-C")
	flags.StringVar(&o.resourceID, "resource", "", "run against the resource with this `ID` alone")
	flags.StringVar(&o.site, "site", "", "with --resource: the `SITE` of it, where several sites have its ID")
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
	cmd.MarkFlagsMutuallyExclusive("endpoint", "resources")
	cmd.MarkFlagsMutuallyExclusive("endpoint", "resource")
	for _, other := range []string{"record", "expect"} {
		cmd.MarkFlagsMutuallyExclusive("watch", other)
	}
	complete.Resources(cmd, "resource")
	complete.Flag(cmd, "rates", "int", "double")
	return cmd
}

func (o *runOptions) check() error {
	if o.times < 1 {
		return exit.Misusef("--times must be at least 1, is %d", o.times)
	}
	if o.pause < 0 {
		return exit.Misusef("--pause must not be negative, is %s", o.pause)
	}
	if i := slices.IndexFunc(o.resources, input.Once); i >= 0 && o.watch {
		return exit.Misusef("--watch reads the resources again, and %s can be read once: name a file", o.resources[i])
	}
	if o.site != "" && o.resourceID == "" {
		return exit.Misusef("--site goes with --resource")
	}
	return errors.Join(o.flags.Check(), o.expect.check())
}

func (o *runOptions) run(ctx context.Context, file string, stdout, stderr io.Writer) (err error) {
	if err := o.collector.read(ctx); err != nil {
		return err
	}
	shown := newProgress(stderr)
	stderr = shown
	defer shown.end()
	p, found, err := o.open(file, stderr)
	if err != nil {
		return err
	}
	all, bad, err := o.targets(ctx, p, stderr)
	if err != nil {
		return err
	}
	var several atomic.Bool
	known := &hostapi.Resources{}
	known.Set(all)
	settings := runtimes.Settings{
		Python:    python.Settings{PythonEnv: plugin.PythonEnv{Interpreter: o.collector.python, MaxWorkers: o.atOnce(len(all))}},
		GoPlugins: o.host.GoPlugins,
		Host: runtimes.Host{
			Info: wire.HostInfo{Name: "panoptes", Version: o.host.Version}, Context: wire.Context{Sites: sites(all)}, Resources: known,
			Logger: term.Logger(stderr, zapcore.DebugLevel).WithOptions(zap.WrapCore(withoutFailures(&several))),
		},
	}
	o.collector.apply(&settings)
	defer func() { err = errors.Join(err, wait.End(o.collector.close)) }()
	if err := o.answers.apply(ctx, &settings); err != nil {
		return err
	}
	if settings.Host.SNMP.Heard = o.heard; o.community != "" {
		settings.Host.SNMP.Rules, settings.Host.SNMP.CommunityKey, settings.Host.SNMP.Community = nil, "", o.community
	}
	record, err := o.recorder(ctx, p, found, &settings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, record.close()) }()
	runners, err := runtimes.New(settings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, wait.End(runners.Close)) }()
	if o.forPeople() {
		stdout = cleaning{stdout, runners.Clean}
	}
	if p, err = typed(ctx, runners, p, stderr); err != nil {
		return err
	}
	layered := o.collector.rules.For(p)
	chosen, err := o.choose(ctx, layered, all, stderr)
	if err != nil {
		return err
	}
	several.Store(len(chosen) > 1)
	// Why there is no rate the table says itself.
	rates, err := chain.New(ctx, o.flags.DoubleRates() || o.forPeople(), settings.Host.Logger.WithOptions(zap.IncreaseLevel(zapcore.InfoLevel)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, wait.End(rates.Close)) }()

	s := &session{
		runner: runners, rates: rates, plugin: layered, times: o.times, stderr: stderr, failed: bad > 0,
		scope: p.Scope(), atOnce: o.atOnce(len(chosen)), progress: shown,
		print: o.printer(stdout, stderr), expect: &o.expect, record: record,
	}
	if len(chosen) > fullResources && o.forPeople() && p.Type == plugin.TypePolling {
		s.summary = newSummary(stdout, stderr, o.style)
	}
	if p.Type != plugin.TypePolling {
		s.print = foundPrinter{out: stdout, style: o.style, json: o.json}
	}
	s.print.plugin(p)
	if err := s.all(ctx, chosen, o.pause); err != nil {
		return err
	}
	if err := o.expect.verdict(ctx); err != nil {
		return err
	}
	if s.failed {
		return exit.ErrReported
	}
	return nil
}

// atOnce is how many runs there are at once, against a number of resources: one where they are recorded, in order.
func (o *runOptions) atOnce(resources int) int {
	const most = 8
	if o.record != "" || resources <= fullResources {
		return 1
	}
	return most
}

// recorder begins the recording that was asked for; nil where none was.
func (o *runOptions) recorder(ctx context.Context, p *plugin.Plugin, from describedPlugin, settings *runtimes.Settings) (*recorder, error) {
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
	settings.Host.Scrubber = &scrub.Scrubber
	text, err := from.contents(ctx)
	if err != nil {
		return nil, err
	}
	return newRecorder(ctx, o.record, scrub, tape, headOf(p, text, o.host.Version, o.flags))
}

// open opens the plugin and makes sure that its runtime is there. It returns its plugin file, too.
func (o *runOptions) open(path string, stderr io.Writer) (p *plugin.Plugin, found describedPlugin, err error) {
	if found, err = findPlugin(path); err != nil {
		return nil, found, err
	}
	p, warnings, err := found.open(o.collector.options(found.path))
	for _, warning := range warnings {
		fmt.Fprintf(stderr, "panoptes: %s\n", term.Message(warning))
	}
	switch {
	case errors.Is(err, plugin.ErrNotScheduled) && p != nil:
		fmt.Fprintf(stderr, "panoptes: %s; it is run this once\n", term.Message(err.Error()))
	case errors.Is(err, plugin.ErrPinned):
		fmt.Fprintf(stderr, "panoptes: a Collector does not take this plugin: %s: correct plugins::pins, or, to try another version, leave --config out\n",
			term.Message(err.Error()))
		return nil, found, exit.ErrReported
	case err != nil:
		return nil, found, exit.Misuse(err)
	}
	if found.text != o.told {
		fmt.Fprint(stderr, found.tell())
		o.told = found.text
	}
	return p, found, o.checkRuntime(p)
}

// checkRuntime makes sure that what runs the plugin is there.
func (o *runOptions) checkRuntime(p *plugin.Plugin) error {
	switch p.Kind {
	case plugin.KindGo:
		if o.host.GoPlugins[p.Module] == nil {
			return exit.Misusef("plugin %q is the Go plugin %q, which is compiled into a Collector and not into this command: "+
				"test it with the package pluginsdk/plugintest, or run it in a Collector", p.Name(), p.Module)
		}
	case plugin.KindPython:
		interpreter := cmp.Or(p.Python.Interpreter, o.collector.python)
		if info, err := os.Stat(interpreter); err == nil && info.IsDir() {
			break // a virtual environment
		}
		if _, err := exec.LookPath(interpreter); err != nil {
			return exit.Misusef("plugin %q needs Python: %w; name the interpreter with --python", p.Name(), err)
		}
	}
	return nil
}

// typed is the plugin with its type. One that does not load is refused, as a Collector refuses it.
func typed(ctx context.Context, runners *run.Runner, p *plugin.Plugin, stderr io.Writer) (*plugin.Plugin, error) {
	loaded, err := runners.Load(ctx, p)
	if err == nil || ctx.Err() != nil {
		return loaded, err
	}
	fmt.Fprintf(stderr, "panoptes: a Collector does not take this plugin: %s\n", term.Message(err.Error()))
	var raised *run.PluginError
	if errors.As(err, &raised) && raised.Traceback != "" {
		fmt.Fprintln(stderr, term.Block(raised.Traceback))
	}
	return nil, exit.ErrReported
}
