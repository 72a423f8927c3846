"""Peers by address, where the table's index holds it."""
from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricDimension, PanoptesMetricsGroup, \
    PanoptesMetricsGroupSet, PanoptesMetricType
from yahoo_panoptes.framework.plugins.base_snmp_plugin import PanoptesSNMPBasePlugin
from yahoo_panoptes.framework.utilities.helpers import get_ip_version, transform_index_ipv6_address
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

PEER_STATE = '.1.3.6.1.4.1.2636.5.1.1.2.1.1.1.2'


class PluginBGP(PanoptesSNMPBasePlugin, PanoptesPollingPlugin):
    def get_results(self):
        results = PanoptesMetricsGroupSet()
        for row in self.snmp_connection.bulk_walk(PEER_STATE):
            arcs = row.index.split('.')[1:]
            peer = transform_index_ipv6_address('.'.join(arcs)) if len(arcs) == 16 else '.'.join(arcs)
            group = PanoptesMetricsGroup(self.resource, 'bgp', self.execute_frequency)
            group.add_dimension(PanoptesMetricDimension('peer', peer))
            group.add_dimension(PanoptesMetricDimension('ip_version', str(get_ip_version(peer))))
            group.add_metric(PanoptesMetric('established', 1 if row.value == '6' else 0, PanoptesMetricType.GAUGE))
            results.add(group)
        return results
