package plugincmd

import (
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/agenttest"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/snmprec"
)

// uptimePlugin is a plugin of Panoptes that asks for one variable.
const uptimePlugin = `
from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricsGroup, PanoptesMetricsGroupSet, \
    PanoptesMetricType
from yahoo_panoptes.framework.plugins.base_snmp_plugin import PanoptesSNMPBasePlugin
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class PluginUptime(PanoptesSNMPBasePlugin, PanoptesPollingPlugin):
    def get_results(self):
        ticks = self.snmp_connection.get(oid='.1.3.6.1.2.1.1.3.0')
        group = PanoptesMetricsGroup(self.resource, 'system', self.execute_frequency)
        group.add_metric(PanoptesMetric('uptime', int(ticks.value) // 100, PanoptesMetricType.GAUGE))
        results = PanoptesMetricsGroupSet()
        results.add(group)
        return results
`

const uptimeRecording = "1.3.6.1.2.1.1.3.0|67|471100\n"

// A recording answers in the place of devices: neither credentials nor a device are needed.
func TestRunAgainstARecording(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	plugin := f.plugin(t, "uptime", "uptime", `resource_id = "one"`, "")
	f.write(t, "uptime.py", uptimePlugin)
	device := f.write(t, "switch.snmprec", uptimeRecording)
	stdout, stderr, err := execute(t, NewRun(host), plugin, "--resources", f.resources, "--snmprec", device, "--json")
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, `"metric_value": 4711`)

	f.write(t, "bad.snmprec", "1.3.6.1.2.1.1.3.0|67\n")
	_, _, err = execute(t, NewRun(host), plugin, "--resources", f.resources, "--snmprec", f.path+"/bad.snmprec")
	require.ErrorContains(t, err, "bad.snmprec")
	require.ErrorContains(t, err, "line 1")
}

// The configuration of a Collector says how devices are asked.
func TestRunAsksDevicesAsACollectorDoes(t *testing.T) {
	t.Parallel()
	source, err := snmprec.Parse("switch", []byte(uptimeRecording))
	require.NoError(t, err)
	agent := agenttest.Start(t, "udp4", &agenttest.Server{Source: source, Community: "k9TqvW"})
	_, port, err := net.SplitHostPort(agent.Address())
	require.NoError(t, err)
	f := newFolder(t)
	plugin := f.plugin(t, "uptime", "uptime", `resource_id = "one"`, "")
	f.write(t, "uptime.py", uptimePlugin)
	f.write(t, "secrets/lab/dc1", "k9TqvW\n")
	config := f.write(t, "collector.yaml", `
receivers:
  panoptes:
    plugins: {directories: [`+f.path+`]}
    resources: {files: [`+f.resources+`]}
    secrets: {directory: `+f.path+`/secrets}
    context:
      snmp:
        port: `+port+`
        credentials: [{resources: 'resource_site = "dc1"', community: lab}]
`)
	stdout, stderr, err := execute(t, NewRun(host), plugin, "--config", config, "--json")
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, `"metric_value": 4711`)
	require.NotContains(t, stdout+stderr, "k9TqvW")
}

// namesPlugin is a plugin of Panoptes that preloads enrichment.
const namesPlugin = `
from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricsGroup, PanoptesMetricsGroupSet, \
    PanoptesMetricDimension, PanoptesMetricType
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class PluginNames(PanoptesPollingPlugin):
    def run(self, context):
        group = PanoptesMetricsGroup(context.data, 'interface', 60)
        name = context.enrichment.get_enrichment_value('self', 'interface', '1')['interface_name']
        group.add_dimension(PanoptesMetricDimension('interface_name', name))
        group.add_metric(PanoptesMetric('up', 1, PanoptesMetricType.GAUGE))
        results = PanoptesMetricsGroupSet()
        results.add(group)
        return results
`

