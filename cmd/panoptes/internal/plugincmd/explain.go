package plugincmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/complete"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/loading"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/statuscmd"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/wait"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/quote"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/run/python"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// explanation is one answer to why a plugin does not run, or that it does.
type explanation struct {
	options  runOptions
	resource string // "" for all
	client   statuscmd.Client
	out      io.Writer
	stderr   io.Writer
	style    term.Style
}

// NewExplain returns the command explain.
func NewExplain(host Host) *cobra.Command {
	e := explanation{options: runOptions{host: host}}
	cmd := &cobra.Command{
		Use:   "explain PLUGIN [RESOURCE]",
		Short: "Say why a Collector runs a plugin, or why it does not",
		Long: `Follows a plugin through a running Collector, which the extension panoptes_status tells (--url), or with --config through
the configuration of one. PLUGIN is the Name of the plugin or the path of its file; with the id of a RESOURCE the answer is
for that one. The exit code is 1 where the chain breaks; that line says what to do.

A running Collector tells the whole way: its file, whether it is loaded and scheduled, what the receiver's filter and the
plugin's leave of the resources, its tasks, their last runs and what these made, which of its transforms never matched, and
what the exporters panoptes_json and panoptes_influx did, or whether others took the data. What it cannot tell has a question mark.

With --config no plugin runs, and the way ends at the tasks: the plugin's file is found, parses, loads and has an interval; the
receiver's filter lets resources in, and the plugin's own filter matches some of them. The module is loaded, and HTTP servers
and Kafka are asked where the receiver takes resources from them.`,
		Example: `  panoptes explain Interfaces
  panoptes explain Interfaces sw1.example.com --url http://127.0.0.1:13150
  panoptes explain --config collector.yaml Interfaces
  panoptes explain --config collector.yaml Interfaces sw1.example.com`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				e.resource = args[1]
			}
			e.out, e.stderr, e.style = cmd.OutOrStdout(), cmd.ErrOrStderr(), term.StyleOf(cmd.OutOrStdout())
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			if len(e.options.collector.configs) == 0 {
				return e.ask(ctx, args[0])
			}
			if cmd.Flags().Changed("url") {
				return exit.Misusef("--url asks a running Collector, and --config its configuration: name one of them")
			}
			return e.run(ctx, args[0])
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&e.options.collector.configs, "config", nil, "the Collector's configuration `FILE`; may be repeated, later ones win")
	flags.StringVar(&e.options.collector.receiver, "receiver", "", "the `ID` of the receiver, where there are several")
	e.client.Add(flags)
	complete.PluginAndResource(cmd, func(cmd *cobra.Command) []cobra.Completion { return e.client.PluginNames(cmd.Context()) },
		func(cmd *cobra.Command) []cobra.Completion { return e.client.ResourceIDs(cmd.Context()) })
	return cmd
}

// ask asks a running Collector.
func (e *explanation) ask(ctx context.Context, name string) error {
	if err := e.client.Open(ctx); err != nil {
		return err
	}
	defer e.client.Close()
	chains, err := e.client.Chains(ctx, e.options.collector.receiver, name, e.resource)
	if err != nil {
		return err
	}
	if len(chains) == 0 {
		return fmt.Errorf("the Collector shows no receiver %s", cmp.Or(e.options.collector.receiver, "panoptes"))
	}
	if !statuscmd.PrintChains(e.out, chains) {
		return exit.ErrReported
	}
	return nil
}

func (e *explanation) run(ctx context.Context, name string) (err error) {
	c := &e.options.collector
	if err := c.read(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, wait.End(c.close)) }()
	p, err := e.find(name)
	if err != nil {
		return err
	}
	if p, err = e.load(ctx, p); err != nil {
		return err
	}
	layered := c.rules.For(p)
	if p.Interval <= 0 && !layered.Overridden() {
		return e.breaks("scheduled", "it has no interval", "write execute_frequency = SECONDS under [main] of "+p.File.Path)
	}
	e.holds("scheduled", "every %s, a run may take %s", p.Interval, p.Deadline)
	if p.Type == plugin.TypeDiscovery {
		e.holds("tasks", "one: the plugin discovers resources")
		return nil
	}
	admitted, err := e.admit(ctx)
	if err != nil {
		return err
	}
	matching, err := e.narrow("plugin's filter", admitted, func(r *pluginsdk.Resource) *filter.Filter { return filterOf(layered, r) },
		"change resource_filter under [main] of "+p.File.Path+", or the resources")
	if err != nil {
		return err
	}
	tasks := 0
	for _, r := range matching {
		if _, runs := layered.Against(r); runs {
			tasks++
		}
		if e.resource != "" {
			for _, line := range layered.Explain(r) {
				fmt.Fprintf(e.out, "     %s\n", term.Cell(line))
			}
		}
	}
	if tasks == 0 {
		return e.breaks("tasks", "none: it has an interval for none of them", "write execute_frequency = SECONDS under [main] of "+p.File.Path)
	}
	shared := ""
	if c.cfg.Sharding != nil {
		shared = ", shared between the Collectors of " + c.cfg.Sharding.String()
	}
	e.holds("tasks", "%d%s", tasks, shared)
	return nil
}

