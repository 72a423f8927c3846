"""Counters of interfaces, named by enrichment."""
import time

from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentCacheError
from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricDimension, PanoptesMetricsGroup, \
    PanoptesMetricsGroupSet, PanoptesMetricType
from yahoo_panoptes.framework.utilities.snmp.mibs.ifTable import *
from yahoo_panoptes.framework.utilities.snmp.mibs.ifXTable import *
from yahoo_panoptes.plugins.helpers.snmp_connections import PanoptesSNMPConnectionFactory
from yahoo_panoptes.plugins.polling.utilities.polling_status import PanoptesPollingStatus
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

DIMENSIONS = ['alias', 'media_type', 'interface_name']
COUNTERS = {'bits_in': (ifHCInOctets, 8), 'bits_out': (ifHCOutOctets, 8), 'errors_in': (ifInErrors, 1)}


class PluginInterfaces(PanoptesPollingPlugin):
    def run(self, context):
        start = time.time()
        self._context, self._results = context, PanoptesMetricsGroupSet()
        self._interval = int(context.config['main']['execute_frequency'])
        status = PanoptesPollingStatus(context.data, self._interval, context.logger,
                                       metric_name='interface_polling_status', ping=False)
        connection = PanoptesSNMPConnectionFactory.get_snmp_connection(context, context.data)
        columns = {}
        for name, (oid, factor) in COUNTERS.items():
            try:
                columns[name] = {row.index: int(row.value) * factor for row in connection.bulk_walk(oid)}
                status.handle_success(name)
            except Exception as e:
                status.handle_exception(name, e)
        for index, state in [(row.index, row.value) for row in connection.bulk_walk(ifOperStatus)]:
            self._interface(index, getIfStatus(state), columns)
        self._results.add(status.device_status_metrics_group)
        context.logger.info('Done in %.2f seconds', time.time() - start)
        return self._results

    def _interface(self, index, state, columns):
        group = PanoptesMetricsGroup(self._context.data, 'interface', self._interval)
        try:
            known = self._context.enrichment.get_enrichment_value('self', 'interface', index)
        except PanoptesEnrichmentCacheError:
            known = {}
        for name in DIMENSIONS:
            group.add_dimension(PanoptesMetricDimension(name, known.get(name, '<not set>')))
        if self._context.config['dimension'].get('include_interface_index'):
            group.add_dimension(PanoptesMetricDimension('interface_index', index))
        group.add_metric(PanoptesMetric('up', int(state == 'up'), PanoptesMetricType.GAUGE))
        for name in COUNTERS:
            group.add_metric(PanoptesMetric(name, columns.get(name, {}).get(index, -1), PanoptesMetricType.COUNTER))
        self._results.add(group)
