package plugincmd

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

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