// A file has what enrichment plugins would have stored, as data or as plugin run --json prints it.
func TestRunWithEnrichment(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	plugin := f.plugin(t, "names", "names", `resource_class = "system"`, "[enrichment]\npreload = self:interface\n")
	f.write(t, "names.py", namesPlugin)
	enrichment := f.write(t, "enrichment.jsonl", `{"resource_id": "one", "namespace": "interface", "data": {"1": {"interface_name": "eth0"}}}

{"resource_id": "two", "namespace": "interface", "ttl": 5, "value": {"data": {"1": {"interface_name": "xe-0/0/0"}}, "metadata": {"_enrichment_ttl": 5}}}
`)
	stdout, stderr, err := execute(t, NewRun(host), plugin, "--resources", f.resources, "--enrichment", enrichment, "--json")
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, `"dimension_value": "eth0"`)
	require.Contains(t, stdout, `"dimension_value": "xe-0/0/0"`)

	for line, message := range map[string]string{
		`{`: "line 1: unexpected end of JSON input",
		`{"resource_id": "one", "namespace": "interface"}`:             `line 1: a line needs one of "data" and "value"`,
		`{"namespace": "interface", "data": {}}`:                       "line 1: enrichment: resource_id must be a non-empty string",
		`{"resource_id": "one", "namespace": "interface", "data": []}`: `line 1: enrichment "interface" of resource "one": value must be an object with "data"`,
	} {
		_, _, err = execute(t, NewRun(host), plugin, "--resources", f.resources, "--enrichment", f.write(t, "bad.jsonl", line))
		require.ErrorContains(t, err, message)
		require.Equal(t, exit.Usage, exit.Code(err))
	}
}

// What a plugin is checked with is what the configuration says of SNMP, and what files say in the place of devices. As
// other checks it runs alone.
func TestCheckAsACollectorDoes(t *testing.T) {
	source, err := snmprec.Parse("switch", []byte(uptimeRecording))
	require.NoError(t, err)
	agent := agenttest.Start(t, "udp4", &agenttest.Server{Source: source, Community: "k9TqvW"})
	_, port, err := net.SplitHostPort(agent.Address())
	require.NoError(t, err)
	f := newFolder(t)
	uptime := f.plugin(t, "uptime", "uptime", `resource_id = "one"`, "")
	f.write(t, "uptime.py", uptimePlugin)
	names := f.plugin(t, "names", "names", `resource_id = "one"`, "[enrichment]\npreload = self:interface\n")
	f.write(t, "names.py", namesPlugin)
	f.write(t, "secrets/lab/dc1", "k9TqvW\n")
	config := f.write(t, "collector.yaml", `
receivers:
  panoptes:
    plugins: {directories: [`+f.path+`]}
    resources: {files: [`+f.resources+`]}
    secrets: {directory: `+f.path+`/secrets}
    context:
      snmp:
        port: `+port+`
        credentials: [{resources: 'resource_site = "dc1"', community: lab}]
`)
	enrichment := f.write(t, "enrichment.jsonl", `{"resource_id": "one", "namespace": "interface", "data": {"1": {"interface_name": "eth0"}}}`)
	stdout, stderr, _ := execute(t, NewCheck(host), uptime, names, "--config", config, "--enrichment", enrichment, "--runs", "1")
	require.Equal(t, 2, strings.Count(stdout, "\npass  run "), stdout+stderr)
	require.Contains(t, stdout, "pass  resources      1 of 2 resources match")
	require.NotContains(t, stdout+stderr, "k9TqvW")

	device := f.write(t, "switch.snmprec", uptimeRecording)
	stdout, stderr, err = execute(t, NewCheck(host), uptime, "--resources", f.resources, "--snmprec", device, "--runs", "1")
	require.NoError(t, err, stdout+stderr)
}

// What is left out of tables and configurations is named where the plugin is loaded. As other checks it runs alone.
func TestCheckNamesWhatIsLeftOut(t *testing.T) {
	f := newFolder(t)
	generic := f.plugin(t, "generic", "plugin_polling_generic_snmp", `resource_id = "one"`,
		"namespace = metrics\npolling_status_metric_name = polling_status\n[enrichment]\nfile = metrics.json\n")
	f.write(t, "metrics.json", `{"oids": {}, "metrics_groups": [{"group_name": "g", "metrics": {"a": 1, "bad": "open('f')"}}]}`)
	device := f.write(t, "switch.snmprec", uptimeRecording)
	stdout, stderr, err := execute(t, NewCheck(host), generic, "--resources", f.resources, "--snmprec", device, "--runs", "1")
	require.NoError(t, err, stdout+stderr)
	require.Contains(t, stdout, "\nwarn  load           metrics.json: \"bad\" of group \"g\" is left out: \"open('f')\": the function open is not allowed\n")
	stdout, _, err = execute(t, NewDocs(host), generic)
	require.NoError(t, err)
	require.Contains(t, stdout, "| `a` | gauge |")
}
