package plugincmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/goleak"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// execute runs a command in process.
func execute(t *testing.T, cmd *cobra.Command, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs strings.Builder
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.ExecuteContext(t.Context())
	return out.String(), errs.String(), err
}

// folder is a folder of plugins with a file of resources.
type folder struct {
	path, resources string
}

func newFolder(t *testing.T) folder {
	t.Helper()
	f := folder{path: t.TempDir()}
	f.resources = f.write(t, "resources.json", "["+resource("one", "dc1")+", "+resource("two", "dc2")+"]")
	return f
}

func (f folder) write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(f.path, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	return path
}

func resource(id, site string) string {
	return fmt.Sprintf(`{"resource_site": %q, "resource_class": "system", "resource_subclass": "host", "resource_type": "generic", `+
		`"resource_id": %q, "resource_endpoint": "localhost", "resource_metadata": {"_resource_ttl": "900"}, `+
		`"resource_creation_timestamp": 1512629517.03, "resource_plugin": "p"}`, site, id)
}

func (f folder) plugin(t *testing.T, name, module, filter, more string) string {
	t.Helper()
	return f.write(t, name+".panoptes-plugin", fmt.Sprintf("[Core]\nName = %s\nModule = %s\n[Documentation]\nVersion = 0.1\n[main]\n"+
		"execute_frequency = 60\nresource_filter = %s\n%s", name, module, filter, more))
}

const rateOfN = "[transforms]\nexample = rate:example:n\n[topics]\nprocessed = extra\n"

// counting returns groups whose times and counter it makes up: each run is ten seconds and fifty later.
func counting(ctx context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
	key := "runs of " + pc.Resource.ID
	members, _ := pc.KV.SetMembers(ctx, key)
	n := len(members)
	if err := pc.KV.SetAdd(ctx, key, fmt.Sprint(n)); err != nil {
		return nil, err
	}
	pc.Logger.Info("counting", "n", n, "sites", pc.Sites)
	g, err := pc.NewMetricsGroup("example")
	if err != nil {
		return nil, err
	}
	at := pluginsdk.Int(int64(1600000000 + 10*n))
	empty, err := pc.NewMetricsGroup("nothing")
	err = errors.Join(err,
		g.AddDimension("cpu", "0"),
		g.AddMetric(pluginsdk.Metric{Name: "n", Type: pluginsdk.Counter, Value: pluginsdk.Int(int64(50 * n)), Timestamp: at}),
		g.AddMetric(pluginsdk.Metric{Name: "load", Value: pluginsdk.Float(0.5), Timestamp: at}))
	return pluginsdk.NewMetricsGroupSet(g, empty), err
}

var host = Host{Version: "test", GoPlugins: map[string]pluginsdk.PollingPlugin{
	"counting": pluginsdk.PollingPluginFunc(counting),
	"raising": pluginsdk.PollingPluginFunc(func(context.Context, *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		return nil, errors.New("boom at the device")
	}),
	"panicking": pluginsdk.PollingPluginFunc(func(context.Context, *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		panic("at the disco")
	}),
	"silent": pluginsdk.PollingPluginFunc(func(context.Context, *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		return nil, pluginsdk.ErrNoResults
	}),
}}

func jsonGroup(id, site string, n int, rate string) string {
	if rate != "" {
		rate = fmt.Sprintf(`{"metric_creation_timestamp": %d.0, "metric_name": "n", "metric_value": %s, "metric_type": "gauge"}, `, 1600000000+10*n, rate)
	}
	return fmt.Sprintf(`{"metrics_group_type": "example", "metrics_group_interval": 60, "metrics_group_creation_timestamp": %[1]d.0, `+
		`"metrics_group_schema_version": "0.2", "resource": %[2]s, "metrics": [`+
		`{"metric_creation_timestamp": %[1]d.0, "metric_name": "n", "metric_value": %[3]d, "metric_type": "counter"}, %[4]s`+
		`{"metric_creation_timestamp": %[1]d.0, "metric_name": "load", "metric_value": 0.5, "metric_type": "gauge"}], `+
		`"dimensions": [{"dimension_name": "cpu", "dimension_value": "0"}]}`, 1600000000+10*n, resource(id, site), 50*n, rate)
}

