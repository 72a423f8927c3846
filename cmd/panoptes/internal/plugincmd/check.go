package plugincmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/shirou/gopsutil/v4/process"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/conformance"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/wait"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program"
	"github.com/panoptes-otel/panoptes-otel/internal/run/python"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
)

type checkOptions struct {
	host        Host
	resources   []string
	runs        int
	budget      time.Duration
	explain     bool
	json, junit bool
	collector   collector
	answers     answers
	warnings    warnings
}

// warnings are what is logged while plugins are loaded. It is safe for concurrent use.
type warnings struct {
	mu  sync.Mutex
	all []string
}

// logger returns a logger of which the warnings are kept.
func (w *warnings) logger() *zap.Logger {
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{}), zapcore.AddSync(io.Discard), zapcore.WarnLevel)
	return zap.New(core, zap.Hooks(func(e zapcore.Entry) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.all) < mostWarnings {
			w.all = append(w.all, e.Message)
		}
		return nil
	}))
}

// mostWarnings bounds what is kept.
const mostWarnings = 1000

// take returns what was kept, and forgets it.
func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.all
	w.all = nil
	return all
}

// NewCheck returns the command plugin check.
func NewCheck(host Host) *cobra.Command {
	o := checkOptions{host: host}
	cmd := &cobra.Command{
		Use:   "check PLUGIN...",
		Short: "Check that plugins are fit to be run in a Collector",
		Long: `Checks plugins. PLUGIN is a plugin file, a directory with any number of them there and below, or a script, which without a
plugin file is checked with the defaults of one. The checks are that the file parses, which resources it is run against, that
its module loads, and that a run gives groups that keep to the rules. Then the command plays a hostile host: odd Unicode, a
resource of a megabyte, input in small pieces, a clock that is set, runs at once, a run that is given up in its middle, and many
runs, with a look at the memory. For Prometheus it names labels and names that would collide there, and counters below zero.

It prints a verdict a line: pass, fail, warn for what works but hardly is meant, skip for what could not be checked. The
exit code is 1 where a check failed. The plugin does run, and against the devices that the resources name.`,
		Example: `  panoptes plugin check check.py
  panoptes plugin check my.panoptes-plugin --resources resources.json
  panoptes plugin check /etc/panoptes/plugins --resources resources.json --explain
  panoptes plugin check my.panoptes-plugin --config collector.yaml
  panoptes plugin check plugins --junit > report.xml`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			if cmd.Flags().Changed("runs") && o.runs < 1 {
				return exit.Misusef("--runs must be at least 1, is %d", o.runs)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			defer context.AfterFunc(ctx, stop)()
			return o.run(ctx, paths, cmd)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&o.resources, "resources", nil, "a `FILE` of resources in the format of Panoptes' discovery, - for stdin; may be repeated")
	flags.IntVar(&o.runs, "runs", 0, "the `NUMBER` of runs of the check many_runs (default 1000, or 10 where resources are given or discovered)")
	flags.DurationVar(&o.budget, "budget", 30*time.Second, "the time that the check many_runs may take")
	flags.BoolVar(&o.explain, "explain", false, "tell for each resource that does not match which clause of the filter fails")
	flags.BoolVar(&o.json, "json", false, "print one JSON object a check, a line each")
	flags.BoolVar(&o.junit, "junit", false, "print a report in the XML of JUnit")
	o.collector.add(flags, "context, Redis")
	o.answers.add(flags)
	cmd.MarkFlagsMutuallyExclusive("json", "junit")
	return cmd
}

func (o *checkOptions) run(ctx context.Context, paths []string, cmd *cobra.Command) (err error) {
	found, err := findPlugins(paths)
	if err != nil {
		return err
	}
	if err := o.collector.read(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, wait.End(o.collector.close)) }()
	all, bad, err := o.collector.targets(ctx, o.resources, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	out := o.reporter(cmd.OutOrStdout())
	good := bad == 0
	for _, one := range found {
		if one.text != "" {
			fmt.Fprint(cmd.ErrOrStderr(), one.tell())
		}
		out.begin(one.path)
		fine, err := conformance.Play(ctx, conformance.Settings{
			NewRunner: func(change func(*program.Settings)) (*run.Runner, error) { return o.newRunner(ctx, change) },
			Warnings:  o.warnings.take,
			Open:      func() (*plugin.Plugin, []string, error) { return one.open(o.collector.options(one.path)) },
			Resources: all,
			Runs:      o.runs,
			Budget:    o.budget,
			Memory:    heldMemory,
			Explain:   o.explain,
		}, out.check)
		if ctx.Err() != nil {
			return errInterrupted
		}
		if err != nil {
			return err
		}
		good = good && fine
	}
	if err := out.end(); err != nil {
		return err
	}
	if !good {
		return exit.ErrReported
	}
	return nil
}

func (o *checkOptions) newRunner(ctx context.Context, change func(*program.Settings)) (*run.Runner, error) {
	settings := runtimes.Settings{
		Python:    python.Settings{PythonEnv: plugin.PythonEnv{Interpreter: o.collector.python, MaxWorkers: 2}},
		GoPlugins: o.host.GoPlugins,
		Host: runtimes.Host{
			Info: wire.HostInfo{Name: "panoptes", Version: o.host.Version}, Context: wire.Context{Sites: []string{"check"}},
			Logger: o.warnings.logger(),
		},
	}
	o.collector.apply(&settings)
	if err := o.answers.apply(ctx, &settings); err != nil {
		return nil, err
	}
	if change != nil {
		change(&settings.Programs)
	}
	return runtimes.New(settings)
}

// heldMemory is the heap of this process, where Go plugins live, and the resident memory of all children.
func heldMemory() (int64, error) {
	self, err := process.NewProcess(int32(os.Getpid()))
	if err != nil {
		return 0, err
	}
	runtime.GC()
	var heap runtime.MemStats
	runtime.ReadMemStats(&heap)
	sum := int64(heap.HeapAlloc)
	waiting := []*process.Process{self}
	for len(waiting) > 0 {
		children, err := waiting[0].Children()
		if err != nil && !errors.Is(err, process.ErrorNoChildren) && !errors.Is(err, process.ErrorProcessNotRunning) {
			return 0, err
		}
		waiting = append(waiting[1:], children...)
		for _, child := range children {
			// A child may end while it is looked at.
			if memory, err := child.MemoryInfo(); err == nil {
				sum += int64(memory.RSS)
			}
		}
	}
	return sum, nil
}
