package runtimes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/safepath"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program"
	"github.com/panoptes-otel/panoptes-otel/internal/run/python"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
	"github.com/panoptes-otel/panoptes-otel/internal/run/workers"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// badPlugins are plugins that go wrong, each in its own way.
var badPlugins = []struct {
	name, module string
	deadline     time.Duration
	outcome      run.Outcome
	errs         []string // all of them are in the error
}{
	{"syntax", "def x(:\n", 0, run.OutcomeRejected, []string{"syntax.py", "SyntaxError", "line 1"}},
	{"import", "import no_such_module_at_all\n", 0, run.OutcomeRejected, []string{"import.py:1", "ModuleNotFoundError", "no_such_module_at_all"}},
	{"noclass", "x = 1\n", 0, run.OutcomeRejected, []string{"no class", "PanoptesPollingPlugin"}},
	{"constructor", class("        pass\n    def __init__(self):\n        raise ValueError('made wrong')"), 0, run.OutcomeRejected, []string{"ValueError", "made wrong"}},
	{"raises", class("        raise RuntimeError('boom')"), 0, run.OutcomeRaised, []string{"RuntimeError: boom"}},
	{"systemexit", class("        sys.exit(3)"), 0, run.OutcomeRaised, []string{"SystemExit: 3"}},
	{"interrupt", class("        raise KeyboardInterrupt()"), 0, run.OutcomeRaised, []string{"KeyboardInterrupt"}},
	{"list", class("        return [1]"), 0, run.OutcomeWrongType, []string{`"list"`, "PanoptesMetricsGroupSet"}},
	{"none", class("        return None"), 0, run.OutcomeNone, nil},
	{"sleeps", class("        time.sleep(1000)"), 200 * time.Millisecond, run.OutcomeTimeout, []string{"deadline of 200ms"}},
	{"stubborn", class("        import signal\n        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n        time.sleep(1000)"), 200 * time.Millisecond, run.OutcomeTimeout, []string{"deadline"}},
	{"spins", class("        while True: pass"), 200 * time.Millisecond, run.OutcomeTimeout, []string{"deadline"}},
	{"exits", class("        os._exit(7)"), 0, run.OutcomeCrashed, []string{"exit status 7"}},
	{"exits0", class("        os._exit(0)"), 0, run.OutcomeCrashed, []string{"exit status 0"}},
	{"killed", class("        os.kill(os.getpid(), 9)"), 0, run.OutcomeCrashed, []string{"signal: killed"}},
	{"segfault", class("        import ctypes\n        ctypes.string_at(0)"), 0, run.OutcomeCrashed, []string{"signal: segmentation fault", "Fatal Python error"}},
	{"importexit", "import os\nos._exit(4)\n", 0, run.OutcomeCrashed, []string{"exit status 4"}},
	{"prints", class("        print('hello', flush=True)\n        os.write(1, b'{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\\n')\n" + goodBody), 0, run.OutcomeOK, nil},
	{"floods", class("        for i in range(50000): sys.stderr.write('flood %d\\n' % i)\n" + goodBody), 0, run.OutcomeOK, nil},
	{"longline", class("        sys.stderr.write('x' * 5000000)\n" + goodBody), 0, run.OutcomeOK, nil},
	{"large", class("        g = PanoptesMetricsGroup(context.data, 'test', 60)\n        g.add_dimension(PanoptesMetricDimension('d', 'x' * 20000000))\n" +
		"        s = PanoptesMetricsGroupSet()\n        s.add(g)\n        return s"), 0, run.OutcomeTooLarge, []string{"limit is 16777216"}},
	{"protocol", class("        for fd in range(3, 800):\n            try: os.write(fd, b'no protocol\\n')\n            except OSError: pass\n" + goodBody), 0, run.OutcomeProtocol, []string{"line is no JSON", "no protocol"}},
	{"overlong", class("        for fd in range(3, 800):\n            try:\n                for i in range(300): os.write(fd, b'x' * 65536)\n                os.write(fd, b'\\n')\n" +
		"            except OSError: pass\n" + goodBody), 0, run.OutcomeTooLarge, []string{"limit is 16777216"}},
	{"closes", class("        os.closerange(3, 800)\n        time.sleep(1000)"), 20 * time.Second, run.OutcomeCrashed, []string{"closed the stream"}},
	{"child", class("        import subprocess\n        subprocess.Popen(['sleep', '1000'])\n        os._exit(5)"), 0, run.OutcomeCrashed, []string{"exit status 5"}},
}

