//go:build unix

package pluginfile

import (
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestNoRegularModule: a pipe in the place of a module is said to be none, however the module is named.
func TestNoRegularModule(t *testing.T) {
	t.Parallel()
	dir := tree(t, "a.py", "pack/")
	for path, modules := range map[string][]string{
		"m.py":             {"m", "m.py", filepath.Join(dir, "m.py"), "m.py exec"},
		"check":            {"check", "check exec"},
		"pack/__init__.py": {"pack"},
	} {
		path = filepath.Join(dir, path)
		if err := syscall.Mkfifo(path, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, module := range modules {
			_, _, _, err := inDir(t, dir, module).ResolveModule()
			if want := " is " + strconv.Quote(path) + ", which is no regular file: "; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", module, err, want)
			}
		}
	}
}