// full takes the groups without metrics, whose time is that of the test, out of lines of JSON.
func full(lines string) []string {
	var out []string
	for line := range strings.Lines(lines) {
		if !strings.Contains(line, `"metrics": []`) {
			out = append(out, strings.TrimSuffix(line, "\n"))
		}
	}
	return out
}

func TestRunJSON(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	plugin := f.plugin(t, "counting", "go:counting", `resource_class = "system"`, rateOfN)
	stdout, stderr, err := execute(t, NewRun(host), plugin, "--resources", f.resources, "--times", "2", "--pause", "0", "--json")
	require.NoError(t, err, stderr)
	require.Equal(t, []string{
		jsonGroup("one", "dc1", 0, ""), jsonGroup("two", "dc2", 0, ""), jsonGroup("one", "dc1", 1, "5"), jsonGroup("two", "dc2", 1, "5"),
	}, full(stdout))
	require.Equal(t, 8, strings.Count(stdout, "\n"), "groups without metrics are there")
	require.Contains(t, stderr, `counting  {"plugin": "counting", "resource_id": "one"`)
	require.Contains(t, stderr, "dc1")
}

func TestRunDoubleRates(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	plugin := f.plugin(t, "counting", "go:counting", `resource_id = "one"`, rateOfN)
	stdout, stderr, err := execute(t, NewRun(host), plugin, "--resources", f.resources, "--times", "2", "--pause", "0", "--json", "--rates", "double")
	require.NoError(t, err, stderr)
	require.Equal(t, []string{jsonGroup("one", "dc1", 0, ""), jsonGroup("one", "dc1", 1, "5.0")}, full(stdout))
}

func TestRunExplain(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	plugin := f.plugin(t, "counting", "go:counting", `resource_class = "system"`, rateOfN)
	stdout, stderr, err := execute(t, NewRun(host), plugin, "--resources", f.resources, "--resource", "two", "--explain", "--partitions", "12")
	require.NoError(t, err, stderr)
	lines := full(stdout)
	require.Len(t, lines, 1)
	require.Regexp(t, "^"+regexp.QuoteMeta(`{"group": `+jsonGroup("two", "dc2", 0, "")+`, "topics": ["dc2-processed", "dc2-extra"], `+
		`"key": "system:host:generic", "partitioning_key": "two|example|cpu|0", "partition": `)+`\d+}$`, lines[0])
	require.Contains(t, stderr, "plugin counting: go counting, every 1m0s, deadline 1m15s\n")
	require.Contains(t, stderr, "rates come with the second run: --times 2")
}

func TestRunOTLP(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	plugin := f.plugin(t, "counting", "go:counting", `resource_id = "one"`, rateOfN)
	stdout, stderr, err := execute(t, NewRun(host), plugin, "--resources", f.resources, "--times", "2", "--pause", "0", "--otlp")
	require.NoError(t, err, stderr)
	lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
	require.Len(t, lines, 2)
	md, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics([]byte(lines[1]))
	require.NoError(t, err)
	var names []string
	for _, m := range md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		names = append(names, m.Name())
	}
	require.ElementsMatch(t, []string{"example.n", "example.n.rate", "example.load"}, names)
	require.NotContains(t, stdout, "panoptes.plugin.transforms")
}

var spent = regexp.MustCompile(` in [0-9.]+[mµ]?s,`)

func TestRunForPeople(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	plugin := f.plugin(t, "counting", "go:counting", `resource_id = "one"`, rateOfN)
	stdout, stderr, err := execute(t, NewRun(host), plugin, "--resources", f.resources, "--times", "2", "--pause", "0")
	require.NoError(t, err, stderr)
	require.Equal(t, `plugin counting: go counting, every 1m0s, deadline 1m15s
filter: resource_id = "one"
transform: example = rate:example:n
config: [main] execute_frequency = 60
config: [main] resource_filter = resource_id = "one"
config: [topics] processed = extra

run 1 of 2 against one (site dc1): ok in TIME, 2 groups
resource: `+resource("one", "dc1")+`

example  cpu=0  interval 60s
  n	counter	0		no rate: first value
  load	gauge	0.5

nothing  interval 60s
  no metrics: a Collector does not send this group

run 2 of 2 against one (site dc1): ok in TIME, 2 groups

example  cpu=0  interval 60s
  n	counter	50	5/s	0 -> 50 in 10s
  load	gauge	0.5

nothing  interval 60s
  no metrics: a Collector does not send this group
`, spent.ReplaceAllString(stdout, " in TIME,"))
}