// TestBadPlugins runs each bad plugin while a good one runs beside it, in one pool of two workers. Whatever the bad one
// does, it has its own outcome, and no run of the good one fails.
func TestBadPlugins(t *testing.T) {
	t.Parallel()
	runners := newRunners(t, Settings{Python: pythonWorkers(2)})
	good := openPython(t, "good", class(goodBody), plugin.OpenOptions{})
	ctx, stop := context.WithCancel(context.Background())
	var beside sync.WaitGroup
	goodRuns := 0
	beside.Go(func() {
		for ctx.Err() == nil {
			if res := runOnce(runners, good, "good"); !assert.Equal(t, run.OutcomeOK, res.Outcome, "%v", res.Err) {
				return
			}
			goodRuns++
		}
	})
	for _, c := range badPlugins {
		p := openPython(t, c.name, c.module, plugin.OpenOptions{Deadline: c.deadline})
		before := time.Now()
		res := runOnce(runners, p, "r1")
		assert.Equal(t, c.outcome, res.Outcome, "%s: %v", c.name, res.Err)
		if !c.outcome.Failed() {
			assert.NoError(t, res.Err, c.name)
			assert.LessOrEqual(t, res.Duration, time.Since(before))
			continue
		}
		require.Error(t, res.Err, c.name)
		assert.Contains(t, res.Err.Error(), `plugin "`+c.name+`": resource "r1": `)
		for _, want := range c.errs {
			assert.Contains(t, res.Err.Error(), want, c.name)
		}
	}
	stop()
	beside.Wait()
	assert.Positive(t, goodRuns)
}

// TestCrashShowsStderr: where in the plugin a crash happened is in the error's traceback.
func TestCrashShowsStderr(t *testing.T) {
	t.Parallel()
	runners := newRunners(t, Settings{Python: pythonWorkers(1)})
	p := openPython(t, "segfault", class("        import ctypes\n        ctypes.string_at(0)"), plugin.OpenOptions{})
	res := runOnce(runners, p, "r1")
	var e *run.PluginError
	require.ErrorAs(t, res.Err, &e)
	assert.Contains(t, e.Traceback, "segfault.py")
	assert.NotContains(t, res.Err.Error(), "\n", "the error itself is one line")
}

func TestTracebackIsInTheError(t *testing.T) {
	t.Parallel()
	runners := newRunners(t, Settings{Python: pythonWorkers(1)})
	res := runOnce(runners, openPython(t, "raises", class("        raise RuntimeError('boom')"), plugin.OpenOptions{}), "r1")
	var e *run.PluginError
	require.ErrorAs(t, res.Err, &e)
	assert.Equal(t, "RuntimeError", e.Type)
	assert.Contains(t, e.Traceback, "raises.py")
	assert.NotContains(t, res.Err.Error(), "\n", "the error itself is one line")
}

func TestCheck(t *testing.T) {
	t.Parallel()
	runners := newRunners(t, Settings{Python: pythonWorkers(1)})
	check := func(p *plugin.Plugin) error {
		checked, err := runners.Load(context.Background(), p)
		if err == nil {
			assert.Equal(t, plugin.TypePolling, checked.Type)
		}
		return err
	}
	require.NoError(t, check(openPython(t, "good", class(goodBody), plugin.OpenOptions{})))
	err := check(openPython(t, "bad", "x = \n", plugin.OpenOptions{}))
	require.ErrorContains(t, err, `plugin "bad": `)
	require.ErrorContains(t, err, "SyntaxError")
	err = check(openPython(t, "hangs", "import time\ntime.sleep(1000)\n", plugin.OpenOptions{Deadline: 200 * time.Millisecond}))
	require.ErrorContains(t, err, "deadline of 200ms")
	require.NoError(t, check(openPython(t, "good", class(goodBody), plugin.OpenOptions{})))
}

