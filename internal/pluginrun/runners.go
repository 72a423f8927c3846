package pluginrun

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Defaults of Settings.
const (
	// DefaultInterpreter is found in PATH.
	DefaultInterpreter = "python3"
	// DefaultMaxWorkers is the number of Python processes a receiver may have at once.
	DefaultMaxWorkers = 8
	// DefaultMaxRuns is after how many runs a Python worker is replaced.
	DefaultMaxRuns = 10_000
	// DefaultMaxMemory is by how many bytes a Python worker may grow before it is replaced.
	DefaultMaxMemory = 256 << 20
	// DefaultMaxExec is the most children of exec plugins at once.
	DefaultMaxExec = 32
	// DefaultPerPlugin is the most processes of one process plugin.
	DefaultPerPlugin = 4
	// DefaultMaxResultBytes bounds one message of a worker.
	DefaultMaxResultBytes = 16 << 20
	// DefaultMaxGroups bounds the groups of one run.
	DefaultMaxGroups = 100_000
)

// Runner runs plugins. All methods are safe for concurrent use.
type Runner interface {
	// Check loads the plugin without running it, and returns it with its type: the error says why its module cannot be
	// loaded, or what it lacks.
	Check(ctx context.Context, p *Plugin) (*Plugin, error)
	// Run runs a plugin against a resource and returns when the run has ended, at the latest at the plugin's deadline
	// (which starts when a worker is free) or when ctx is done. The caller sees to it that no two runs of one plugin
	// and resource overlap.
	Run(ctx context.Context, req Request) Result
	// Busy says whether an earlier run of p against r was given up at its deadline and is still going on, which only
	// Go plugins can do. A run asked for meanwhile ends at once as OutcomeBusy.
	Busy(p *Plugin, r *pluginsdk.Resource) bool
	// Shutdown ends all runs and all processes and returns when they are gone or ctx is done. It may be called twice.
	Shutdown(ctx context.Context) error
}

// Settings are what New takes.
type Settings struct {
	// Logger takes the log lines of plugins and workers; nil logs nothing.
	Logger *zap.Logger
	// Host is what plugins are told about who runs them.
	Host HostInfo
	// Python configures the Python workers.
	Python PythonSettings
	// Processes configures the processes of process and exec plugins.
	Processes ProcessSettings
	// GoPlugins are the compiled-in plugins by the NAME of go:NAME.
	GoPlugins map[string]pluginsdk.PollingPlugin
	// KV is the store that plugins share; nil gives them one in memory.
	KV pluginsdk.KeyValueStore
	// Secrets is where plugins find secrets; nil gives them none. What they were given is taken out of their log lines and
	// of the errors of their runs.
	Secrets pluginsdk.SecretsStore
	// Context is what Panoptes kept in panoptes.ini for plugins to see.
	Context Context
	// Limits bound what one run may return.
	Limits Limits
	// Heard says that requests ask for the lines of their runs: then plugins are to send them from info on, although the
	// Logger takes fewer.
	Heard bool
	// Intercept sees, and may answer, the calls that plugins make of their host; nil lets the host answer.
	Intercept Intercept
	// Tap is told what passes between host and plugins; nil tells nobody.
	Tap Tap
	// Recycled is told of each Python worker that is replaced though nothing went wrong, and why: one of RecycleReasons.
	// nil tells nobody.
	Recycled func(reason string)
	// Restarted is told of each process of a Python worker or a process plugin that something went wrong with, so that
	// another one takes its place when a run wants it, and what: one of the RestartReasons. nil tells nobody.
	Restarted func(kind Kind, reason string)
	// Hidden are texts that are taken out of log lines and errors as secrets are: what Context has that nobody should read.
	Hidden []string

	faults *logs.Digest // tells of lines that are no messages; nil tells of each
}

// Reasons to replace a Python worker: a closed list, as it is an attribute of metrics.
const (
	RecycleRuns        = "runs"
	RecycleMemory      = "memory"
	RecycleEnvironment = "environment"
)

// What went wrong with a process: a closed list, as it is an attribute of metrics.
const (
	// RestartCrashed: it ended by itself.
	RestartCrashed = "crashed"
	// RestartTimeout: it was ended since a run in it went past its deadline.
	RestartTimeout = "timeout"
	// RestartProtocol: it was ended since it did not keep to the plugin protocol.
	RestartProtocol = "protocol"
)

// RestartReasons are all of them.
var RestartReasons = []string{RestartCrashed, RestartTimeout, RestartProtocol}

func (s *Settings) restarted(kind Kind, why string) {
	if s.Restarted != nil && why != "" {
		s.Restarted(kind, why)
	}
}

func (s *Settings) recycled(why string) {
	if s.Recycled != nil {
		s.Recycled(why)
	}
}

// HostInfo names the program that runs plugins.
type HostInfo struct{ Name, Version string }

// PythonSettings configure the Python workers.
type PythonSettings struct {
	PythonEnv
	// RuntimeDir is where the embedded Python package is written to; "" keeps it in memory, where the system can, and
	// else in a temporary directory that goes at Shutdown.
	RuntimeDir string
}

// PythonEnv is what Python plugins run in. Plugins with an equal one share its workers.
type PythonEnv struct {
	// Interpreter is a path, a name that is looked up in PATH, or the folder of a virtual environment (default python3).
	// Python 3.8 or later.
	Interpreter string
	// MaxWorkers is the most processes at once (default 8); they are started as they are needed.
	MaxWorkers int
	// MaxRuns is after how many runs a worker is replaced (default 10,000).
	MaxRuns int
	// MaxMemory is by how many bytes a worker may grow before it is replaced (default 256 MiB). A run that wants more
	// than twice of it at once is refused the memory, where the system can.
	MaxMemory int64
}

