package pluginrun

import (
	"fmt"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
)

// packageFile makes a folder a Python package.
const packageFile = "__init__.py"

// resolve finds the module and with it the runtime.
func (p *Plugin) resolve() (warnings []string, err error) {
	path, kind, warnings, err := p.File.ResolveModule()
	if err != nil {
		return warnings, err
	}
	switch kind {
	case pluginfile.KindGo:
		p.Kind, p.Module = KindGo, path
		return warnings, nil
	case pluginfile.KindBuiltIn:
		p.Kind, p.Module, p.builtIn = KindPython, path, true
		return warnings, nil
	case pluginfile.KindPythonFile, pluginfile.KindPythonPackage:
	case pluginfile.KindExecutable:
		return warnings, p.resolveProgram(path)
	default:
		return warnings, fmt.Errorf("[Core] Module %q is of the unknown kind %q", p.File.Module, kind)
	}
	if p.File.Runtime != "" && p.File.Runtime != string(KindPython) {
		return warnings, fmt.Errorf("[main] runtime = %s does not go with the Python module %q: take the line out", p.File.Runtime, path)
	}
	p.Kind, p.Module = KindPython, path
	if err := checkPath(path); err != nil {
		return warnings, fmt.Errorf("module %q: %w", path, err)
	}
	return warnings, nil
}
