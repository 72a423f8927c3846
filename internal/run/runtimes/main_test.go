package runtimes

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/python"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == fixtureArg {
		fixture(os.Args[2])
		return
	}
	goleak.VerifyTestMain(m)
}

const pluginHead = `
[main]
execute_frequency = 60
resource_filter = resource_class = "network"
`

// writePlugin writes NAME.panoptes-plugin and NAME.py into a folder of their own and returns the path of the former.
func writePlugin(t *testing.T, name, module string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, name+".panoptes-plugin")
	require.NoError(t, os.WriteFile(path, []byte("[Core]\nName = "+name+"\nModule = "+name+pluginHead), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+".py"), []byte(module), 0o600))
	return path
}

// openPython is an opened Python plugin with this text as its module.
func openPython(t *testing.T, name, module string, o plugin.OpenOptions) *plugin.Plugin {
	t.Helper()
	p, _, err := plugin.Open(writePlugin(t, name, module), o)
	require.NoError(t, err)
	return p
}

// class is a module with one polling plugin whose run has this body, indented by eight blanks.
func class(body string) string {
	return `import os, sys, time
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin
from yahoo_panoptes.framework.metrics import PanoptesMetricsGroupSet, PanoptesMetricsGroup, PanoptesMetric, \
    PanoptesMetricType, PanoptesMetricDimension


def one_group(context, value=1):
    group = PanoptesMetricsGroup(context.data, 'test', 60)
    group.add_metric(PanoptesMetric('value', value, PanoptesMetricType.GAUGE))
    groups = PanoptesMetricsGroupSet()
    groups.add(group)
    return groups


class Plugin(PanoptesPollingPlugin):
    def run(self, context):
` + body + "\n"
}

const goodBody = `        return one_group(context)`

func testResource(id string) *pluginsdk.Resource {
	r := &pluginsdk.Resource{
		Site: "dc1", Class: "network", Subclass: "switch", Type: "generic", ID: id, Endpoint: id + ".example", Plugin: "test",
		CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Int(1_700_000_000)),
	}
	if err := r.Validate(); err != nil {
		panic(err)
	}
	return r
}

// newRunners returns runners that are shut down with the test.
func newRunners(t testing.TB, s Settings) *run.Runner {
	t.Helper()
	r, err := New(s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close(context.Background())) })
	return r
}

// pythonWorkers are the settings for so many Python workers.
func pythonWorkers(n int) python.Settings {
	return python.Settings{PythonEnv: plugin.PythonEnv{MaxWorkers: n}}
}

func runOnce(r *run.Runner, p *plugin.Plugin, id string) run.Result {
	return r.Run(context.Background(), run.Request{Plugin: p, Resource: testResource(id)})
}

// logged are the log lines of a test.
func logged(t *testing.T) (*zap.Logger, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	return zap.New(core), logs
}

// checked is the error of a check.
func checked(r *run.Runner, p *plugin.Plugin) error {
	_, err := r.Load(context.Background(), p)
	return err
}

// value is the one metric of a good result.
func value(t *testing.T, res run.Result) string {
	t.Helper()
	require.Equal(t, run.OutcomeOK, res.Outcome, "%v", res.Err)
	return res.Groups[0].Metrics()[0].Value.String()
}

// patience is how long a test waits for what takes milliseconds on a machine with nothing else to do.
const patience = 30 * time.Second
