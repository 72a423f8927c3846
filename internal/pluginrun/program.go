package pluginrun

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/child"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program/output"
)

// program is what a plugin file says of a plugin that is an executable file.
type program struct {
	args []argument
	// output and groupType are for exec plugins.
	output    output.Format
	groupType string
	// folder says that all of the program's folder belongs to the plugin, not the file alone; copied, that it is run
	// from a copy, see Snapshot.
	folder, copied bool
}

// resolveProgram takes an executable file as the module.
func (p *Plugin) resolveProgram(path string) error {
	runtime, err := p.programRuntime()
	if err != nil {
		return err
	}
	p.Kind, p.Module = runtime, path
	if err := checkPath(path); err != nil {
		return fmt.Errorf("module %q: %w", path, err)
	}
	args, err := parseArguments(p.File.Config.Get("main", "args"))
	if err != nil {
		return fmt.Errorf("[main] args: %w", err)
	}
	p.program = &program{args: args, groupType: p.File.NormalizedName}
	for _, a := range args {
		if p.Kind == KindProcess && a.fields() {
			return fmt.Errorf("[main] args: %q has a field of the resource, but a process plugin is started once for all of them: "+
				"take it from the request to run, or set [main] runtime = exec", a)
		}
	}
	if err := p.readOutput(); err != nil {
		return err
	}
	return p.program.belongings(p.File.Path, path)
}

func (p *Plugin) programRuntime() (Kind, error) {
	switch runtime := Kind(p.File.Runtime); runtime {
	case "", KindProcess:
		return KindProcess, nil
	case KindExec:
		return KindExec, nil
	default:
		return "", fmt.Errorf("[main] runtime of an executable file must be %q or %q, is %q", KindProcess, KindExec, runtime)
	}
}

// readOutput reads what says how the stdout of an exec plugin is to be understood.
func (p *Plugin) readOutput() (err error) {
	format, groupType := p.File.Config.Get("main", "output"), p.File.Config.Get("main", "group_type")
	if p.Kind != KindExec && (format != "" || groupType != "") {
		return errors.New("[main] output and group_type are for runtime = exec: a process plugin answers in the plugin protocol")
	}
	if p.program.output, err = output.ParseFormat(format); err != nil {
		return fmt.Errorf("[main] %w", err)
	}
	if groupType == "" {
		return nil
	}
	if p.program.output == output.JSON {
		return errors.New(`[main] group_type is for output = prometheus and nagios: groups in JSON name their type themselves`)
	}
	p.program.groupType = groupType
	return nil
}

// executable is what is run: the copy, where there is one.
func (p *Plugin) executable() string {
	if p.source != "" {
		return p.source
	}
	return p.Module
}

// ProcessSettings configure the processes of process and exec plugins.
type ProcessSettings struct {
	// MaxExec is the most children of exec plugins at once, of all plugins together (default 32).
	MaxExec int
	// PerPlugin is the most processes of one process plugin that does not say that it can do several runs at once
	// (default 4).
	PerPlugin int
	// Inherit are the names of variables of the environment that children get beside the usual ones.
	Inherit []string
	// Hardening is what is taken from the children.
	Hardening child.Hardening
	// Wire wraps what is written to a program, and ClockStep is added to the times that it is told: so the conformance
	// kit plays a slow host, and one whose clock was set. nil and 0 change nothing.
	Wire      func(io.Writer) io.Writer
	ClockStep time.Duration
}

// stdin is where to write for a program.
func (s ProcessSettings) stdin(p *child.Process) io.Writer {
	if s.Wire == nil {
		return p.Stdin()
	}
	return s.Wire(p.Stdin())
}

// childConfig is how to start a plugin's program.
func (s Settings) childConfig(p *Plugin) child.Config {
	path := p.executable()
	file, err := filepath.Abs(p.File.Path)
	if err != nil {
		file = p.File.Path
	}
	return child.Config{
		Path: path, Dir: filepath.Dir(path), Inherit: s.Processes.Inherit, Hardening: s.Processes.Hardening,
		Env: []string{"PANOPTES_PLUGIN=" + p.Name(), "PANOPTES_PLUGIN_FILE=" + file},
	}
}

const (
	// busyAttempts and busyPause are for a program that another process has open for writing: one that was forked at
	// the moment when a copy was written has it open until it runs its own program.
	busyAttempts = 6
	busyPause    = 10 * time.Millisecond
)

// startProgram starts a child. The outcome says what kind of failure the error is.
func startProgram(c child.Config) (*child.Process, Outcome, error) {
	for attempt := 1; ; attempt++ {
		process, err := child.Start(c)
		switch {
		case err == nil:
			return process, OutcomeOK, nil
		case isTextBusy(err) && attempt < busyAttempts:
			time.Sleep(busyPause << attempt)
			continue
		case isShortage(err):
			return nil, OutcomeUnavailable, err
		case isNoProgram(err):
			err = fmt.Errorf(`%w: a script must begin with a line such as "#!/bin/sh", a program must be one for this system`, err)
		}
		return nil, OutcomeRejected, err
	}
}
