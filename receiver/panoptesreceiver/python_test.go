package panoptesreceiver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// module is a plugin as Panoptes users write them; body is that of run(), which has a group to return.
func module(body string) string {
	return `
import os, sys, time
from yahoo_panoptes.framework.metrics import (
    PanoptesMetric, PanoptesMetricDimension, PanoptesMetricsGroup, PanoptesMetricsGroupSet, PanoptesMetricType)
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

VALUE = 1

class Plugin(PanoptesPollingPlugin):
    def run(self, context):
        groups = PanoptesMetricsGroupSet()
        group = PanoptesMetricsGroup(context.data, 'test', int(context.config['main']['execute_frequency']))
        groups.add(group)
` + body
}

const returnValue = `
        group.add_dimension(PanoptesMetricDimension('site', context.data.resource_site))
        group.add_metric(PanoptesMetric('m', VALUE, PanoptesMetricType.GAUGE))
        return groups
`

func (b *bench) python(name, text string) {
	b.t.Helper()
	b.write("plugins/"+name+".py", text)
	b.write("plugins/"+name+".panoptes-plugin", conf(name, name))
}

// A plugin is edited while it runs: a good change takes effect, a broken one does not.
func TestPythonPluginLive(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.python("live", module(returnValue))
	b.start()
	p := b.until("the first version", func(p point) bool { return p.metric == "test.m" && p.value == 1 })
	assert.Equal(t, "panoptes/live", p.scope)
	assert.Equal(t, map[string]any{"site": "local"}, p.dimensions)

	b.write("plugins/live.py", strings.Replace(module(returnValue), "VALUE = 1", "VALUE = 2", 1))
	b.until("the second version", func(p point) bool { return p.value == 2 })

	b.write("plugins/live.py", strings.Replace(module(returnValue), "VALUE = 1", "VALUE = (", 1))
	fields := b.line("Cannot load plugin", "live.panoptes-plugin", "SyntaxError")
	assert.Contains(t, fields["error"], "live.py")
	assert.Contains(t, fields["next"], "the last good version")
	for range 2 {
		b.until("the last good version", func(p point) bool { return p.value == 2 })
	}
	assert.Zero(t, b.sum("panoptes_runs", "outcome=rejected"), "the broken one was never run")
	// Neither is a module that is away for a moment in the middle of a deployment.
	require.NoError(t, os.Remove(filepath.Join(b.dir, "plugins", "live.py")))
	b.line("Cannot load plugin", "live.panoptes-plugin", "Module")
	b.until("the last good version", func(p point) bool { return p.value == 2 })
	assert.Zero(t, b.sum("panoptes_runs", "outcome=rejected"))

	b.write("plugins/live.py", strings.Replace(module(returnValue), "VALUE = 1", "VALUE = 4", 1))
	b.until("the fixed version", func(p point) bool { return p.value == 4 })

	// The plugin file changes, and its module does not.
	b.write("plugins/live.panoptes-plugin", conf("live", "live")+"[transforms]\nx = rate:test:m\n")
	b.until("the transforms", func(p point) bool { return p.transforms != "" })

	require.NoError(t, os.Remove(filepath.Join(b.dir, "plugins", "live.panoptes-plugin")))
	b.line("Removed plugin", "live")
	assert.Zero(t, b.sum("panoptes_tasks"))
}

// A module sees itself at its own place, so that it finds the files beside it; a package brings its files along.
func TestPythonPluginFindsItsFiles(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.write("plugins/value.txt", "7")
	b.python("beside", module(`
        with open(os.path.join(os.path.dirname(__file__), 'value.txt')) as f:
            group.add_metric(PanoptesMetric('m', int(f.read()), PanoptesMetricType.GAUGE))
        return groups
`))
	b.write("plugins/folder/__init__.py", module(`
        from .inner import VALUE as INNER
        with open(os.path.join(os.path.dirname(__file__), 'value.txt')) as f:
            group.add_metric(PanoptesMetric('m', INNER + int(f.read()), PanoptesMetricType.GAUGE))
        return groups
`))
	b.write("plugins/folder/inner.py", "VALUE = 10\n")
	b.write("plugins/folder/value.txt", "1")
	b.write("plugins/package.panoptes-plugin", conf("package", "folder"))
	b.start()
	b.until("the module", func(p point) bool { return p.scope == "panoptes/beside" && p.value == 7 })
	b.until("the package", func(p point) bool { return p.scope == "panoptes/package" && p.value == 11 })
}

