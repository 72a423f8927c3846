package plugin

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// openText opens a plugin file with this text, beside a module good.py.
func openText(t *testing.T, text string, o OpenOptions) (*Plugin, []string, error) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "x.panoptes-plugin")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "good.py"), []byte("x = 1\n"), 0o600))
	writeScript(t, filepath.Join(dir, "tool"), "exit 0")
	return Open(path, o)
}

const coreText = "[Core]\nName = Good One\nModule = good\n"

func TestOpen(t *testing.T) {
	t.Parallel()
	p, warnings, err := openText(t, coreText+pluginHead, OpenOptions{})
	require.NoError(t, err)
	assert.Empty(t, warnings)
	assert.Equal(t, "Good One", p.Name())
	assert.Equal(t, KindPython, p.Kind)
	assert.Equal(t, "good.py", filepath.Base(p.Module))
	assert.Equal(t, time.Minute, p.Interval)
	assert.Equal(t, 75*time.Second, p.Deadline)
	assert.Regexp(t, "^[0-9a-f]{12}$", p.Version)
	assert.True(t, p.Filter.Match(testResource("r1")))

	p, _, err = openText(t, coreText+pluginHead, OpenOptions{Interval: 30 * time.Second, Filter: `resource_site = "dc9"`})
	require.NoError(t, err)
	assert.Equal(t, 30*time.Second, p.Interval)
	assert.Equal(t, 37500*time.Millisecond, p.Deadline, "as if the plugin file said so")
	assert.False(t, p.Filter.Match(testResource("r1")))

	p, _, err = openText(t, strings.Replace(coreText, "= good", "= go:memory", 1)+pluginHead, OpenOptions{Deadline: time.Second})
	require.NoError(t, err)
	assert.Equal(t, KindGo, p.Kind)
	assert.Equal(t, "memory", p.Module)
	assert.Equal(t, time.Second, p.Deadline)
}

// openCheck opens a plugin file with this text, beside a check with this decorator.
func openCheck(t *testing.T, text, decorator string) (*Plugin, []string, error) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "x.panoptes-plugin")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	source := "from panoptes import check, gauge\n\n" + decorator + "\ndef disk(ctx):\n    yield gauge('used', 1)\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "good.py"), []byte(source), 0o600))
	return Open(path, OpenOptions{})
}

