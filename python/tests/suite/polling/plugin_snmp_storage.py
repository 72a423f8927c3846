"""A table, column by column, with the names of a MIB."""
from collections import defaultdict

from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricDimension, PanoptesMetricsGroup, \
    PanoptesMetricsGroupSet, PanoptesMetricType
from yahoo_panoptes.framework.plugins.base_snmp_plugin import PanoptesSNMPBasePlugin
from yahoo_panoptes.framework.utilities.snmp.mibs.snmpv2 import MibSNMPV2
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class PluginStorage(PanoptesSNMPBasePlugin, PanoptesPollingPlugin):
    COLUMNS = {'descr': MibSNMPV2.hrStorageDescr, 'units': MibSNMPV2.hrStorageAllocationUnits,
               'size': MibSNMPV2.hrStorageSize, 'used': MibSNMPV2.hrStorageUsed}

    def get_results(self):
        table = defaultdict(dict)
        for name, oid in self.COLUMNS.items():
            for row in self._snmp_connection.bulk_walk(str(oid), max_repetitions=self.snmp_configuration.max_repetitions):
                table[row.index][name] = row.value
        results = PanoptesMetricsGroupSet()
        for index, row in table.items():
            units = int(row['units'])
            group = PanoptesMetricsGroup(self._resource, 'storage', self.execute_frequency)
            group.add_dimension(PanoptesMetricDimension('description', row['descr'] or index))
            group.add_metric(PanoptesMetric('size_bytes', int(row['size']) * units, PanoptesMetricType.GAUGE))
            group.add_metric(PanoptesMetric('used_bytes', int(row['used']) * units, PanoptesMetricType.GAUGE))
            results.add(group)
        return results
