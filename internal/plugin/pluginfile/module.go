package pluginfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/panoptes-otel/panoptes-otel/internal/quote"
)

// goPrefix marks a Module that names a Go plugin.
const goPrefix = "go:"

// ModuleKind is what a Module names.
type ModuleKind string

// What a Module can name.
const (
	// KindPythonFile is x.py.
	KindPythonFile ModuleKind = "python file"
	// KindPythonPackage is x/__init__.py.
	KindPythonPackage ModuleKind = "python package"
	// KindExecutable is any other file that may be executed, and with [main] runtime = exec or process x.py, too.
	KindExecutable ModuleKind = "executable"
	// KindGo is a plugin that is compiled in; its path is the NAME of go:NAME.
	KindGo ModuleKind = "go"
	// KindBuiltIn is a Python module that comes with the package; its path is where it would lie beside the plugin file.
	KindBuiltIn ModuleKind = "built in"
	// KindSNMP is one of SNMPModules; its path is the name.
	KindSNMP ModuleKind = "snmp"
)

// What polls by SNMP without a program.
const (
	// ModuleTables polls the SNMP tables that YAML files describe.
	ModuleTables = "snmp"
	// ModuleGeneric polls what enrichment or a file of JSON says: Panoptes' generic SNMP polling plugin.
	ModuleGeneric = "plugin_polling_generic_snmp"
)

// SNMPModules are all of them. Plugin files name them as their Module.
var SNMPModules = []string{ModuleTables, ModuleGeneric}

// BuiltIn are the modules that plugin files may name without having them: those of BUILT_IN in
// python/yahoo_panoptes/plugins.
var BuiltIn = []string{
	"plugin_discovery_from_json_file", "plugin_enrichment_interface", "plugin_polling_ping",
}

// ResolveModule finds what Module names: the package x/__init__.py, else x.py, else x itself, so that Python wins over
// an executable of the same name, unless the file names a runtime of programs. An absolute Module that does not exist is looked for by its base name, with and
// without .py, beside the plugin file; a warning names both paths. What is nowhere may be built in. The path returned is that of the file to load, the
// __init__.py for a package. The error is an *Error.
func (f *File) ResolveModule() (path string, kind ModuleKind, warnings []string, err error) {
	if name, ok := strings.CutPrefix(f.Module, goPrefix); ok {
		if name == "" {
			return "", "", nil, f.moduleError(nil, "names no Go plugin: write go:NAME")
		}
		return name, KindGo, nil, nil
	}
	known, knownKind := f.without()
	path, kind, err = f.find(f.ModulePath)
	if err != nil && knownKind == KindSNMP && isFolder(f.ModulePath) {
		err = nil // it may have the files that say what to poll
	}
	switch {
	case err != nil || path != "":
		return path, kind, nil, err
	case !filepath.IsAbs(f.Module) && known != "":
		return known, knownKind, nil, nil
	case !filepath.IsAbs(f.Module):
		return "", "", nil, f.notFound(f.ModulePath)
	}
	base := filepath.Base(f.Module)
	tried := []string{f.ModulePath}
	for _, name := range slices.Compact([]string{base, strings.TrimSuffix(base, ".py")}) {
		if name == "" || name == "." || name == string(filepath.Separator) {
			continue
		}
		beside := filepath.Join(f.dir(), name)
		if path, kind, err = f.find(beside); err != nil {
			return "", "", nil, err
		}
		if path != "" {
			return path, kind, []string{"[Core] Module: " + f.ModulePath + " does not exist; " + path + " beside the plugin file is used instead"}, nil
		}
		tried = append(tried, beside)
	}
	if known != "" {
		return known, knownKind, nil, nil
	}
	return "", "", nil, f.notFound(tried...)
}

