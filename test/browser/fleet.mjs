// A small fleet with all that a status page has to show: plugins of several runtimes, one that does not load, devices
// that fail in different ways, a source that is broken, and an override that names no plugin.
import { Collector, eventually } from "./collector.mjs";

const sites = ["ams1", "fra2", "lon3"];

function resource(site, kind, n, metadata) {
  const id = `${kind}-${site}-${String(n).padStart(2, "0")}`;
  const [cls, subclass, type] = { switch: ["network", "switch", "arista"], router: ["network", "router", "juniper"], lb: ["network", "loadbalancer", "a10"] }[kind];
  return {
    resource_site: site, resource_class: cls, resource_subclass: subclass, resource_type: type, resource_id: id,
    resource_endpoint: `${id}.example.net`, resource_plugin: "inventory", resource_creation_timestamp: 1512629517.03,
    resource_metadata: { _resource_ttl: "900", ...metadata },
  };
}

export const devices = sites.flatMap((site, s) => [
  ...[1, 2, 3, 4, 5, 6].map((n) => resource(site, "switch", n, { model: "7050SX3", os_version: `4.${30 + s}.2F` })),
  ...[1, 2].map((n) => resource(site, "router", n, { model: "MX204", os_version: "22.4R3" })),
  resource(site, "lb", 1, { model: "TH4435", os_version: "5.2.1" }),
]);

const head = `import time
from yahoo_panoptes.framework.metrics import (
    PanoptesMetric, PanoptesMetricDimension, PanoptesMetricsGroup, PanoptesMetricsGroupSet, PanoptesMetricType)
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

GAUGE, COUNTER = PanoptesMetricType.GAUGE, PanoptesMetricType.COUNTER


def group(context, kind, dimensions, **metrics):
    g = PanoptesMetricsGroup(context.data, kind, int(context.config['main']['execute_frequency']))
    for name, value in dimensions.items():
        g.add_dimension(PanoptesMetricDimension(name, value))
    for name, value in metrics.items():
        g.add_metric(PanoptesMetric(name, value, COUNTER if isinstance(value, int) else GAUGE))
    return g

`;

const plugin = (name, module, every, filter, main = "") => `[Core]
Name = ${name}
Module = ${module}

[Documentation]
Author = Network Team
Version = 1.2

[main]
execute_frequency = ${every}
resource_filter = ${filter}
${main}`;

const files = {
  "plugins/interfaces/interfaces.panoptes-plugin": plugin("Interfaces", "interfaces", 10, 'resource_class = "network"'),
  "plugins/interfaces/interfaces.py": head + `
class Interfaces(PanoptesPollingPlugin):
    def run(self, context):
        groups = PanoptesMetricsGroupSet()
        for n in range(8):
            groups.add(group(context, 'interface', {'interface_name': 'Ethernet%d' % (n + 1)}, input_bits=n * 1000,
                             output_bits=n * 2000, input_errors=0, output_errors=0, utilization=n / 10.0))
        return groups
`,
  "plugins/bgp/bgp.panoptes-plugin": plugin("BGP Sessions", "bgp", 10, 'resource_subclass = "router"'),
  "plugins/bgp/bgp.py": head + `
class SessionError(Exception):
    pass


def sessions(context):
    if context.data.resource_id == 'router-fra2-02':
        context.logger.warning('peer 203.0.113.7 (AS 64501) is in state Active for 3 h')
        context.logger.error('peer 203.0.113.9 (AS 64502) answers with an unknown address family: %r', 'l2vpn-evpn')
        raise SessionError('cannot read the table of sessions: address family l2vpn-evpn is not known')
    return ['203.0.113.%d' % n for n in range(1, 5)]


class BGPSessions(PanoptesPollingPlugin):
    def run(self, context):
        context.logger.info('asking %s', context.data.resource_endpoint)
        groups = PanoptesMetricsGroupSet()
        for peer in sessions(context):
            groups.add(group(context, 'bgp', {'peer': peer}, prefixes=812, state=1.0))
        return groups
`,
  "plugins/power/power.panoptes-plugin": plugin("Power and Fans", "power.sh", 15, 'resource_subclass IN ("switch", "router")', "runtime = exec\n"),
  "plugins/power/power.sh": `#!/bin/sh
case $PANOPTES_RESOURCE_ID in
switch-lon3-04)
	echo 'snmp: no answer from 192.0.2.34:161 in 3 tries' >&2
	echo 'giving up: is the community string right?' >&2
	exit 3 ;;
esac
echo '{"type": "power", "dimensions": {"supply": "1"}, "gauges": {"watts": 182.5}}'
echo '{"type": "power", "dimensions": {"supply": "2"}, "gauges": {"watts": 179.0}}'
`,
  "plugins/pools/pools.panoptes-plugin": plugin("Load Balancer Pools", "pools", 4, 'resource_subclass = "loadbalancer"'),
  "plugins/pools/pools.py": head + `
class Pools(PanoptesPollingPlugin):
    def run(self, context):
        if context.data.resource_id == 'lb-ams1-01':
            context.logger.warning('the device answers slowly: login took 2.9 s')
            time.sleep(60)
        groups = PanoptesMetricsGroupSet()
        for pool in ('web', 'mail', 'login'):
            groups.add(group(context, 'pool', {'pool': pool}, connections=1204, members_up=4.0))
        return groups
`,
  "plugins/certificates/certificates.panoptes-plugin": plugin("Certificates", "certificates", 3600, 'resource_subclass = "loadbalancer"'),
  "plugins/certificates/certificates.py": "class Certificates(:\n    pass\n",
  "resources/inventory.json": JSON.stringify(devices, null, 1),
  "resources/new-site.json": '[{"resource_site": "par4", "resource_class": "network",]\n',
  // password: panoptes
  "htpasswd": "operator:{SHA}80ZMiPFSZEsYhHefPdsr+wC7b3Y=\n",
};

// tasks is how many there are: of the interfaces 27, of BGP 6, of power 24, of pools 3. One of each of the last three fails.
export const tasks = 60;
const failing = 3;

const config = (folder, ports) => `
extensions:
  basicauth: {htpasswd: {file: ${folder}/htpasswd}}
  panoptes_status: {endpoint: "127.0.0.1:${ports.status}"}
  panoptes_status/auth:
    endpoint: 127.0.0.1:${ports.auth}
    auth: {authenticator: basicauth}
    actions: {run_now: true, last_output: true}
receivers:
  panoptes:
    plugins: {directories: [${folder}/plugins], settle: 100ms, overrides: [{plugin: Interface, execute_frequency: 20s}]}
    resources: {files: ["${folder}/resources/*.json"]}
    python: {max_workers: 3}
exporters:
  debug: {use_internal_logger: false}
service:
  extensions: [basicauth, panoptes_status, panoptes_status/auth]
  telemetry: {metrics: {level: none}, logs: {level: info}}
  pipelines: {metrics: {receivers: [panoptes], exporters: [debug]}}
`;

// start starts the fleet, and returns when all its tasks have run.
export async function start() {
  const collector = await Collector.start(files, config);
  try {
    await eventually(`the first run of ${tasks} tasks, of which ${failing} fail`, async () => {
      const { total, items } = await collector.api("tasks?size=1000");
      return total === tasks && items.every((t) => t.last_start) && items.filter((t) => t.failures > 0).length === failing;
    });
  } catch (err) {
    await collector.stop();
    throw new Error(`${err.message}; the Collector says:\n${collector.output}`, { cause: err });
  }
  return collector;
}
