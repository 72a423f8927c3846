package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/safepath"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
)

// OpenOptions change what Open takes from the plugin file.
type OpenOptions struct {
	// Interval replaces execute_frequency where it is not 0.
	Interval time.Duration
	// Deadline replaces 1.25 x the interval where it is not 0.
	Deadline time.Duration
	// Filter replaces resource_filter where it is not "".
	Filter string
	// Python says in what a Python plugin runs; zero fields take the settings of all.
	Python PythonEnv
	// Packages are what folders are in what a Python plugin imports. Of those that have a module the first counts.
	Packages []Package
	// Pins are the SHA-256 sums, in hex digits, that plugins must have, by their Name. A plugin that is not named may
	// have any.
	Pins map[string]string
}

// Open reads the plugin file at path, finds its module and makes sure that it may be run. The warnings are for the
// log, one line each. Where the plugin is fine but has no execute_frequency, both a plugin and an error that wraps
// ErrNotScheduled come back.
func Open(path string, o OpenOptions) (*Plugin, []string, error) {
	file, err := pluginfile.Load(path)
	if err != nil {
		return nil, nil, err
	}
	if err := safepath.Check(path); err != nil {
		return nil, nil, fmt.Errorf("plugin file %q: %w", path, err)
	}
	return Prepare(file, o)
}

// Prepare is Open for a plugin file that is parsed already, such as one given inline in the receiver's configuration,
// for which File.Path names a place in the folder that Module starts from.
func Prepare(file *pluginfile.File, o OpenOptions) (*Plugin, []string, error) {
	warnings := append([]string(nil), file.Warnings...)
	fail := func(err error) (*Plugin, []string, error) {
		if _, ok := errors.AsType[*pluginfile.Error](err); ok {
			return nil, warnings, err
		}
		return nil, warnings, fmt.Errorf("plugin %q (%s): %w", file.Name, file.Path, err)
	}
	file, more, err := withCheck(file)
	warnings = append(warnings, more...)
	if err != nil {
		return fail(err)
	}
	p := &Plugin{File: file, Type: TypePolling, Python: o.Python}
	more, err = p.compileFilter(o.Filter)
	warnings = append(warnings, more...)
	if err != nil {
		return fail(err)
	}
	more, err = p.resolve()
	warnings = append(warnings, more...)
	if err != nil {
		return fail(err)
	}
	if p.noFilter != nil && p.Kind != KindPython {
		return fail(p.noFilter)
	}
	if err := p.readContract(); err != nil {
		return fail(err)
	}
	if err := p.findImports(o.Packages); err != nil {
		return fail(err)
	}
	if err := p.setVersion(); err != nil {
		return fail(err)
	}
	if err := p.marshal(); err != nil {
		return fail(err)
	}
	if pin, ok := o.Pins[file.Name]; ok && !strings.EqualFold(pin, p.SHA256) {
		return fail(fmt.Errorf("%w: its SHA-256 is %s, the configuration pins it to %s", ErrPinned, p.SHA256, strings.ToLower(pin)))
	}
	if err := p.setTimes(o); err != nil {
		_, _, err = fail(err)
		return p, warnings, err
	}
	return p, warnings, nil
}

// maxSource bounds the modules that are looked through for a decorator, in bytes.
const maxSource = 1 << 20

// withCheck adds to a plugin file that leaves it open what the @check of its Python module says. Of a module with two it
// warns in any case.
func withCheck(file *pluginfile.File) (_ *pluginfile.File, warnings []string, err error) {
	path, kind, _, err := file.ResolveModule()
	if err != nil || kind != pluginfile.KindPythonFile && kind != pluginfile.KindPythonPackage {
		return file, nil, nil // resolve tells of an error
	}
	source, err := safefile.Open(context.Background(), path, maxModuleBytes)
	if err != nil {
		return file, nil, nil // as does setVersion
	}
	defer source.Close()
	text, err := io.ReadAll(io.LimitReader(source, maxSource))
	if err != nil {
		return file, nil, fmt.Errorf("read module: %w", err)
	}
	check, err := pluginfile.FindCheck(text)
	switch {
	case errors.Is(err, pluginfile.ErrSecondCheck) && !file.NeedsCheck():
		warnings = append(warnings, fmt.Sprintf("module %q: %v", path, err))
	case !file.WantsCheck():
	case err == nil && check != nil:
		return file.WithCheck(check), nil, nil
	case err != nil && file.NeedsCheck():
		return file, nil, fmt.Errorf("module %q: %w", path, err)
	case err != nil:
		warnings = append(warnings, fmt.Sprintf("module %q: %v; what the plugin file says counts", path, err))
	}
	return file, warnings, nil
}