// without returns what needs no module on the disk: the name of an SNMP module, or where one that is built in would lie.
func (f *File) without() (path string, kind ModuleKind) {
	base := filepath.Base(f.Module)
	name := strings.TrimSuffix(base, ".py")
	switch {
	case slices.Contains(SNMPModules, name):
		return name, KindSNMP
	case slices.Contains(BuiltIn, name):
		return filepath.Join(f.dir(), base), KindBuiltIn
	}
	return "", ""
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

type candidate struct {
	path string
	kind ModuleKind
}

// find returns what stands at base, or "" where nothing does.
func (f *File) find(base string) (string, ModuleKind, error) {
	candidates := []candidate{
		{filepath.Join(base, packageFile), KindPythonPackage}, {base + ".py", KindPythonFile}, {base, KindExecutable},
	}
	program := f.Runtime == "exec" || f.Runtime == "process"
	if program { // the runtime decides: many checks are executable files named x.py
		candidates = []candidate{{base, KindExecutable}, {base + ".py", KindExecutable}}
	}
	folder, other := "", ""
	for _, c := range candidates {
		info, err := os.Stat(c.path)
		switch {
		case err == nil && info.Mode().IsRegular():
		case err == nil && info.IsDir() && c.path == base:
			folder = base
			continue
		case err == nil && !info.IsDir():
			other = c.path
			continue
		case err == nil, errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
			continue
		default:
			return "", "", f.moduleError(err, "cannot be looked for")
		}
		if c.kind == KindExecutable && !program && strings.HasSuffix(base, ".py") {
			return c.path, KindPythonFile, nil
		}
		if c.kind == KindExecutable && !executable(info) {
			return "", "", f.notExecutable(c.path)
		}
		return c.path, c.kind, nil
	}
	if other != "" {
		return "", "", f.moduleError(nil, "is %q, which is no regular file: put the module in its place", other)
	}
	if folder != "" {
		return "", "", f.folderError(folder)
	}
	return "", "", nil
}

// packageFile makes a folder a Python package.
const packageFile = "__init__.py"

// folderError says why a folder is no module.
func (f *File) folderError(path string) error {
	if _, err := os.Stat(filepath.Join(path, packageFile)); err == nil {
		return f.moduleError(nil, "is the Python package %q, which [main] runtime = %s cannot run: take the line out, or name a file", path, f.Runtime)
	}
	if source := goSource(path); source != "" {
		return f.moduleError(nil, "is a folder with Go source (%s), which must be built: run go build -o NAME %q, and name the program that it makes", source, path)
	}
	return f.moduleError(nil, "is the folder %q without an __init__.py: add one to make it a Python package", path)
}

// notExecutable says why a file is no module.
func (f *File) notExecutable(path string) error {
	switch {
	case strings.HasSuffix(path, ".go"):
		return f.moduleError(nil, "is Go source, which must be built: run go build -o %q %q, and name the program that it makes",
			strings.TrimSuffix(path, ".go"), path)
	case strings.HasSuffix(path, ".py"):
		return f.moduleError(nil, "is the file %q, which [main] runtime = %s needs to be executable: chmod +x, and #!/usr/bin/env python3 as its first line",
			path, f.Runtime)
	}
	return f.moduleError(nil, "is the file %q, which is neither Python (x.py) nor executable: fix its name, or chmod +x", path)
}

// goSource is a file of Go source in a folder that has such, or "".
func goSource(folder string) string {
	names, err := filepath.Glob(filepath.Join(quote.Glob(folder), "*.go"))
	if err != nil || len(names) == 0 {
		return ""
	}
	return filepath.Base(names[0])
}

func executable(info fs.FileInfo) bool {
	if runtime.GOOS == "windows" {
		return slices.Contains([]string{".exe", ".com", ".bat", ".cmd"}, strings.ToLower(filepath.Ext(info.Name())))
	}
	return info.Mode()&0o111 != 0
}

// notFound names the paths that were looked at, and what modules there are beside the plugin file.
func (f *File) notFound(tried ...string) error {
	text := "does not exist: looked for " + strings.Join(tried, ", ") + ", each also with .py and /__init__.py"
	if source := goSource(filepath.Dir(f.ModulePath)); source != "" {
		text += fmt.Sprintf("; beside it is Go source (%s): build it, with go build -o %q in %q", source, filepath.Base(f.ModulePath), filepath.Dir(f.ModulePath))
	}
	names, err := filepath.Glob(filepath.Join(quote.Glob(f.dir()), "*.py"))
	if err == nil && len(names) > 0 {
		const most = 5
		more := ""
		if len(names) > most {
			names, more = names[:most], " and more"
		}
		for i := range names {
			names[i] = filepath.Base(names[i])
		}
		text += "; the folder has " + strings.Join(names, ", ") + more
	}
	return f.moduleError(nil, "%s", text)
}

func (f *File) moduleError(cause error, format string, args ...any) error {
	e := fail(0, "[Core] Module = %s "+format, append([]any{f.Module}, args...)...)
	e.Path, e.Err = f.Path, cause
	return e
}