// or is e with what is not set taken from other.
func (e PythonEnv) or(other PythonEnv) PythonEnv {
	setDefault(&e.Interpreter, other.Interpreter)
	setDefault(&e.MaxWorkers, other.MaxWorkers)
	setDefault(&e.MaxRuns, other.MaxRuns)
	setDefault(&e.MaxMemory, other.MaxMemory)
	return e
}

// Context is what all plugins see beside their own configuration.
type Context struct {
	Sites []string
	SNMP  map[string]any
	X509  map[string]any
}

// Limits bound what one run may return; a zero takes the default.
type Limits struct {
	// ResultBytes is the most bytes one message of a worker may have (default 16 MiB).
	ResultBytes int
	// Groups is the most metrics groups a run may return (default 100,000); the rest is dropped.
	Groups int
}

// Runners runs plugins of every kind.
type Runners struct {
	settings Settings
	byKind   map[Kind]Runner
	ids      atomic.Int64   // of runs
	secrets  *logs.Scrubber // knows those that plugins were given
}

var _ Runner = (*Runners)(nil)

// New returns the runners for the given settings. It starts no process and opens no file: that waits for the first
// run. Call Shutdown when done.
func New(s Settings) (*Runners, error) {
	s, err := s.withDefaults()
	if err != nil {
		return nil, err
	}
	secrets := &logs.Scrubber{}
	s.Secrets = secrets.Store(s.Secrets)
	for _, text := range s.Hidden {
		secrets.Add(text)
	}
	s.faults = logs.NewDigest()
	return &Runners{
		settings: s,
		secrets:  secrets,
		byKind: map[Kind]Runner{
			KindGo: newGoRunner(s), KindPython: newPythonRunner(s), KindProcess: newProcessRunner(s), KindExec: newExecRunner(s),
		},
	}, nil
}

func (s Settings) withDefaults() (Settings, error) {
	if s.Python.MaxWorkers < 0 || s.Python.MaxRuns < 0 || s.Python.MaxMemory < 0 {
		return s, errors.New("limits of Python workers must be greater than zero")
	}
	if s.Limits.ResultBytes < 0 || s.Limits.Groups < 0 {
		return s, errors.New("limits of results must be greater than zero")
	}
	setDefault(&s.Logger, zap.NewNop())
	setDefault(&s.Host, HostInfo{Name: "panoptes"})
	s.Python.PythonEnv = s.Python.or(PythonEnv{
		Interpreter: DefaultInterpreter, MaxWorkers: DefaultMaxWorkers, MaxRuns: DefaultMaxRuns, MaxMemory: DefaultMaxMemory,
	})
	setDefault(&s.Processes.MaxExec, DefaultMaxExec)
	setDefault(&s.Processes.PerPlugin, DefaultPerPlugin)
	if err := s.Processes.Hardening.Supported(); err != nil {
		return s, fmt.Errorf("processes: %w", err)
	}
	setDefault(&s.Limits.ResultBytes, DefaultMaxResultBytes)
	setDefault(&s.Limits.Groups, DefaultMaxGroups)
	if s.KV == nil {
		s.KV = kv.NewStore(kv.Options{}).Namespace(kv.PluginsNamespace)
	}
	if s.Secrets == nil {
		s.Secrets = kv.NoSecrets{}
	}
	return s, nil
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// Check implements Runner.
func (r *Runners) Check(ctx context.Context, p *Plugin) (*Plugin, error) {
	runner, err := r.of(p)
	if err != nil {
		return nil, err
	}
	return runner.Check(ctx, p)
}

// Run implements Runner.
func (r *Runners) Run(ctx context.Context, req Request) Result {
	runner, err := r.of(req.Plugin)
	if err != nil {
		return Result{Outcome: OutcomeRejected, Err: err}
	}
	req.id, req.secrets = r.ids.Add(1), r.secrets
	result := runner.Run(ctx, req)
	result.RunID = req.id
	req.enforce(&result)
	withoutSecrets(r.secrets, &result)
	return result
}

// Busy implements Runner.
func (r *Runners) Busy(p *Plugin, res *pluginsdk.Resource) bool {
	runner, err := r.of(p)
	return err == nil && runner.Busy(p, res)
}

// Shutdown implements Runner.
func (r *Runners) Shutdown(ctx context.Context) error {
	var errs []error
	for _, k := range []Kind{KindPython, KindProcess, KindExec, KindGo} {
		errs = append(errs, r.byKind[k].Shutdown(ctx))
	}
	r.settings.faults.Stop()
	return errors.Join(errs...)
}

// Retire tells that no further run of p is to come, since another version has taken its place or it is gone: what is
// kept for it may go.
func (r *Runners) Retire(p *Plugin) {
	if runner, ok := r.byKind[p.Kind].(interface{ Retire(*Plugin) }); ok {
		runner.Retire(p)
	}
}

// Concurrency is the most runs of p that can be under way at once, as far as it is known; 0 is no limit of the plugin's.
func (r *Runners) Concurrency(p *Plugin) int {
	if runner, ok := r.byKind[p.Kind].(interface{ Concurrency(*Plugin) int }); ok {
		return runner.Concurrency(p)
	}
	return 0
}

func (r *Runners) of(p *Plugin) (Runner, error) {
	if runner := r.byKind[p.Kind]; runner != nil {
		return runner, nil
	}
	return nil, fmt.Errorf("plugin %q: there is no runtime %q", p.Name(), p.Kind)
}
