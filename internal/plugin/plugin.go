// Package plugin opens plugins: it reads a plugin file, finds its module, decides which runtime runs it, makes sure that
// nobody else could replace it, and knows its files: their hash is the plugin's version, and copies of them are what is run.
// It knows no runtime (internal/run has these).
package plugin

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
)

// Kind is the runtime that runs a plugin; the Module of the plugin file decides it.
type Kind string

const (
	// KindGo is a plugin compiled in, named by Module = go:NAME.
	KindGo Kind = "go"
	// KindPython is a Panoptes class in a Python module, run by a worker process.
	KindPython Kind = "python"
	// KindProcess is an executable file that speaks the plugin protocol and lives on from run to run.
	KindProcess Kind = "process"
	// KindExec is an executable file of which each run is a process, by [main] runtime = exec.
	KindExec Kind = "exec"
	// KindSNMP polls what documents say, without a program: one of pluginfile.SNMPModules.
	KindSNMP Kind = "snmp"
)

// Type is what a plugin is for.
type Type string

const (
	// TypePolling plugins return metrics groups about a resource.
	TypePolling Type = "polling"
	// TypeDiscovery plugins return resources. They run against none.
	TypeDiscovery Type = "discovery"
	// TypeEnrichment plugins return what is known of a resource besides, for polling plugins to use.
	TypeEnrichment Type = "enrichment"
)

// ErrNotScheduled is what the error of Open wraps where a plugin is fine but never due: execute_frequency is missing
// or not greater than zero, as in Panoptes. Open returns the plugin beside it, so that it can be run by hand.
var ErrNotScheduled = errors.New("plugin is never scheduled")

// ErrPinned is what the error of Open wraps where a plugin is not the one that the configuration pins.
var ErrPinned = errors.New("plugin is not the one that is pinned")

// DefaultDeadline is the deadline of a plugin that has no interval.
const DefaultDeadline = 75 * time.Second

// Plugin is one opened plugin. It does not change after Open and is safe for concurrent use.
type Plugin struct {
	// File is the parsed plugin file.
	File *pluginfile.File
	// Type is what the plugin is for. The class that its module defines decides: Open takes Python plugins for polling
	// ones, and loading them tells.
	Type Type
	// Filter says which resources the plugin runs against; nil for discovery plugins that have none.
	Filter *filter.Filter
	// Kind is the runtime.
	Kind Kind
	// Module is what the runtime loads: the path of x.py or x/__init__.py for Python, the NAME of go:NAME for Go, one
	// of pluginfile.SNMPModules, the path of the executable file otherwise.
	Module string
	// Interval is the time between two runs; 0 where the plugin is never scheduled.
	Interval time.Duration
	// Deadline is how long one run may take.
	Deadline time.Duration
	// Version is the first 12 hex digits of the SHA-256 over the plugin file and its module's files: it changes when
	// what would be run changes, and with nothing else.
	Version string
	// SHA256 is all 64 digits of it, which a configuration can pin.
	SHA256 string

	// Python says in what a Python plugin runs.
	Python PythonEnv

	// descriptionJSON and configJSON are what each run tells a process about the plugin.
	descriptionJSON, configJSON []byte
	// noFilter is what is wrong with the filter, for any plugin but one that discovers resources.
	noFilter error
	// source is the copy of Module that is run, see Snapshot; "" runs Module itself.
	source string
	// beside and packaged are what the plugin can import besides libraries.
	beside   importable
	packaged []importable
	// builtIn says that the module comes with the Python package and not from the disk.
	builtIn bool
	// documents are those of KindSNMP.
	documents []Document
	// program is set for KindProcess and KindExec.
	program *program
	// base is the plugin that this one is a variant of, or nil.
	base *Plugin
	// declared is what the plugin says that it makes; nil for none.
	declared *declaration
}

// As is the plugin with its type, which shares the processes of the one without; the error says what it lacks for that.
func (p *Plugin) As(t Type) (*Plugin, error) {
	if p.noFilter != nil && t != TypeDiscovery {
		return nil, fmt.Errorf("plugin %q (%s): %w", p.Name(), p.File.Path, p.noFilter)
	}
	typed := *p
	typed.Type, typed.base = t, p.Root()
	return &typed, nil
}

// Name is the plugin's name as its file gives it.
func (p *Plugin) Name() string { return p.File.Name }

// GroupInterval is the interval for a plugin's groups: a minute, as in Panoptes, where the plugin is never scheduled.
func (p *Plugin) GroupInterval() time.Duration {
	if p.Interval < time.Second {
		return time.Minute
	}
	return p.Interval
}

// Variant returns a copy of the plugin that is run as change makes it: with another filter, interval, deadline or
// configuration (File.Config, in a File of its own). It shares the plugin's processes.
func (p *Plugin) Variant(change func(*Plugin)) *Plugin {
	v, file := *p, *p.File
	v.File, v.base = &file, p.Root()
	change(&v)
	if err := v.marshal(); err != nil {
		panic(err) // texts and numbers
	}
	return &v
}

// Root is the plugin that p is a variant of, or p.
func (p *Plugin) Root() *Plugin {
	if p.base != nil {
		return p.base
	}
	return p
}

// PythonEnv is what Python plugins run in. Plugins with an equal one share its workers.
type PythonEnv struct {
	// Interpreter is a path, a name that is looked up in PATH, or the folder of a virtual environment (default python3).
	// Python 3.8 or later.
	Interpreter string
	// MaxWorkers is the most processes at once; they are started as they are needed. 0 grows with what the machine can do.
	MaxWorkers int
	// MaxRuns is after how many runs a worker is replaced (default 10,000).
	MaxRuns int
	// MaxMemory is by how many bytes a worker may grow before it is replaced (default 256 MiB). A run that wants more
	// than twice of it at once is refused the memory, where the system can.
	MaxMemory int64
}

// Or is e with what is not set taken from other.
func (e PythonEnv) Or(other PythonEnv) PythonEnv {
	return PythonEnv{
		Interpreter: cmp.Or(e.Interpreter, other.Interpreter),
		MaxWorkers:  cmp.Or(e.MaxWorkers, other.MaxWorkers),
		MaxRuns:     cmp.Or(e.MaxRuns, other.MaxRuns),
		MaxMemory:   cmp.Or(e.MaxMemory, other.MaxMemory),
	}
}
