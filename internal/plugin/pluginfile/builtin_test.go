package pluginfile

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// TestBuiltInIsWhatThePackageHas keeps the two lists equal.
func TestBuiltInIsWhatThePackageHas(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../../python/yahoo_panoptes/plugins/__init__.py")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^    '(\w+)': 'yahoo_panoptes\.`).FindAllSubmatch(source, -1) {
		names = append(names, string(m[1]))
	}
	if !slices.Equal(names, BuiltIn) {
		t.Errorf("the package has %q, this list %q", names, BuiltIn)
	}
}

func TestResolveBuiltIn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, module := range []string{"plugin_polling_ping", "plugin_polling_ping.py", "/nowhere/plugin_polling_ping.py"} {
		f, err := Parse(filepath.Join(dir, "x.panoptes-plugin"), []byte("[Core]\nName = X\nModule = "+module+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		path, kind, warnings, err := f.ResolveModule()
		if err != nil || kind != KindBuiltIn || path != filepath.Join(dir, filepath.Base(module)) || len(warnings) != 0 {
			t.Errorf("%s: %q, %q, %q, %v", module, path, kind, warnings, err)
		}
	}
	f, err := Parse(filepath.Join(dir, "x.panoptes-plugin"), []byte("[Core]\nName = X\nModule = plugin_polling_ping\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "plugin_polling_ping.py"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, kind, _, err := f.ResolveModule(); err != nil || kind != KindPythonFile {
		t.Errorf("one beside the plugin file comes first, got %q, %v", kind, err)
	}
}
