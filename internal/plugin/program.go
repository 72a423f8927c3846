package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
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
func (p *Plugin) resolveProgram() (err error) {
	if p.Kind, err = programKind(p.File.Runtime); err != nil {
		return err
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
	return p.program.findFiles(p.File.Path, p.Module)
}

func programKind(runtime string) (Kind, error) {
	switch kind := Kind(runtime); kind {
	case "", KindProcess:
		return KindProcess, nil
	case KindExec:
		return KindExec, nil
	}
	return "", fmt.Errorf("[main] runtime of an executable file must be %q or %q, is %q", KindProcess, KindExec, runtime)
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

// errShared ends a walk at the plugin file of another plugin.
var errShared = errors.New("the folder is shared")

// findFiles decides which files belong to a program. A program outside of the plugin file's folder is the system's, such
// as one of /usr/lib/nagios/plugins: the file alone, run where it is. Inside, the folder that it is in is the plugin's,
// unless another plugin has its plugin file there.
func (g *program) findFiles(pluginFile, module string) error {
	pluginFile, err := filepath.Abs(pluginFile)
	if err != nil {
		return err
	}
	dir := filepath.Dir(module)
	rel, err := filepath.Rel(filepath.Dir(pluginFile), dir)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return nil
	}
	g.copied = true
	err = walk(dir, maxProgramFiles, func(f ownFile, _ fs.DirEntry) error {
		if pluginfile.IsPluginFile(f.path) && f.path != pluginFile {
			return errShared
		}
		return nil
	})
	if errors.Is(err, errShared) {
		return nil
	}
	g.folder = err == nil
	return err
}

// Executable is the program that is run: the copy, where there is one.
func (p *Plugin) Executable() string {
	if p.source != "" {
		return p.source
	}
	return p.Module
}

// Output is the format of what an exec plugin writes.
func (p *Plugin) Output() output.Format { return p.program.output }

// GroupType is the type of groups in formats that have no types of their own.
func (p *Plugin) GroupType() string { return p.program.groupType }

// Recorded is a plugin of which there is only a recording: it cannot be run. The plugin file is what it was.
func Recorded(file *pluginfile.File, kind Kind, t Type) (*Plugin, error) {
	p := &Plugin{File: file, Kind: kind, Type: t, program: &program{groupType: file.NormalizedName}}
	if kind == KindExec || kind == KindProcess {
		if err := p.readOutput(); err != nil {
			return nil, err
		}
	}
	if err := p.readContract(); err != nil {
		return nil, err
	}
	if err := p.setTimes(OpenOptions{}); err != nil && !errors.Is(err, ErrNotScheduled) {
		return nil, err
	}
	return p, nil
}
