package pluginfile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// tree makes the files in a new folder; a name that ends in "*" is made executable, one that ends in "/" a folder.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, strings.TrimRight(name, "*/"))
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o750); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o600)
		if strings.HasSuffix(name, "*") {
			mode = 0o700
		}
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func inDir(t *testing.T, dir, module string) *File {
	t.Helper()
	module, runtime, _ := strings.Cut(module, " ")
	f, err := Parse(filepath.Join(dir, "p"+Extension), []byte("[Core]\nName = T\nModule = "+module+"\n[main]\nruntime = "+runtime+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestResolveModule(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Log("modes of files mean nothing here; the cases that need them fail elsewhere")
	}
	for _, c := range []struct {
		files  []string
		module string
		want   string // relative to the folder
		kind   ModuleKind
	}{
		{[]string{"m.py"}, "m", "m.py", KindPythonFile},
		{[]string{"m.py"}, "m.py", "m.py", KindPythonFile},
		{[]string{"m.py"}, "./m", "m.py", KindPythonFile},
		{[]string{"m.py*", "m*"}, "m", "m.py", KindPythonFile},
		{[]string{"m/__init__.py", "m.py"}, "m", "m/__init__.py", KindPythonPackage},
		{[]string{"m/", "m.py"}, "m", "m.py", KindPythonFile},
		{[]string{"sub/m.py"}, "sub/m", "sub/m.py", KindPythonFile},
		{[]string{"m*"}, "m", "m", KindExecutable},
		{[]string{"m.sh*"}, "m.sh", "m.sh", KindExecutable},
		{[]string{"m.py*"}, "m.py exec", "m.py", KindExecutable},
		{[]string{"m.py*"}, "m.py process", "m.py", KindExecutable},
		{[]string{"m.py*"}, "m.py python", "m.py", KindPythonFile},
		{[]string{"m.py*", "m*"}, "m exec", "m", KindExecutable},
		{[]string{"m.py*", "m/"}, "m exec", "m.py", KindExecutable},
		{[]string{"m.py*", "m2*"}, "m2 exec", "m2", KindExecutable},
		{nil, "go:machine", "machine", KindGo},
		{[]string{"m.py"}, "/nowhere/else/m.py", "m.py", KindPythonFile},
		{[]string{"m.py"}, "/nowhere/else/m", "m.py", KindPythonFile},
		{[]string{"m/__init__.py"}, "/nowhere/else/m.py", "m/__init__.py", KindPythonPackage},
		{[]string{"m*"}, "/nowhere/else/m", "m", KindExecutable},
	} {
		if c.kind == KindExecutable && runtime.GOOS == "windows" {
			continue
		}
		dir := tree(t, c.files...)
		path, kind, warnings, err := inDir(t, dir, c.module).ResolveModule()
		if err != nil {
			t.Errorf("%s with %q: %v", c.module, c.files, err)
			continue
		}
		if kind != KindGo {
			if path, err = filepath.Rel(dir, path); err != nil {
				t.Fatal(err)
			}
		}
		if path != filepath.FromSlash(c.want) || kind != c.kind {
			t.Errorf("%s with %q: %s, %s", c.module, c.files, path, kind)
		}
		if moved := strings.HasPrefix(c.module, "/nowhere"); moved != (len(warnings) == 1) ||
			moved && (!strings.Contains(warnings[0], c.module) || !strings.Contains(warnings[0], filepath.Join(dir, c.want))) {
			t.Errorf("%s with %q: warnings %q", c.module, c.files, warnings)
		}
	}
}

func TestAbsoluteModule(t *testing.T) {
	t.Parallel()
	elsewhere := tree(t, "m.py", "n/__init__.py")
	dir := tree(t, "m.py")
	for module, want := range map[string]string{"m": "m.py", "m.py": "m.py", "n": "n/__init__.py"} {
		f := inDir(t, dir, filepath.Join(elsewhere, module))
		path, _, warnings, err := f.ResolveModule()
		if err != nil || len(warnings) > 0 || path != filepath.Join(elsewhere, want) {
			t.Errorf("%s: %s, %q, %v", module, path, warnings, err)
		}
	}
}

func TestModuleErrors(t *testing.T) {
	t.Parallel()
	dir := tree(t, "tutorial_plugin.py", "folder/", "data.txt", "go/main.go", "src/check.go", "pack/__init__.py", "a.py", "b.py", "c.py", "d.py", "z.py")
	for module, want := range map[string]string{
		"nosuch":                           "[Core] Module = nosuch does not exist: looked for " + filepath.Join(dir, "nosuch") + ", each also with .py and /__init__.py; the folder has a.py, b.py, c.py, d.py, tutorial_plugin.py and more",
		"/else/tutorial_polling_plugin.py": "looked for /else/tutorial_polling_plugin.py, " + filepath.Join(dir, "tutorial_polling_plugin.py") + ", " + filepath.Join(dir, "tutorial_polling_plugin") + ", each",
		"folder":                           "without an __init__.py: add one to make it a Python package",
		"data.txt":                         "which is neither Python (x.py) nor executable: fix its name, or chmod +x",
		"a.py exec":                        "which [main] runtime = exec needs to be executable: chmod +x",
		"go":                               "is a folder with Go source (main.go), which must be built: run go build -o NAME",
		"go/main.go":                       "is Go source, which must be built: run go build -o",
		"src/check":                        "; beside it is Go source (check.go): build it, with go build -o \"check\" in",
		"pack exec":                        "is the Python package",
		"go:":                              "names no Go plugin: write go:NAME",
		"data.txt/m":                       "does not exist",
		"/":                                "without an __init__.py",
		strings.Repeat("x", 5000):          "",
	} {
		if runtime.GOOS == "windows" && strings.HasPrefix(module, "/") {
			continue
		}
		path, _, _, err := inDir(t, dir, module).ResolveModule()
		var e *Error
		if !errors.As(err, &e) || e.Path != filepath.Join(dir, "p"+Extension) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %q, error\n%v\nwant\n%s", module, path, err, want)
		}
	}
	// A folder whose name looks like a pattern, without modules.
	odd := filepath.Join(dir, "[a-z]*")
	if err := os.Mkdir(odd, 0o750); err != nil {
		t.Log(err) // not on Windows
		return
	}
	if _, _, _, err := inDir(t, odd, "m").ResolveModule(); err == nil || strings.Contains(err.Error(), "the folder has") {
		t.Errorf("error %v", err)
	}
}
