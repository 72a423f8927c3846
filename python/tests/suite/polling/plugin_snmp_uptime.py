"""One get with the base class."""
from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricsGroup, PanoptesMetricsGroupSet, \
    PanoptesMetricType
from yahoo_panoptes.framework.plugins.base_snmp_plugin import PanoptesSNMPBasePlugin
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class PluginUptime(PanoptesSNMPBasePlugin, PanoptesPollingPlugin):
    def get_results(self):
        ticks = self.snmp_connection.get(oid='.1.3.6.1.2.1.1.3.0')
        group = PanoptesMetricsGroup(self.resource, 'system', self.execute_frequency)
        group.add_metric(PanoptesMetric('uptime', int(ticks.value) / 100.0, PanoptesMetricType.GAUGE))
        results = PanoptesMetricsGroupSet()
        results.add(group)
        return results
