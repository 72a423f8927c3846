package pluginfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
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
	// KindExecutable is any other file that may be executed.
	KindExecutable ModuleKind = "executable"
	// KindGo is a plugin that is compiled in; its path is the NAME of go:NAME.
	KindGo ModuleKind = "go"
	// KindBuiltIn is a Python module that comes with the package; its path is where it would lie beside the plugin file.
	KindBuiltIn ModuleKind = "built in"
)

// BuiltIn are the modules that plugin files may name without having them: those of BUILT_IN in
// python/yahoo_panoptes/plugins.
var BuiltIn = []string{
	"plugin_discovery_from_json_file", "plugin_enrichment_interface", "plugin_polling_generic_snmp", "plugin_polling_ping",
}

// ResolveModule finds what Module names: the package x/__init__.py, else x.py, else x itself, so that Python wins over
// an executable of the same name. An absolute Module that does not exist is looked for by its base name, with and
// without .py, beside the plugin file; a warning names both paths. What is nowhere may be built in. The path returned is that of the file to load, the
// __init__.py for a package. The error is an *Error.
func (f *File) ResolveModule() (path string, kind ModuleKind, warnings []string, err error) {
	if name, ok := strings.CutPrefix(f.Module, goPrefix); ok {
		if name == "" {
			return "", "", nil, f.moduleError(nil, "names no Go plugin: write go:NAME")
		}
		return name, KindGo, nil, nil
	}
	path, kind, err = f.find(f.ModulePath)
	if err != nil || path != "" {
		return path, kind, nil, err
	}
	base := filepath.Base(f.Module)
	builtIn := slices.Contains(BuiltIn, strings.TrimSuffix(base, ".py"))
	if !filepath.IsAbs(f.Module) {
		if builtIn {
			return filepath.Join(f.dir(), base), KindBuiltIn, nil, nil
		}
		return "", "", nil, f.notFound(f.ModulePath)
	}
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
	if builtIn {
		return filepath.Join(f.dir(), base), KindBuiltIn, nil, nil
	}
	return "", "", nil, f.notFound(tried...)
}

// find returns what stands at base, or "" where nothing does.
func (f *File) find(base string) (string, ModuleKind, error) {
	for _, c := range []struct {
		path string
		kind ModuleKind
	}{
		{filepath.Join(base, "__init__.py"), KindPythonPackage},
		{base + ".py", KindPythonFile},
		{base, KindExecutable},
	} {
		info, err := os.Stat(c.path)
		switch {
		case err == nil && info.Mode().IsRegular():
		case err == nil && info.IsDir() && c.kind == KindExecutable:
			return "", "", f.moduleError(nil, "is the folder %q without an __init__.py: add one to make it a Python package", base)
		case err == nil, errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
			continue
		default:
			return "", "", f.moduleError(err, "cannot be looked for")
		}
		if c.kind == KindExecutable && strings.HasSuffix(base, ".py") {
			return c.path, KindPythonFile, nil
		}
		if c.kind == KindExecutable && !executable(info) {
			return "", "", f.moduleError(nil, "is the file %q, which is neither Python (x.py) nor executable: mend its name, or chmod +x", base)
		}
		return c.path, c.kind, nil
	}
	return "", "", nil
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
	names, err := filepath.Glob(filepath.Join(escapeGlob(f.dir()), "*.py"))
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

// escapeGlob keeps the characters of a folder's name from being a pattern. Windows has no escape and no such names.
func escapeGlob(dir string) string {
	if runtime.GOOS == "windows" {
		return dir
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}