func TestGroupsOfPython(t *testing.T) {
	t.Parallel()
	runners := newRunners(t, Settings{Python: pythonWorkers(1)})
	p := openPython(t, "groups", class(`        s = one_group(context, 5)
        g = PanoptesMetricsGroup(context.data, 'more', 30)
        g.add_dimension(PanoptesMetricDimension('cpu_no', '5'))
        g.add_metric(PanoptesMetric('load', 0.3, PanoptesMetricType.GAUGE))
        g.add_metric(PanoptesMetric('nan', float('nan'), PanoptesMetricType.GAUGE))
        g.add_metric(PanoptesMetric('switches', 50, PanoptesMetricType.COUNTER))
        s.add(g)
        s.add(PanoptesMetricsGroup(context.data, 'empty', 60))
        return s`), plugin.OpenOptions{})
	resource := testResource("r1")
	res := runners.Run(context.Background(), run.Request{Plugin: p, Resource: resource})
	require.Equal(t, run.OutcomeOK, res.Outcome, "%v", res.Err)
	require.Len(t, res.Groups, 3)
	byType := map[string]*pluginsdk.MetricsGroup{}
	for _, g := range res.Groups {
		byType[g.Type] = g
		assert.Same(t, resource, g.Resource)
	}
	assert.Len(t, byType["test"].Metrics(), 1)
	assert.Empty(t, byType["empty"].Metrics(), "a group without metrics is kept")
	more := byType["more"]
	assert.Equal(t, 30, more.Interval)
	assert.Len(t, more.Metrics(), 2)
	value, _ := more.Dimension("cpu_no")
	assert.Equal(t, "5", value)
	require.Len(t, res.Dropped, 1)
	d := res.Dropped[0]
	assert.Equal(t, run.Drop{Group: "more", Metric: "nan", Reason: run.DropNotFinite, Err: d.Err}, d)
	assert.ErrorContains(t, d.Err, `plugin "groups": resource "r1": `)
	assert.Positive(t, res.Duration)
	assert.Positive(t, res.CPU)
}

func TestContextOfPython(t *testing.T) {
	t.Parallel()
	secrets := kv.NewSecrets(t.TempDir())
	store := kv.NewStore(kv.Options{}).Namespace(kv.PluginsNamespace)
	runners := newRunners(t, Settings{Python: pythonWorkers(2), Host: Host{KV: store, Secrets: secrets, Context: wire.Context{Sites: []string{"dc1", "dc2"}, SNMP: map[string]any{"port": 161}}}})
	p := openPython(t, "context", class(`        kv = context.kv
        assert kv.get('absent') is None
        assert kv.ttl('absent') == -2
        kv.set('k', 'v')
        assert kv.get('k') == 'v', kv.get('k')
        assert 0 < kv.ttl('k') <= 604800
        assert kv.getset('k', 'w', expire=10) == 'v'
        kv.set('for good', 'x', expire=None)
        assert kv.ttl('for good') == -1
        assert sorted(kv.find_keys('*')) == ['for good', 'k'], kv.find_keys('*')
        kv.delete('for good')
        assert kv.get('for good') is None
        kv.set_add('s', 'a')
        kv.set_add('s', 'b')
        assert kv.set_members('s') == {'a', 'b'}
        assert context.secrets.get_by_site('none', 'dc1') is None
        assert context.sites == {'dc1', 'dc2'}, context.sites
        assert context.snmp['port'] == 161
        assert context.config['main']['execute_frequency'] == '60', context.config
        assert context.data.resource_id == 'r1'
        return one_group(context)`), plugin.OpenOptions{})
	res := runOnce(runners, p, "r1")
	require.Equal(t, run.OutcomeOK, res.Outcome, "%v", res.Err)
	got, err := store.Get(context.Background(), "k")
	require.NoError(t, err)
	assert.Equal(t, "w", got)
}