// compileFilter sets the filter from the override or the plugin file. One that is missing is noted: whether one is needed
// is not known yet.
func (p *Plugin) compileFilter(override string) (warnings []string, err error) {
	text, from := p.File.ResourceFilter, "[main] resource_filter"
	switch {
	case override != "":
		text, from = override, "the override's resource filter"
	case !p.File.HasResourceFilter:
		p.noFilter = errors.New(`[main] resource_filter is missing: say which resources the plugin runs against, ` +
			`such as resource_filter = resource_class = "network"`)
		return nil, nil
	case strings.TrimSpace(text) == "":
		p.noFilter = errors.New(`[main] resource_filter is empty: say which resources the plugin runs against, ` +
			`such as resource_filter = resource_class = "network"`)
		return nil, nil
	}
	p.Filter, err = filter.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s does not parse: %w", from, err)
	}
	return p.Filter.Warnings(), nil
}

// setTimes sets the interval and the deadline. A plugin without an interval still gets a deadline.
func (p *Plugin) setTimes(o OpenOptions) error {
	p.Interval = time.Duration(max(p.File.ExecuteFrequency, 0)) * time.Second
	p.Deadline = pluginfile.TimeLimit(p.Interval)
	if o.Interval > 0 {
		p.Interval = o.Interval
		p.Deadline = pluginfile.TimeLimit(p.Interval)
	}
	if p.Interval == 0 {
		p.Deadline = DefaultDeadline
	}
	if o.Deadline > 0 {
		p.Deadline = o.Deadline
	}
	if p.Interval == 0 {
		return fmt.Errorf("%w: [main] execute_frequency must be a whole number of seconds greater than zero, is %q",
			ErrNotScheduled, p.File.Config.Get("main", "execute_frequency"))
	}
	return nil
}

// resolve finds the module and with it the runtime.
func (p *Plugin) resolve() (warnings []string, err error) {
	path, kind, warnings, err := p.File.ResolveModule()
	if err != nil {
		return warnings, err
	}
	p.Module = path
	switch kind {
	case pluginfile.KindGo:
		p.Kind = KindGo
		return warnings, nil
	case pluginfile.KindSNMP:
		p.Kind = KindSNMP
		if path == pluginfile.ModuleTables {
			return warnings, p.resolveDocuments()
		}
		return warnings, nil
	case pluginfile.KindBuiltIn:
		p.Kind, p.builtIn = KindPython, true
		return warnings, nil
	case pluginfile.KindPythonFile, pluginfile.KindPythonPackage:
		p.Kind = KindPython
		if p.File.Runtime != "" && p.File.Runtime != string(KindPython) {
			return warnings, fmt.Errorf("[main] runtime = %s does not go with the Python module %q: take the line out", p.File.Runtime, path)
		}
		if kind == pluginfile.KindPythonFile && p.isScript(path) {
			warnings = append(warnings, fmt.Sprintf("module %q is executable and has no plugin class: it is run as a program, "+
				"as [main] runtime = exec says; runtime = python would say otherwise", path))
			if err := p.resolveProgram(KindExec); err != nil {
				return warnings, err
			}
		}
	case pluginfile.KindExecutable:
		kind, err := programKind(p.File.Runtime)
		if err == nil {
			err = p.resolveProgram(kind)
		}
		if err != nil {
			return warnings, err
		}
	default:
		return warnings, fmt.Errorf("[Core] Module %q is of the unknown kind %q", p.File.Module, kind)
	}
	if err := safepath.Check(path); err != nil {
		return warnings, fmt.Errorf("module %q: %w", path, err)
	}
	return warnings, nil
}