func TestOpenCheck(t *testing.T) {
	t.Parallel()
	const all = `@check(every=30, resources='resource_id = "r1"', rates=['reads'])`
	p, warnings, err := openCheck(t, coreText, all)
	require.NoError(t, err)
	assert.Empty(t, warnings)
	assert.Equal(t, 30*time.Second, p.Interval)
	assert.True(t, p.Filter.Match(testResource("r1")))
	assert.False(t, p.Filter.Match(testResource("r2")))
	assert.Equal(t, "disk = rate:disk:reads", p.File.Transforms())
	assert.Equal(t, "30", p.File.Config.Get("main", "execute_frequency"), "what the plugin sees")

	p, _, err = openCheck(t, coreText+pluginHead, all)
	require.NoError(t, err)
	assert.Equal(t, time.Minute, p.Interval, "the plugin file comes first")

	_, _, err = openCheck(t, coreText, "@check")
	require.ErrorIs(t, err, ErrNotScheduled, "nobody says how often")
	_, _, err = openCheck(t, coreText, "@check(every=MINUTE)")
	require.ErrorContains(t, err, `good.py": line 3: @check: every must be a whole number`)
	require.ErrorContains(t, err, `plugin "Good One"`)
	p, warnings, err = openCheck(t, coreText+pluginHead, "@check(rates=NAMES)")
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], "rates must be a list of names")
	assert.Equal(t, time.Minute, p.Interval)

	const two = "@check\ndef cpu(ctx):\n    pass\n\n" + all
	_, _, err = openCheck(t, coreText, two)
	require.ErrorContains(t, err, `good.py": line 7: there is a second @check: one file is one plugin, so move it to a file of its own`)
	for _, more := range []string{"", "[transforms]\ndisk = rate:disk:reads\n"} {
		_, warnings, err = openCheck(t, coreText+pluginHead+more, two)
		require.NoError(t, err)
		require.Len(t, warnings, 1, "the plugin file says all, but not which of the two runs")
		assert.Contains(t, warnings[0], `good.py": line 7: there is a second @check`)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		errs       []string
	}{
		{"no name", "[Core]\nModule = good\n" + pluginHead, []string{"x.panoptes-plugin", "Name"}},
		{"no module", "[Core]\nName = x\n" + pluginHead, []string{"x.panoptes-plugin", "Module"}},
		{"no filter", coreText + "[main]\nexecute_frequency = 60\n", []string{"x.panoptes-plugin", `"Good One"`, "resource_filter is missing", "such as resource_filter = "}},
		{"empty filter", coreText + "[main]\nexecute_frequency = 60\nresource_filter =\n", []string{"resource_filter is empty"}},
		{"bad filter", coreText + "[main]\nexecute_frequency = 60\nresource_filter = resource_class = = \"x\"\n", []string{"x.panoptes-plugin", "[main] resource_filter", "does not parse", "column 18"}},
		{"missing module", strings.Replace(coreText, "= good", "= none", 1) + pluginHead, []string{"none", "good.py"}},
		{"runtime of a program", strings.Replace(coreText, "= good", "= tool", 1) + pluginHead + "runtime = python\n", []string{"[main] runtime of an executable file", `"process" or "exec"`, `"python"`}},
		{"output of a process", strings.Replace(coreText, "= good", "= tool", 1) + pluginHead + "output = nagios\n", []string{"[main] output, group, units and prefix are for runtime = exec"}},
		{"unknown output", strings.Replace(coreText, "= good", "= tool", 1) + pluginHead + "runtime = exec\noutput = xml\n", []string{`[main] output must be "json", "prometheus" or "nagios", is "xml"`}},
		{"group of JSON", strings.Replace(coreText, "= good", "= tool", 1) + pluginHead + "runtime = exec\ngroup = x\n", []string{"groups in JSON name their type themselves"}},
		{"two groups", strings.Replace(coreText, "= good", "= tool", 1) + pluginHead + "runtime = exec\noutput = nagios\ngroup = x\ngroup_type = y\n", []string{"[main] group and group_type are the same"}},
		{"units of JSON", strings.Replace(coreText, "= good", "= tool", 1) + pluginHead + "runtime = exec\nunits = base\n", []string{"[main] units is for output = nagios"}},
		{"units", strings.Replace(coreText, "= good", "= tool", 1) + pluginHead + "runtime = exec\noutput = nagios\nunits = si\n", []string{`[main] units must be "given", "base" or "ratio", is "si"`}},
		{"prefix", strings.Replace(coreText, "= good", "= tool", 1) + pluginHead + "runtime = exec\noutput = prometheus\nprefix = x_\n", []string{`[main] prefix must be "none", which keeps names as they are`}},
		{"prefix of nagios", strings.Replace(coreText, "= good", "= tool", 1) + pluginHead + "runtime = exec\noutput = nagios\nprefix = none\n", []string{"[main] prefix is for output = prometheus"}},
		{"open quote", strings.Replace(coreText, "= good", "= tool", 1) + pluginHead + "runtime = exec\nargs = a 'b c\n", []string{"[main] args: the quote ' has no end"}},
		{"unknown field", strings.Replace(coreText, "= good", "= tool", 1) + pluginHead + "runtime = exec\nargs = {resource_ip}\n", []string{"[main] args: there is no field {resource_ip}"}},
		{"field in a process", strings.Replace(coreText, "= good", "= tool", 1) + pluginHead + "args = -H {resource_endpoint}\n", []string{`"{resource_endpoint}" has a field of the resource`}},
		{"runtime of another", coreText + pluginHead + "runtime = exec\n", []string{"[main] runtime = exec", "good.py"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, _, err := openText(t, c.text, OpenOptions{})
			if err == nil { // whether it needs a filter is known when its type is
				_, err = p.As(TypeDiscovery)
				require.NoError(t, err)
				p, err = p.As(TypePolling)
			}
			require.Error(t, err)
			assert.Nil(t, p)
			for _, want := range c.errs {
				assert.ErrorContains(t, err, want)
			}
		})
	}
	_, _, err := Open(filepath.Join(t.TempDir(), "none.panoptes-plugin"), OpenOptions{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestNeverScheduled: without a frequency the plugin comes back all the same, to be run by hand.
func TestNeverScheduled(t *testing.T) {
	t.Parallel()
	for _, frequency := range []string{"", "execute_frequency = 0\n", "execute_frequency = -5\n", "execute_frequency = soon\n"} {
		p, _, err := openText(t, coreText+"[main]\n"+frequency+`resource_filter = resource_id = "a"`+"\n", OpenOptions{})
		require.ErrorIs(t, err, ErrNotScheduled)
		require.ErrorContains(t, err, "execute_frequency must be")
		require.NotNil(t, p)
		assert.Zero(t, p.Interval)
		assert.Equal(t, DefaultDeadline, p.Deadline)
	}
	p, _, err := openText(t, coreText+"[main]\n"+`resource_filter = resource_id = "a"`+"\n", OpenOptions{Interval: time.Minute})
	require.NoError(t, err)
	assert.Equal(t, time.Minute, p.Interval)
}

// TestVersionIsContent: the version changes with the plugin file and with any file of the module, and with nothing else.
func TestVersionIsContent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "x.panoptes-plugin")
	write := func(name, text string) {
		t.Helper()
		full := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o700))
		require.NoError(t, os.WriteFile(full, []byte(text), 0o600))
	}
	version := func() string {
		t.Helper()
		p, _, err := Open(path, OpenOptions{})
		require.NoError(t, err)
		return p.Version
	}
	write("x.panoptes-plugin", coreText+pluginHead)
	write("good/__init__.py", "x = 1\n")
	write("good/sub/__init__.py", "")
	seen := map[string]string{version(): "at first"}
	for _, c := range []struct{ name, text string }{
		{"good/__init__.py", "x = 2\n"},
		{"good/sub/a.py", ""},
		{"good/data.json", "{}"},
		{"x.panoptes-plugin", coreText + pluginHead + "count = 1\n"},
	} {
		write(c.name, c.text)
		v := version()
		assert.Empty(t, seen[v], "change of %s", c.name)
		seen[v] = c.name
	}
	before := version()
	write("good/__pycache__/a.pyc", "x")
	write("good/.git/HEAD", "x")
	write("good/sub/b.pyc", "x")
	write("other.py", "x")
	require.NoError(t, os.Chtimes(filepath.Join(dir, "good/__init__.py"), time.Unix(1, 0), time.Unix(1, 0)))
	assert.Equal(t, before, version())
}

func TestModuleFolderTooLarge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range maxModuleFiles + 1 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "m"+strconv.Itoa(i)+".py"), nil, 0o600))
	}
	err := visitPackage(dir, func(ownFile) error { return nil })
	require.ErrorContains(t, err, "more than 2000 files")
}

const pluginHead = `
[main]
execute_frequency = 60
resource_filter = resource_class = "network"
`

func testResource(id string) *pluginsdk.Resource {
	return &pluginsdk.Resource{
		Site: "dc1", Class: "network", Subclass: "switch", Type: "generic", ID: id, Endpoint: id + ".example", Plugin: "test",
	}
}

// writeScript writes an executable shell script.
func writeScript(t *testing.T, path, body string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700))
}