func TestLogsOfPython(t *testing.T) {
	t.Parallel()
	logger, logs := logged(t)
	runners := newRunners(t, Settings{Python: pythonWorkers(1), Host: Host{Logger: logger}})
	p := openPython(t, "talks", class(`        context.logger.warning('careful %s', 'now')
        try:
            1 / 0
        except ZeroDivisionError:
            context.logger.exception('oops')
        print('printed')
        return one_group(context)`), plugin.OpenOptions{})
	require.Equal(t, run.OutcomeOK, runOnce(runners, p, "r1").Outcome)
	require.NoError(t, runners.Close(context.Background())) // stderr has been read to its end
	for _, want := range []struct{ message, level, field string }{
		{"careful now", "warn", "logger"},
		{"oops", "error", "exception"},
		{"printed", "info", "stream"},
	} {
		entries := logs.FilterMessageSnippet(want.message).All()
		require.Len(t, entries, 1, want.message)
		fields := entries[0].ContextMap()
		assert.Equal(t, want.level, entries[0].Level.String())
		assert.Equal(t, "talks", fields["plugin"])
		assert.Equal(t, "r1", fields["resource_id"])
		assert.EqualValues(t, 1, fields["run_id"])
		assert.Contains(t, fields, want.field)
	}
	exception := logs.FilterMessageSnippet("oops").All()[0].ContextMap()["exception"]
	assert.Contains(t, exception, "ZeroDivisionError")
}

// TestEachRunIsNew: neither module nor instance state survives a run.
func TestEachRunIsNew(t *testing.T) {
	t.Parallel()
	runners := newRunners(t, Settings{Python: pythonWorkers(1)})
	p := openPython(t, "state", class("        global count\n        count += 1\n        assert count == 1, count\n"+goodBody)+"\ncount = 0\n", plugin.OpenOptions{})
	for range 3 {
		res := runOnce(runners, p, "r1")
		require.Equal(t, run.OutcomeOK, res.Outcome, "%v", res.Err)
	}
}

// TestWorkerInDoubtIsReplaced: a worker lives on after what it has taken well, and goes after what it may have not.
func TestWorkerInDoubtIsReplaced(t *testing.T) {
	t.Parallel()
	runners := newRunners(t, Settings{Python: pythonWorkers(1)})
	pid := openPython(t, "pid", class("        return one_group(context, os.getpid())"), plugin.OpenOptions{})
	worker := func() string {
		t.Helper()
		res := runOnce(runners, pid, "r1")
		require.Equal(t, run.OutcomeOK, res.Outcome, "%v", res.Err)
		return res.Groups[0].Metrics()[0].Value.String()
	}
	for _, c := range badPlugins {
		if c.outcome == run.OutcomeCrashed {
			continue
		}
		before := worker()
		runOnce(runners, openPython(t, c.name, c.module, plugin.OpenOptions{Deadline: c.deadline}), "r1")
		replaced := c.outcome == run.OutcomeTimeout || c.outcome == run.OutcomeProtocol || c.name == "overlong"
		assert.Equal(t, replaced, worker() != before, c.name)
	}
}

func TestManyRunsShareFewWorkers(t *testing.T) {
	t.Parallel()
	runners := newRunners(t, Settings{Python: pythonWorkers(2)})
	p := openPython(t, "good", class("        return one_group(context, os.getpid())"), plugin.OpenOptions{})
	var mu sync.Mutex
	pids := map[string]int{}
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			res := runOnce(runners, p, fmt.Sprint("r", i))
			if !assert.Equal(t, run.OutcomeOK, res.Outcome, "%v", res.Err) {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			pids[res.Groups[0].Metrics()[0].Value.String()]++
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, len(pids), 2)
}