func TestRunFailures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		module, filter string
		args           []string
		code           int
		stderr         string
		err            string
	}{
		"raises":              {"go:raising", `resource_id = "one"`, nil, 1, "boom at the device", exit.ErrReported.Error()},
		"panics":              {"go:panicking", `resource_id = "one"`, nil, 1, "goroutine ", exit.ErrReported.Error()},
		"has nothing to say":  {"go:silent", `resource_id = "one"`, nil, 0, "", ""},
		"not compiled in":     {"go:other", `resource_id = "one"`, nil, 2, "", "pluginsdk/plugintest"},
		"no resource matches": {"go:counting", `resource_id = "three"`, nil, 1, "", `none of 2 resources matches the filter of plugin "p", which is: resource_id = "three"`},
		"the named one does not match": {
			"go:counting", `resource_class = "system" AND resource_site = "dc1"`,
			[]string{"--resource", "two"},
			1, "",
			`resource "two" does not match the filter of plugin "p": resource_site = "dc1"; resource_site is "dc2"`,
		},
		"the named one is not there":       {"go:counting", `resource_id = "one"`, []string{"--resource", "nine"}, 1, "", `no resource of the files has the id "nine"`},
		"a filter that does not parse":     {"go:counting", `resource_id == "one"`, nil, 2, "", "column 13"},
		"a resources file that is missing": {"go:counting", `resource_id = "one"`, []string{"--resources", "/nonexistent.json"}, 2, "", "/nonexistent.json"},
		"no interpreter":                   {"module", `resource_id = "one"`, []string{"--python", "/nonexistent/python"}, 2, "", "name the interpreter with --python"},
		"no module":                        {"missing", `resource_id = "one"`, nil, 2, "", "missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t)
			f.write(t, "module.py", "")
			plugin := f.plugin(t, "p", c.module, c.filter, "")
			stdout, stderr, err := execute(t, NewRun(host), append([]string{plugin, "--resources", f.resources, "--json"}, c.args...)...)
			require.Equal(t, c.code, exit.Code(err), "%v\n%s", err, stderr)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
			}
			require.Contains(t, stderr, c.stderr)
			require.Empty(t, stdout)
		})
	}
}

func TestRunBadResourceEntry(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	plugin := f.plugin(t, "counting", "go:counting", `resource_id = "one"`, "")
	bad := f.write(t, "bad.json", `[{"resource_id": "x"}, `+resource("one", "dc3")+`]`)
	stdout, stderr, err := execute(t, NewRun(host), plugin, "--resources", bad, "--json")
	require.Equal(t, exit.Failed, exit.Code(err))
	require.Equal(t, []string{jsonGroup("one", "dc3", 0, "")}, full(stdout))
	require.Contains(t, stderr, "bad.json")
}

// TestRunPauseIsInterrupted: Ctrl-C ends the wait between two runs.
func TestRunPauseIsInterrupted(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	ctx, cancel := context.WithCancel(t.Context())
	stop := host
	stop.GoPlugins = map[string]pluginsdk.PollingPlugin{
		"stop": pluginsdk.PollingPluginFunc(func(context.Context, *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
			time.AfterFunc(time.Millisecond, cancel)
			return pluginsdk.NewMetricsGroupSet(), nil
		}),
	}
	cmd := NewRun(stop)
	cmd.SetArgs([]string{f.plugin(t, "p", "go:stop", `resource_id = "one"`, ""), "--resources", f.resources, "--times", "2", "--pause", "1h"})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetOut(&strings.Builder{})
	require.EqualError(t, cmd.ExecuteContext(ctx), "interrupted")
}