// Whatever bad plugins do, the good ones go on.
func TestBadPythonPlugins(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.cfg.Python.MaxWorkers = 4
	b.write("resources/broken.json", "[\n  {oops\n]")
	for name, body := range map[string]string{
		"raises":   "        raise ValueError('boom at the device')\n",
		"lists":    "        return [1]\n",
		"prints":   "        print('words on stdout')\n" + returnValue,
		"exits":    "        os._exit(7)\n",
		"sleeps":   "        time.sleep(3600)\n",
		"nothing":  "        return None\n",
		"floods":   "        sys.stdout.write('x' * (1 << 20))\n        sys.stdout.flush()\n" + returnValue,
		"protocol": "        os.write(1, b'{\"jsonrpc\": \"2.0\", \"id\": 1, \"result\": {}}\\n')\n" + returnValue,
		"good":     returnValue,
	} {
		b.python(name, module(body))
	}
	b.python("syntax", "def run(:\n")
	b.python("import", "import no_such_module_at_all\n")
	b.python("classless", "x = 1\n")
	file := func(name, old, new string) {
		b.write("plugins/"+name+".panoptes-plugin", strings.Replace(conf(name, "good"), old, new, 1))
	}
	file("noname", "Name = noname\n", "")
	file("nomodule", "Module = good\n", "")
	file("nofilter", "resource_filter", "# resource_filter")
	file("badfilter", `resource_class = "system"`, `resource_class == "system"`)
	b.start()

	for _, parts := range [][]string{
		{"Cannot load plugin", "noname.panoptes-plugin", "Name"},
		{"Cannot load plugin", "nomodule.panoptes-plugin", "Module"},
		{"Cannot load plugin", "nofilter.panoptes-plugin", "resource_filter"},
		{"Cannot load plugin", "badfilter.panoptes-plugin", "column 16"},
		{"Cannot load plugin", "syntax.panoptes-plugin", "syntax.py", "SyntaxError"},
		{"Cannot load plugin", "import.panoptes-plugin", "no_such_module_at_all"},
		{"Cannot load plugin", "classless.panoptes-plugin", "class"},
		{"Cannot load resources", "broken.json", "line 2"},
		{"Plugin failed", "plugin:raises", "outcome:raised", "boom at the device"},
		{"Plugin failed", "plugin:lists", "outcome:wrong_type", "list"},
		{"Plugin failed", "plugin:exits", "outcome:crashed"},
		{"Plugin failed", "plugin:sleeps", "outcome:timeout"},
		{"words on stdout", "prints"},
	} {
		b.line(parts...)
	}
	for _, name := range []string{"prints", "floods", "protocol", "good"} {
		b.until(name, func(p point) bool { return p.scope == "panoptes/"+name })
	}
	assert.Contains(t, b.line("Plugin failed", "plugin:raises")["traceback"], "raises.py")
	assert.Eventually(t, func() bool { return b.sum("panoptes_runs", "plugin=nothing", "outcome=none") > 0 }, patience, 10*time.Millisecond)
}

func TestPythonWithoutInterpreter(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.cfg.Python.Interpreter = filepath.Join(b.dir, "no", "python3")
	b.plugins["gauge"] = gauge(one)
	b.python("one", module(returnValue))
	b.write("plugins/gauge.panoptes-plugin", conf("gauge", "go:gauge"))
	b.start()
	b.line("Cannot load plugin", "one.panoptes-plugin", "no/python3")
	b.until("the Go plugin", func(p point) bool { return p.scope == "panoptes/gauge" })
}

// What the receiver is told reaches the plugin.
func TestPythonContext(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.cfg.Context.Sites = []string{"dc1", "dc2"}
	b.cfg.Context.SNMP.Timeout = 7
	b.cfg.Secrets.Directory = filepath.Join(b.dir, "secrets")
	b.write("secrets/token/local", "sesame")
	b.python("looks", module(`
        context.kv.set('seen', '1')
        seen = context.kv.get('seen')
        for name, text in (('sites', ','.join(sorted(context.sites))), ('timeout', repr(context.snmp['timeout'])),
                           ('community', context.snmp['community']), ('x509', context.x509['x509_cert_filename']),
                           ('secret', context.secrets.get_by_site('token', 'local')), ('seen', seen)):
            group.add_dimension(PanoptesMetricDimension(name, text))
`+returnValue))
	b.start()
	p := b.until("the point", func(p point) bool { return p.metric == "test.m" })
	assert.Equal(t, map[string]any{
		"sites": "dc1,dc2", "timeout": "7", "community": "public", "x509": "panoptes.pem", "secret": "sesame", "seen": "1", "site": "local",
	}, p.dimensions)
}
