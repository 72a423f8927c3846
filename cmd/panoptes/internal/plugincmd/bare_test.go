package plugincmd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/wait"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func (f folder) script(t *testing.T, name, content string) string {
	t.Helper()
	path := f.write(t, name, content)
	require.NoError(t, os.Chmod(path, 0o755))
	return path
}

// A plugin is found by its file, by its folder and by its module.
func TestFindPlugin(t *testing.T) {
	t.Parallel()
	f := folder{path: t.TempDir()}
	module := f.write(t, "one/check.py", "")
	file := f.plugin(t, "one/one", "check", `resource_class = "x"`, "")
	f.write(t, "package/thing/__init__.py", "")
	packaged := f.plugin(t, "package/p", "thing", `resource_class = "x"`, "")
	for _, path := range []string{file, module, filepath.Dir(file)} {
		found, err := findPlugin(path)
		require.NoError(t, err, path)
		require.Equal(t, file, found.path)
		require.Empty(t, found.text)
	}
	found, err := findPlugin(filepath.Join(f.path, "package", "thing"))
	require.NoError(t, err)
	require.Equal(t, packaged, found.path)

	f.plugin(t, "one/two", "check", `resource_class = "x"`, "")
	for path, text := range map[string]string{
		module: "is the module of 2 plugin files", filepath.Dir(file): "has 2 plugin files: name one of",
		f.path: "has 3 plugin files", t.TempDir(): "neither a plugin file nor a script", filepath.Join(f.path, "none"): "no such file",
	} {
		_, err := findPlugin(path)
		require.ErrorContains(t, err, text)
		require.Equal(t, exit.Usage, exit.Code(err))
	}
}

// What the script itself does not say has a default.
func TestPluginFilesThatAreMade(t *testing.T) {
	t.Parallel()
	f := folder{path: t.TempDir()}
	const all = "resource_filter = resource_id LIKE \"%%\"\n"
	for path, want := range map[string]string{
		f.write(t, "class.py", "class X: pass"): "[Core]\nName = class\nModule = class\n\n[main]\nexecute_frequency = 60\n" + all,
		f.write(t, "d.py", "from panoptes import check\n@check(every=30, resources='resource_class = \"a\"')\ndef d(ctx): pass\n"): "[Core]\nName = d\nModule = d\n",
		f.write(t, "e.py", "from panoptes import check\n@check\ndef e(ctx): pass\n"):                                               "[Core]\nName = e\nModule = e\n\n[main]\nexecute_frequency = 60\n" + all,
		f.script(t, "up.sh", "#!/bin/sh\n"):    "[Core]\nName = up\nModule = up.sh\n\n[main]\nruntime = exec\nexecute_frequency = 60\n" + all,
		f.script(t, "check_up", "#!/bin/sh\n"): "[Core]\nName = check_up\nModule = check_up\n\n[main]\nruntime = exec\noutput = nagios\nexecute_frequency = 60\n" + all,
		f.write(t, "if.yaml", ""):              "[Core]\nName = if\nModule = snmp\n\n[main]\nexecute_frequency = 60\n" + all + "\n[snmp]\ntables = if.yaml\n",
	} {
		found, err := findPlugin(path)
		require.NoError(t, err)
		require.Equal(t, want, found.text)
		parsed, err := pluginfile.Parse(found.path, []byte(found.text))
		require.NoError(t, err)
		require.Empty(t, parsed.Warnings)
	}
}

func TestRunScriptAgainstEndpoint(t *testing.T) {
	t.Parallel()
	f := folder{path: t.TempDir()}
	script := f.script(t, "up.sh", "#!/bin/sh\nprintf '{\"type\": \"up\", \"gauges\": {\"n\": 1}}\\n'\n")
	stdout, stderr, err := execute(t, NewRun(host), script, "--endpoint", "router1", "--json")
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, `"resource_endpoint": "router1"`)
	require.Contains(t, stderr, "  runtime = exec\n")

	// The made-up resource is one that the plugin's filter takes.
	file := f.plugin(t, "narrow", "up.sh", `resource_class = "network" AND resource_site IN ("dc1")`, "runtime = exec")
	stdout, stderr, err = execute(t, NewRun(host), file, "--endpoint", "router1", "--json")
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, `"resource_site": "dc1", "resource_class": "network"`)
	require.Empty(t, stderr)

	_, _, err = execute(t, NewRun(host), file)
	require.ErrorContains(t, err, "--endpoint HOST, or --resources FILE")
	f.write(t, "resources.json", `[{"resource_id": "a", "resource_endpoint": "a", "resource_class": "network", "resource_site": "dc1"}]`)
	stdout, stderr, err = execute(t, NewRun(host), file, "--json")
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, `"resource_id": "a"`)
}