// signalKV tells when something is written to it, so that a test can wait until a plugin is on.
type signalKV struct {
	pluginsdk.KeyValueStore
	written chan struct{}
}

func newSignalKV() *signalKV {
	return &signalKV{kv.NewStore(kv.Options{}).Namespace(kv.PluginsNamespace), make(chan struct{}, 10)}
}

// Set implements pluginsdk.KeyValueStore.
func (s *signalKV) Set(ctx context.Context, key, value string, ttl time.Duration) error {
	s.written <- struct{}{}
	return s.KeyValueStore.Set(ctx, key, value, ttl)
}

func TestCallerGivesUpWhileWaitingAndWhileRunning(t *testing.T) {
	t.Parallel()
	store := newSignalKV()
	runners := newRunners(t, Settings{Python: pythonWorkers(1), Host: Host{KV: store}})
	p := openPython(t, "sleeps", class("        context.kv.set('began', 'yes')\n        time.sleep(1000)"), plugin.OpenOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	results := make(chan run.Result, 2)
	var begun atomic.Int64
	for _, id := range []string{"r1", "r2"} {
		go func() {
			results <- runners.Run(ctx, run.Request{Plugin: p, Resource: testResource(id), Begun: func() { begun.Add(1) }})
		}()
	}
	<-store.written
	cancel()
	for range 2 {
		res := <-results
		assert.Equal(t, run.OutcomeCanceled, res.Outcome, "%v", res.Err)
		assert.ErrorIs(t, res.Err, context.Canceled)
	}
	assert.Equal(t, int64(1), begun.Load(), "the one that waits for the worker has not begun")
	good := openPython(t, "good", class(goodBody), plugin.OpenOptions{})
	res := runOnce(runners, good, "r1")
	assert.Equal(t, run.OutcomeOK, res.Outcome, "%v", res.Err)
}

func TestShutdownEndsRuns(t *testing.T) {
	t.Parallel()
	store := newSignalKV()
	runners := newRunners(t, Settings{Python: pythonWorkers(1), Host: Host{KV: store}})
	p := openPython(t, "sleeps", class("        context.kv.set('began', 'yes')\n        time.sleep(1000)"), plugin.OpenOptions{})
	result := make(chan run.Result, 1)
	go func() { result <- runOnce(runners, p, "r1") }()
	<-store.written
	require.NoError(t, runners.Close(context.Background()))
	res := <-result
	assert.Equal(t, run.OutcomeCanceled, res.Outcome, "%v", res.Err)
	require.NoError(t, runners.Close(context.Background()))
	res = runOnce(runners, p, "r1")
	assert.Equal(t, run.OutcomeCanceled, res.Outcome, "%v", res.Err)
	assert.ErrorIs(t, res.Err, run.ErrShutdown)
}

func TestInterpreterThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, script string
		errs         []string
	}{
		{"missing", "", []string{"python.interpreter", "cannot be run", "install Python 3.8"}},
		{"old", `echo '[2, 7, "/usr/bin/python2", []]'`, []string{"python.interpreter", "is Python 2.7, 3.8 or later is needed"}},
		{"older 3", `echo '[3, 7, "/usr/bin/python3", []]'`, []string{"is Python 3.7"}},
		{"fails", `echo broken library >&2; exit 9`, []string{"python.interpreter", "exit status 9", "broken library"}},
		{"modules of others", `echo "[3, 9, \"\", [\"$(dirname "$0")/others\"]]"`, []string{"has modules of a folder in which others can put some", "chmod o-w"}},
		{"no python", `echo hello`, []string{`it answered "hello\n"`}},
		{"worker fails", `case "$*" in *json.dumps*) echo '[3, 9, "", ["/usr/lib"]]';; *) echo cannot import x >&2; exit 3;; esac`, []string{"start Python", "exit status 3", "cannot import x"}},
		{"worker speaks nonsense", `case "$*" in *json.dumps*) echo '[3, 9, "", ["/usr/lib"]]';; *) echo nonsense >&3; cat;; esac`, []string{"start Python", `it answered "nonsense\n"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "python3")
			if c.script != "" {
				writeScript(t, path, c.script)
			}
			others := filepath.Join(filepath.Dir(path), "others")
			require.NoError(t, os.Mkdir(others, 0o700))
			require.NoError(t, os.Chmod(others, 0o777))
			runners := newRunners(t, Settings{Python: python.Settings{PythonEnv: plugin.PythonEnv{MaxWorkers: 1, Interpreter: path}}})
			res := runOnce(runners, openPython(t, "good", class(goodBody), plugin.OpenOptions{}), "r1")
			assert.Equal(t, run.OutcomeUnavailable, res.Outcome)
			require.Error(t, res.Err)
			for _, want := range append(c.errs, "no process can be started") {
				assert.Contains(t, res.Err.Error(), want)
			}
			_, err := runners.Load(context.Background(), openPython(t, "good", class(goodBody), plugin.OpenOptions{}))
			var unavailable *workers.UnavailableError
			assert.True(t, errors.As(err, &unavailable), "%v", err)
		})
	}
}

func TestRunningPluginsDoNotSeeOurEnvironment(t *testing.T) {
	t.Setenv("PANOPTES_TEST_TOKEN", "hush")
	runners := newRunners(t, Settings{Python: pythonWorkers(1)})
	p := openPython(t, "env", class("        assert 'PANOPTES_TEST_TOKEN' not in os.environ\n        assert os.environ['PATH']\n"+goodBody), plugin.OpenOptions{})
	res := runOnce(runners, p, "r1")
	assert.Equal(t, run.OutcomeOK, res.Outcome, "%v", res.Err)
	inherit := pythonWorkers(1)
	inherit.Inherit = []string{"PANOPTES_TEST_TOKEN"}
	p = openPython(t, "named", class("        assert os.environ['PANOPTES_TEST_TOKEN'] == 'hush'\n"+goodBody), plugin.OpenOptions{})
	res = runOnce(newRunners(t, Settings{Python: inherit}), p, "r1")
	assert.Equal(t, run.OutcomeOK, res.Outcome, "%v", res.Err)
}

func TestRuntimeDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	runners := newRunners(t, Settings{Python: python.Settings{PythonEnv: plugin.PythonEnv{MaxWorkers: 1}, RuntimeDir: dir}})
	p := openPython(t, "good", class("        assert sys.path[0].startswith("+strings.ReplaceAll(`"`+dir+`"`, `\`, `\\`)+")\n"+goodBody), plugin.OpenOptions{})
	res := runOnce(runners, p, "r1")
	assert.Equal(t, run.OutcomeOK, res.Outcome, "%v", res.Err)
}

func BenchmarkPythonRun(b *testing.B) {
	dir := b.TempDir()
	path := filepath.Join(dir, "good.panoptes-plugin")
	require.NoError(b, os.WriteFile(path, []byte("[Core]\nName = good\nModule = good"+pluginHead), 0o600))
	require.NoError(b, os.WriteFile(filepath.Join(dir, "good.py"), []byte(class(goodBody)), 0o600))
	p, _, err := plugin.Open(path, plugin.OpenOptions{})
	require.NoError(b, err)
	p, err = p.Snapshot(filepath.Join(dir, "copy"))
	require.NoError(b, err)
	r, err := New(Settings{Python: pythonWorkers(2)})
	require.NoError(b, err)
	req := run.Request{Plugin: p, Resource: testResource("r1")}
	for range 100 { // with a worker that has to be started
		require.NoError(b, r.Run(context.Background(), req).Err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if res := r.Run(context.Background(), req); res.Err != nil {
				b.Error(res.Err)
			}
		}
	})
	require.NoError(b, r.Close(context.Background()))
}

// TestResourceWithoutPlugin: in Python such a resource gets a stand-in, which goes no further.
func TestResourceWithoutPlugin(t *testing.T) {
	t.Parallel()
	runners := newRunners(t, Settings{Python: pythonWorkers(1)})
	p := openPython(t, "orphan", class(goodBody), plugin.OpenOptions{})
	resource := testResource("r1")
	resource.Plugin = ""
	res := runners.Run(context.Background(), run.Request{Plugin: p, Resource: resource})
	require.Equal(t, run.OutcomeOK, res.Outcome, "%v", res.Err)
	require.Len(t, res.Groups, 1)
	assert.Same(t, resource, res.Groups[0].Resource)
	assert.Empty(t, resource.Plugin)
}

// TestModulesBesideAPlugin: they can be imported where the plugin file says so, are part of the plugin's version, and are
// run as they were when that was taken.
func TestModulesBesideAPlugin(t *testing.T) {
	t.Parallel()
	runners := newRunners(t, Settings{Python: pythonWorkers(1)})
	path := writePlugin(t, "uses", "import helper, pack.inner\n"+class("        assert pack.inner.__file__ == "+
		"os.path.join(os.path.dirname(__file__), 'pack', 'inner.py')\n        return one_group(context, helper.VALUE + pack.inner.VALUE)"))
	dir := filepath.Dir(path)
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("helper.py", "VALUE = 1\n")
	elsewhere := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "__init__.py"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "inner.py"), []byte("VALUE = 10\n"), 0o600))
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(dir, "pack")))
	write("data/notes.py", "no package")
	open := func() *plugin.Plugin {
		p, _, err := plugin.Open(path, plugin.OpenOptions{})
		require.NoError(t, err)
		return p
	}
	res := runOnce(runners, open(), "r1")
	require.Equal(t, run.OutcomeRejected, res.Outcome)
	require.ErrorContains(t, res.Err, "helper")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	write(filepath.Base(path), string(text)+"sys_path = plugin\n")

	p := open()
	snapshot, err := p.Snapshot(t.TempDir() + "/copy")
	require.NoError(t, err)
	write("helper.py", "VALUE = 2\n")
	assert.Equal(t, "11", value(t, runOnce(runners, snapshot, "r1")), "what was copied counts")
	assert.Equal(t, "12", value(t, runOnce(runners, p, "r1")), "without a copy it is what lies there")
	_, err = p.Snapshot(t.TempDir() + "/copy")
	require.ErrorIs(t, err, plugin.ErrChanged)
	changed := open()
	assert.NotEqual(t, p.SHA256, changed.SHA256)
	write("data/notes.py", "is not imported")
	assert.Equal(t, changed.SHA256, open().SHA256)
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "inner.py"), []byte("VALUE = 20\n"), 0o600))
	assert.NotEqual(t, changed.SHA256, open().SHA256)

	write(filepath.Base(path), string(text)+"sys_path = plugin\n[x]\n[DEFAULT]\nsys_path = all\n")
	open() // what the section says comes first
	require.NoError(t, os.Chmod(filepath.Join(dir, "helper.py"), 0o666))
	write(filepath.Base(path), string(text)+"sys_path = plugin\n")
	_, _, err = plugin.Open(path, plugin.OpenOptions{})
	require.ErrorIs(t, err, safepath.ErrUnsafe)
	assert.ErrorContains(t, err, "helper.py")
}

// TestFolderThatStandsForAPackage: what a plugin imports by the package's name is that of its folder, belongs to its
// version, and is run from a copy.
func TestFolderThatStandsForAPackage(t *testing.T) {
	t.Parallel()
	runners := newRunners(t, Settings{Python: pythonWorkers(1)})
	const name = "yahoo_panoptes.plugins.polling.napalm"
	path := writePlugin(t, "eos", "import pkgutil\nfrom "+name+".drivers.eos import SPEED, __file__ as place\n"+class(
		"        assert place == os.path.join(os.path.dirname(__file__), 'drivers', 'eos.py'), place\n"+
			"        assert pkgutil.get_data('"+name+"', 'speeds.json') == b'{}'\n        return one_group(context, SPEED)"))
	dir := filepath.Dir(path)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "drivers"), 0o700))
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("drivers/eos.py", "from ..base import FACTOR\nfrom a.next.door import TEN\nSPEED = TEN * FACTOR\n")
	next := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(next, "door.py"), []byte("TEN = 10\n"), 0o600))
	write("base.py", "FACTOR = 1\n")
	write("__init__.py", "")
	write("speeds.json", "{}")
	open := func(name string) *plugin.Plugin {
		p, _, err := plugin.Open(path, plugin.OpenOptions{Packages: []plugin.Package{{Name: name, Folder: dir}, {Name: "a.next", Folder: next}, {Name: "a.gone", Folder: dir + "-gone"}}})
		require.NoError(t, err)
		return p
	}
	res := runOnce(runners, open("unused"), "r1")
	require.Equal(t, run.OutcomeRejected, res.Outcome)
	require.ErrorContains(t, res.Err, name)

	p := open(name)
	assert.NotEqual(t, open("other").SHA256, p.SHA256)
	snapshot, err := p.Snapshot(t.TempDir() + "/copy")
	require.NoError(t, err)
	write("base.py", "FACTOR = 2\n")
	require.NoError(t, os.WriteFile(filepath.Join(next, "door.py"), []byte("TEN = 30\n"), 0o600))
	res = runOnce(runners, snapshot, "r1")
	require.NoError(t, res.Err)
	assert.Equal(t, "10", value(t, res), "what was copied counts")
	assert.Equal(t, "60", value(t, runOnce(runners, p, "r1")), "without a copy it is what lies there")
	assert.NotEqual(t, p.SHA256, open(name).SHA256)
}

// TestRequirements: a plugin whose requirements are not met is not loaded, and is told how to install them.
func TestRequirements(t *testing.T) {
	t.Parallel()
	runners := newRunners(t, Settings{Python: pythonWorkers(1)})
	p := openPython(t, "needs", class(goodBody), plugin.OpenOptions{})
	file := filepath.Join(filepath.Dir(p.File.Path), "requirements.txt")
	require.NoError(t, os.WriteFile(file, []byte("no-such-package-at-all\n"), 0o600))
	err := checked(runners, p)
	require.ErrorContains(t, err, "no-such-package-at-all is not installed")
	require.ErrorContains(t, err, " -m pip install -r "+file)
	require.NoError(t, os.Remove(file))
	require.NoError(t, checked(runners, p))
}

// TestNoCodeFromOutside: neither the working directory nor HOME nor the environment brings code into a worker.
func TestNoCodeFromOutside(t *testing.T) {
	// Not parallel: it changes the working directory and the environment.
	dir, marker := t.TempDir(), filepath.Join(t.TempDir(), "marker")
	evil := "open(" + strconv.Quote(marker) + ", 'a').write(__name__ + ' ')\n"
	version := exec.Command("python3", "-c", "import site; print(site.getusersitepackages())")
	version.Env = append(os.Environ(), "HOME="+dir)
	user, err := version.Output()
	require.NoError(t, err)
	for _, folder := range []string{dir, strings.TrimSpace(string(user))} {
		require.NoError(t, os.MkdirAll(folder, 0o700))
		for _, name := range []string{"json.py", "sitecustomize.py", "usercustomize.py", "panoptes_worker.py", "asyncio.py"} {
			require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(evil), 0o600))
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, "evil.pth"), []byte("import json\n"), 0o600))
	}
	t.Chdir(dir)
	for _, name := range []string{"HOME", "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE"} {
		t.Setenv(name, dir)
	}
	t.Setenv("PYTHONSTARTUP", filepath.Join(dir, "json.py"))
	runners := newRunners(t, Settings{
		Python: pythonWorkers(1), Programs: program.Settings{Inherit: []string{"PYTHONPATH", "PYTHONSTARTUP"}},
	})
	p := openPython(t, "good", class("        import json, asyncio\n"+goodBody), plugin.OpenOptions{})
	value(t, runOnce(runners, p, "r1"))
	assert.NoFileExists(t, marker)
}