// holds says that the chain holds at a link.
func (e *explanation) holds(link, format string, args ...any) {
	fmt.Fprintf(e.out, "%s %s: %s\n", e.style.Paint(term.Green, "yes "), link, term.Cell(fmt.Sprintf(format, args...)))
}

// breaks says that the chain breaks at a link, and what to do.
func (e *explanation) breaks(link, why, next string) error {
	fmt.Fprintf(e.out, "%s %s: %s\n     next: %s\n", e.style.Paint(term.Red, "no  "), link, term.Cell(why), term.Cell(next))
	return exit.ErrReported
}

// load loads the module as a Collector would.
func (e *explanation) load(ctx context.Context, p *plugin.Plugin) (_ *plugin.Plugin, err error) {
	if p.Kind == plugin.KindGo && e.options.host.GoPlugins[p.Module] == nil {
		e.holds("loaded", "if the Collector has an extension that offers the Go plugin %q, which this command has not", p.Module)
		return p, nil
	}
	settings := runtimes.Settings{
		Python:    python.Settings{PythonEnv: plugin.PythonEnv{Interpreter: e.options.collector.python, MaxWorkers: 1}},
		GoPlugins: e.options.host.GoPlugins,
		Host: runtimes.Host{
			Info: wire.HostInfo{Name: "panoptes", Version: e.options.host.Version}, Logger: term.Logger(e.stderr, zapcore.WarnLevel),
		},
	}
	e.options.collector.apply(&settings)
	loader, err := loading.New(settings)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, loader.Close()) }()
	loaded, err := loader.Load(ctx, p)
	if err != nil {
		return nil, e.breaks("loaded", err.Error(), "correct "+p.Module+"; panoptes plugin check "+quote.Shell(p.File.Path)+" says more")
	}
	e.holds("loaded", "%s", loaded.Module)
	return loaded, nil
}

// admit returns the resources that the receiver's filter lets in.
func (e *explanation) admit(ctx context.Context) ([]*pluginsdk.Resource, error) {
	c := &e.options.collector
	text := c.cfg.Resources.Filter
	c.cfg.Resources.Filter = "" // to see what it leaves out
	all, bad, err := c.resources(ctx, e.stderr)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		said := "there is none"
		if bad > 0 {
			said += ", and " + logs.Count(bad, "source") + " failed, as said above"
		}
		return nil, e.breaks("resources", said, "see what the receiver has under resources; panoptes validate checks the files")
	}
	e.holds("resources", "%d", len(all))
	if e.resource != "" {
		all = slices.DeleteFunc(all, func(r *pluginsdk.Resource) bool { return r.ID != e.resource })
		if len(all) == 0 {
			return nil, e.breaks("resource", fmt.Sprintf("none has the id %q", e.resource), "panoptes resources list --config FILE shows the ids of all")
		}
	}
	if text == "" {
		e.holds("receiver's filter", "there is none, all are let in")
		return all, nil
	}
	parsed, err := filter.Parse(text)
	if err != nil {
		return nil, exit.Misusef("resources::filter: %w", err)
	}
	return e.narrow("receiver's filter", all, func(*pluginsdk.Resource) *filter.Filter { return parsed },
		"change resources::filter of the receiver, or the resources")
}

// narrow returns the resources that match, and says which clause leaves out most of the others.
func (e *explanation) narrow(link string, all []*pluginsdk.Resource, of func(*pluginsdk.Resource) *filter.Filter, next string) ([]*pluginsdk.Resource, error) {
	var matching []*pluginsdk.Resource
	var tally filter.Tally
	for _, r := range all {
		if tally.Match(of(r), r) {
			matching = append(matching, r)
		}
	}
	if len(matching) == 0 {
		return nil, e.breaks(link, tally.String(), next)
	}
	e.holds(link, "%s", tally.String())
	return matching, nil
}