const pythonPlugin = `
from yahoo_panoptes.framework.metrics import *
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

class Plugin(PanoptesPollingPlugin):
    def run(self, context):
        n = int(context.kv.get('n') or 0)
        context.kv.set('n', str(n + 1))
        context.logger.warning('this is run {}'.format(n))
        print('words on stdout')
        group = PanoptesMetricsGroup(context.data, 'example', 60)
        group.add_dimension(PanoptesMetricDimension('cpu', '0'))
        group.add_metric(PanoptesMetric('n', 50 * n, PanoptesMetricType.COUNTER, 1600000000.0 + 10 * n))
        groups = PanoptesMetricsGroupSet()
        groups.add(group)
        return groups
`

func TestRunPython(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.write(t, "python_plugin.py", pythonPlugin)
	plugin := f.plugin(t, "Python Plugin", "python_plugin", `resource_id = "one"`, rateOfN)
	stdout, stderr, err := execute(t, NewRun(host), plugin, "--resources", f.resources, "--times", "2", "--pause", "0", "--json")
	require.NoError(t, err, stderr)
	lines := full(stdout)
	require.Len(t, lines, 2)
	for _, line := range lines {
		require.True(t, json.Valid([]byte(line)))
	}
	require.NotContains(t, lines[0], `"gauge"`)
	require.Contains(t, lines[1], `"metric_name": "n", "metric_value": 5, "metric_type": "gauge"}`)
	require.Contains(t, stderr, "this is run 1")
	require.Contains(t, stderr, "words on stdout")
}

func TestRunPythonRaises(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.write(t, "bad.py", strings.Replace(pythonPlugin, "n = int(", "raise ValueError('boom') or int(", 1))
	plugin := f.plugin(t, "bad", "bad.py", `resource_class = "system"`, "")
	stdout, stderr, err := execute(t, NewRun(host), plugin, "--resources", f.resources, "--json")
	require.ErrorIs(t, err, exit.ErrReported)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "Traceback (most recent call last):")
	require.Contains(t, stderr, "ValueError: boom")
	require.Contains(t, stderr, `run 1 against "two"`, "the other resource had its run all the same")
}

func TestList(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	good := f.plugin(t, "good", "go:counting", `resource_class = "system"`, "")
	require.NoError(t, os.Mkdir(filepath.Join(f.path, "sub"), 0o755))
	f.write(t, "sub/module.py", "")
	python := f.plugin(t, "sub/python", "module", `resource_class = "x"`, "")
	f.plugin(t, "ignored", "go:counting", "", "")
	require.NoError(t, os.Rename(filepath.Join(f.path, "ignored.panoptes-plugin"), filepath.Join(f.path, "ignored.panoptes-plugin.example")))

	stdout, stderr, err := execute(t, NewList(), f.path)
	require.NoError(t, err, stdout+stderr)
	require.Equal(t, "good\t"+good+"\tgo\t1m0s\tresource_class = \"system\"\tok\n"+
		"sub/python\t"+python+"\tpython\t1m0s\tresource_class = \"x\"\tok\n", stdout)

	bad := f.plugin(t, "bad", "go:x", `resource_class == "system"`, "")
	again := f.plugin(t, "sub/again", "go:counting", `resource_class = "system"`, "")
	text, err := os.ReadFile(again)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(again, []byte(strings.Replace(string(text), "sub/again", "good", 1)), 0o644))
	stdout, _, err = execute(t, NewList(), f.path)
	require.ErrorIs(t, err, exit.ErrReported)
	require.Contains(t, stdout, bad)
	require.Contains(t, stdout, "column 16")
	require.Contains(t, stdout, "error: has the same name as "+good)
	require.Equal(t, 4, strings.Count(stdout, "\n"))

	_, _, err = execute(t, NewList(), filepath.Join(f.path, "nonexistent"))
	require.Equal(t, exit.Usage, exit.Code(err))
	stdout, _, err = execute(t, NewList(), t.TempDir())
	require.NoError(t, err)
	require.Empty(t, stdout)
}
