"""One part fails, the rest goes on."""
from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricsGroup, PanoptesMetricsGroupSet, \
    PanoptesMetricType
from yahoo_panoptes.framework.plugins.base_snmp_plugin import PanoptesSNMPBasePlugin
from yahoo_panoptes.framework.utilities.snmp.exceptions import PanoptesSNMPTimeoutException
from yahoo_panoptes.plugins.polling.utilities.polling_status import PanoptesPollingStatus
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class PluginPartial(PanoptesSNMPBasePlugin, PanoptesPollingPlugin):
    def get_results(self):
        status = PanoptesPollingStatus(self.resource, self.execute_frequency, self.logger, ping=False)
        group = PanoptesMetricsGroup(self.resource, 'sensors', self.execute_frequency)
        for name, oid in (('fan', '.1.3.6.1.4.1.99999.1.0'), ('power', '.1.3.6.1.4.1.99999.2.0')):
            try:
                group.add_metric(PanoptesMetric(name, int(self.snmp_connection.get(oid).value), PanoptesMetricType.GAUGE))
                status.handle_success(name)
            except PanoptesSNMPTimeoutException as e:
                status.handle_exception(name, e)
        results = PanoptesMetricsGroupSet()
        results.add(group)
        results.add(status.device_status_metrics_group)
        return results
