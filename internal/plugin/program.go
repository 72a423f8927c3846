package plugin

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program/output"
)

// program is what a plugin file says of a plugin that is an executable file.
type program struct {
	args []argument
	// scripts are the files that are run besides the program, by its arguments and "#!" lines; others are names that are
	// looked up in PATH, files that are not there, and where libraries come from.
	scripts, others []string
	// The output of exec plugins, how it is read, and what its metrics are named.
	output     output.Format
	groupType  string
	units      output.Units
	plainNames bool
	// folder says that all of the program's folder belongs to the plugin, not the file alone; copied, that it is run
	// from a copy, see Snapshot.
	folder, copied bool
}

// resolveProgram takes an executable file as the module.
func (p *Plugin) resolveProgram(kind Kind) error {
	p.Kind = kind
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
	if err := p.program.findScripts(p.Module); err != nil {
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
	format, group := p.File.Config.Get("main", "output"), p.File.Config.Get("main", "group")
	units, prefix := p.File.Config.Get("main", "units"), p.File.Config.Get("main", "prefix")
	if older := p.File.Config.Get("main", "group_type"); group == "" {
		group = older
	} else if older != "" && older != group {
		return errors.New("[main] group and group_type are the same: leave group_type out")
	}
	if p.Kind != KindExec && (format != "" || group != "" || units != "" || prefix != "") {
		return errors.New("[main] output, group, units and prefix are for runtime = exec: a process plugin answers in the plugin protocol")
	}
	if p.program.output, err = output.ParseFormat(format); err != nil {
		return fmt.Errorf("[main] %w", err)
	}
	if p.program.units, err = output.ParseUnits(units); err != nil {
		return fmt.Errorf("[main] %w", err)
	}
	p.program.plainNames = prefix == prefixNone
	switch {
	case group != "" && p.program.output == output.JSON:
		return errors.New("[main] group is for output = prometheus and nagios: groups in JSON name their type themselves")
	case units != "" && p.program.output != output.Nagios:
		return errors.New("[main] units is for output = nagios: the other formats say units themselves, or have none")
	case prefix != "" && !p.program.plainNames:
		return fmt.Errorf("[main] prefix must be %q, which keeps names as they are, or be left out, is %q", prefixNone, prefix)
	case p.program.plainNames && p.program.output != output.Prometheus:
		return errors.New("[main] prefix is for output = prometheus")
	}
	p.program.groupType = cmp.Or(group, p.program.groupType)
	return nil
}

// prefixNone is what [main] prefix may be: names of metrics have no type in front then.
const prefixNone = "none"

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

// Scripts are the files that the program runs in turn, by its arguments, and the names that are looked up in PATH for it.
func (p *Plugin) Scripts() []string { return slices.Concat(p.program.scripts, p.program.others) }

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

// Units says what becomes of the units of performance data.
func (p *Plugin) Units() output.Units { return p.program.units }

// Scope is the scope of the plugin's groups in pdata.
func (p *Plugin) Scope() pdata.Scope {
	name := p.Name()
	if name == p.File.NormalizedName {
		name = ""
	}
	return pdata.Scope{
		Name:   name,
		Plugin: p.File.NormalizedName, Transforms: p.File.Transforms(), Topics: p.File.Topics(), Units: p.Contract().Units(),
		PlainNames: p.program != nil && p.program.plainNames,
	}
}

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
