// Package runtimes joins all runtimes of plugins behind one run.Runner. It is the only package that knows them all: a
// further runtime is a folder of its own and a line in New.
package runtimes

import (
	"cmp"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/compiled"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program"
	"github.com/panoptes-otel/panoptes-otel/internal/run/python"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/devices"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/service"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
	"github.com/panoptes-otel/panoptes-otel/internal/run/workers"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Defaults of Settings.
const (
	// DefaultInterpreter is found in PATH.
	DefaultInterpreter = "python3"
	// DefaultMaxRuns is after how many runs a Python worker is replaced.
	DefaultMaxRuns = 10_000
	// DefaultMaxMemory is by how many bytes a Python worker may grow before it is replaced.
	DefaultMaxMemory = 256 << 20
	// DefaultMaxExec is the most children of exec plugins at once.
	DefaultMaxExec = 32
	// DefaultPerPlugin is the most processes of one process plugin.
	DefaultPerPlugin = 4
	// DefaultMaxResultBytes limits one message of a process.
	DefaultMaxResultBytes = 16 << 20
	// DefaultMaxGroups limits the groups of one run.
	DefaultMaxGroups = 100_000
)

// Settings are what New takes; a zero takes the default.
type Settings struct {
	// Python and Programs configure processes.
	Python   python.Settings
	Programs program.Settings
	// GoPlugins are the compiled-in plugins by the NAME of go:NAME.
	GoPlugins map[string]pluginsdk.PollingPlugin
	Limits    run.Limits
	Host      Host
}

// Host is what plugins see and use of who runs them, and what listens to them.
type Host struct {
	// Info is what plugins are told about who runs them, Context what Panoptes kept in panoptes.ini.
	Info    wire.HostInfo
	Context wire.Context
	// Logger takes the log lines of plugins and processes; nil logs nothing.
	Logger *zap.Logger
	// Heard says that requests ask for the lines of their runs: then plugins are to send them from info on, although the
	// Logger takes fewer.
	Heard bool
	// KV is the store that plugins share; nil gives them one in memory. Enrichment lies in it, unless Enrichment says where.
	KV         pluginsdk.KeyValueStore
	Enrichment hostapi.Enrichment
	// Own gives the stores of namespaces that plugins have of their own; nil keeps their keys in KV.
	Own func(namespace string) pluginsdk.KeyValueStore
	// Resources are those that plugins can read besides that of their run; nil has none.
	Resources *hostapi.Resources
	// Secrets is where plugins find secrets; nil gives them none. What they were given is taken out of their log lines and
	// of the errors of their runs, and so are the texts of Hidden.
	Secrets hostapi.SecretsStore
	Hidden  []string
	// Scrubber is told all these; nil takes one that nobody else has.
	Scrubber *logs.Scrubber
	// SNMP says how devices are asked for plugins, and Engine asks them; nil takes one that is closed with the Runner.
	SNMP   devices.Settings
	Engine *engine.Engine
	// Intercept sees, and may answer, the calls that plugins make of their host; nil lets the host answer.
	Intercept hostapi.Intercept
	// Tap is told what passes between host and plugins; nil tells nobody.
	Tap wire.Tap
	// Restarted is told of each process that something went wrong with, Recycled of each that is replaced though nothing
	// did, and why: one of the reasons of the package workers. nil tells nobody.
	Restarted func(kind plugin.Kind, reason string)
	Recycled  func(reason string)
}

// New returns a Runner of all runtimes. It starts no process and opens no file: that waits for the first run. Call Close
// when done.
func New(s Settings) (*run.Runner, error) {
	if err := s.setDefaults(); err != nil {
		return nil, err
	}
	h := s.Host
	scrubber := cmp.Or(h.Scrubber, &logs.Scrubber{})
	for _, text := range h.Hidden {
		if err := scrubber.Add(text); err != nil {
			return nil, err
		}
	}
	secrets := hostapi.KnownSecrets{Store: h.Secrets, Scrubber: scrubber}
	hello := wire.Hello{Host: h.Info, LogLevel: runlog.Level(h.Logger, h.Heard), Context: h.Context}
	digest, budget := logs.NewDigest(), runlog.NewBudget()
	closing := digest.Stop
	if h.Engine == nil {
		var err error
		if h.Engine, err = engine.New(engine.Options{}); err != nil {
			return nil, err
		}
		closing = func() {
			_ = h.Engine.Close() // of sockets that nobody waits for
			digest.Stop()
		}
	}
	asked := devices.New(h.SNMP, h.Engine, secrets)
	calls := service.New(asked)
	native := snmp.New(snmp.Settings{
		Devices: asked, KV: h.KV, Enrichment: h.Enrichment, X509: h.Context.X509, Logger: h.Logger, Budget: budget,
	})
	processes := func(kind plugin.Kind) workers.Host {
		return workers.Host{
			Logger: h.Logger, Digest: digest, Budget: budget, Tap: h.Tap, MaxLine: s.Limits.ResultBytes,
			Calls: hostapi.NewTable(h.Intercept,
				hostapi.KV{Store: h.KV, Own: h.Own}, hostapi.Secrets{Store: secrets}, h.Enrichment, h.Resources, calls, native),
			Restarted: func(reason string) { h.Restarted(kind, reason) }, Recycled: h.Recycled,
		}
	}
	return run.NewRunner(map[plugin.Kind]run.Runtime{
		plugin.KindGo: &compiled.Runtime{
			Plugins: s.GoPlugins, Logger: h.Logger, Budget: budget, KV: h.KV, Secrets: secrets, Sites: h.Context.Sites,
		},
		plugin.KindPython:  python.New(s.Python, processes(plugin.KindPython), hello, calls.Ahead),
		plugin.KindProcess: program.NewProcessRuntime(s.Programs, processes(plugin.KindProcess), hello),
		plugin.KindSNMP:    native,
		plugin.KindExec:    program.NewExecRuntime(s.Programs, h.Logger, budget, h.Tap),
	}, s.Limits, h.Logger, scrubber, closing), nil
}

func (s *Settings) setDefaults() error {
	if s.Python.MaxWorkers < 0 || s.Python.MaxRuns < 0 || s.Python.MaxMemory < 0 {
		return errors.New("limits of Python workers must be greater than zero")
	}
	if s.Limits.ResultBytes < 0 || s.Limits.Groups < 0 {
		return errors.New("limits of results must be greater than zero")
	}
	if err := s.Programs.Hardening.Supported(); err != nil {
		return fmt.Errorf("processes: %w", err)
	}
	s.Python.PythonEnv = s.Python.Or(plugin.PythonEnv{
		Interpreter: DefaultInterpreter, MaxRuns: DefaultMaxRuns, MaxMemory: DefaultMaxMemory,
	})
	s.Programs.MaxExec = cmp.Or(s.Programs.MaxExec, DefaultMaxExec)
	s.Programs.PerPlugin = cmp.Or(s.Programs.PerPlugin, DefaultPerPlugin)
	s.Limits = limits(s.Limits)
	h := &s.Host
	h.Info = cmp.Or(h.Info, wire.HostInfo{Name: "panoptes"})
	h.Logger = cmp.Or(h.Logger, zap.NewNop())
	if h.KV == nil {
		h.KV = kv.NewStore(kv.Options{}).Namespace(kv.PluginsNamespace)
	}
	if h.Enrichment.Store == nil {
		h.Enrichment.Store = h.KV
	}
	h.Resources = cmp.Or(h.Resources, &hostapi.Resources{})
	if h.Secrets == nil {
		h.Secrets = kv.NoSecrets{}
	}
	if h.Restarted == nil {
		h.Restarted = func(plugin.Kind, string) {}
	}
	if h.Recycled == nil {
		h.Recycled = func(string) {}
	}
	return nil
}

func limits(l run.Limits) run.Limits {
	return run.Limits{
		ResultBytes: cmp.Or(l.ResultBytes, DefaultMaxResultBytes), Groups: cmp.Or(l.Groups, DefaultMaxGroups), Bounds: l.Bounds,
	}
}