// Against many resources each run is a line, runs go on at once, and what fails for the same cause is told once.
func TestRunSummary(t *testing.T) {
	t.Parallel()
	f := folder{path: t.TempDir()}
	var met sync.WaitGroup
	met.Add(4)
	many := Host{GoPlugins: map[string]pluginsdk.PollingPlugin{
		"many": pluginsdk.PollingPluginFunc(func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
			met.Done()
			met.Wait() // none ends before all have begun
			if pc.Resource.ID > "b" {
				return nil, errors.New("boom at the device")
			}
			groups := pc.NewGroups()
			groups.Group("g").Gauge("a", 1).Gauge("b", 2)
			return groups.Result()
		}),
	}}
	file := f.plugin(t, "many", "go:many", `resource_class = "system"`, "")
	stdout, stderr, err := execute(t, NewRun(many), file, "--endpoint", "a", "--endpoint", "b", "--endpoint", "c", "--endpoint", "d")
	require.ErrorIs(t, err, exit.ErrReported)
	lines := strings.Split(stdout, "\n")
	require.Contains(t, lines, "run 1 of 1 against 4 resources:")
	require.Regexp(t, `(?m)^b\tdefault\t\S+\t1\t2\tok$`, stdout)
	require.Regexp(t, `(?m)^d\tdefault\t\S+\t0\t0\t\w+$`, stdout)
	require.Regexp(t, `2 ok, 2 raised; 2 groups, 4 metrics; half of the runs took at most`, stdout)
	require.Equal(t, 1, strings.Count(stderr, "boom at the device"), stderr)
	require.Contains(t, stderr, "the same of 2 resources: c, d\n")
}

// output is a buffer that can be read while it is written.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// --watch runs the plugin again when it is saved, and shows what differs.
func TestRunWatch(t *testing.T) {
	t.Parallel()
	f := folder{path: t.TempDir()}
	const text = "#!/bin/sh\nprintf '{\"type\": \"up\", \"gauges\": {\"steady\": 7, \"n\": 1}}\\n'\n"
	script := f.script(t, "up.sh", text)
	ctx, cancel := context.WithCancel(t.Context())
	var stdout, stderr output
	cmd := NewRun(host)
	cmd.SetArgs([]string{script, "--endpoint", "router1", "--watch"})
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	ended := make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(ctx) }()
	saved := func(n int) func() bool {
		return func() bool { return strings.Count(stderr.String(), "waiting for the next save") == n }
	}
	const limit, tick = 20 * time.Second, 10 * time.Millisecond
	require.Eventually(t, saved(1), limit, tick)
	require.Contains(t, stdout.String(), "steady\tgauge\t7")
	f.write(t, "up.sh", strings.Replace(text, `"n": 1`, `"n": 12`, 1))
	require.Eventually(t, saved(2), limit, tick, &stderr)
	require.Contains(t, stdout.String(), "-   n\tgauge\t1\n+   n\tgauge\t12\n")
	f.write(t, "up.sh", text[:10])
	require.Eventually(t, saved(3), limit, tick, &stderr)
	require.Equal(t, 1, strings.Count(stderr.String(), "there is no plugin file for it"), "it is the same each time")
	cancel()
	require.NoError(t, <-ended)
}

// The named file is watched whatever else its folder has, also behind a link and beside files that never keep still.
func TestWatchSeesTheFile(t *testing.T) {
	t.Parallel()
	f := folder{path: t.TempDir()}
	plugin := f.write(t, "zz.py", "1")
	for i := range watchedFiles {
		f.write(t, "a"+strconv.Itoa(i), "")
	}
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(f.path, link))
	var o runOptions
	before, linked := o.files(plugin), o.files(link)
	f.write(t, "zz.py", "12")
	require.NotEqual(t, before, o.files(plugin))
	f.write(t, "a0", "1")
	require.NotEqual(t, linked, o.files(link))

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	go func() {
		for i := 0; wait.For(ctx, watchPause/10); i++ {
			_ = os.WriteFile(filepath.Join(f.path, "a0"), []byte(strings.Repeat("x", i)), 0o600)
		}
	}()
	require.True(t, o.changed(ctx, plugin, before))
}

func TestDifference(t *testing.T) {
	t.Parallel()
	before := []string{"run 1 in 3ms, 1 group", "a", "b", "c", "d", "e", "f", "g"}
	require.Equal(t, "nothing differs\n", difference(before, append([]string{"run 1 in 4.1ms, 1 group"}, before[1:]...), term.Style{}))
	after := []string{"run 1 in 3ms, 1 group", "a", "b", "c", "d", "E", "f", "g", "h"}
	require.Equal(t, "...\n  c\n  d\n- e\n+ E\n  f\n  g\n+ h\n", difference(before, after, term.Style{}))
}

func TestProgress(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := &progress{out: &out, shows: true}
	p.show(0, 3, 0, "a")
	_, err := p.Write([]byte("a line\n"))
	require.NoError(t, err)
	p.show(2, 3, 1, "c\x1b")
	p.end()
	require.Equal(t, "0 of 3 runs, waiting for a"+clearLine+"a line\n2 of 3 runs, 1 failed, waiting for c\\x1b"+clearLine, out.String())
}
