"""Polls interfaces as plugins of Panoptes do: one walk after the other, then a group for each row."""
from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricDimension, PanoptesMetricsGroup, \
    PanoptesMetricsGroupSet, PanoptesMetricType
from yahoo_panoptes.framework.utilities.snmp.mibs.ifTable import *
from yahoo_panoptes.framework.utilities.snmp.mibs.ifXTable import *
from yahoo_panoptes.plugins.helpers.snmp_connections import PanoptesSNMPConnectionFactory
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

COUNTERS = {
    'octets_in': ifHCInOctets, 'unicast_in': ifHCInUcastPkts, 'multicast_in': ifHCInMulticastPkts,
    'broadcast_in': ifHCInBroadcastPkts, 'octets_out': ifHCOutOctets, 'unicast_out': ifHCOutUcastPkts,
    'multicast_out': ifHCOutMulticastPkts, 'broadcast_out': ifHCOutBroadcastPkts, 'discards_in': ifInDiscards,
    'errors_in': ifInErrors, 'discards_out': ifOutDiscards, 'errors_out': ifOutErrors,
    'admin_status': ifAdminStatus, 'oper_status': ifOperStatus,
}
DIMENSIONS = {'interface_name': ifName, 'alias': ifAlias}


class PluginInterfaces(PanoptesPollingPlugin):
    def run(self, context):
        connection = PanoptesSNMPConnectionFactory.get_snmp_connection(context, context.data)

        def walk(oid):
            return {row.index: row.value for row in connection.bulk_walk(oid)}

        counters = {name: walk(oid) for name, oid in COUNTERS.items()}
        dimensions = {name: walk(oid) for name, oid in DIMENSIONS.items()}
        groups = PanoptesMetricsGroupSet()
        for index in counters['octets_in']:
            group = PanoptesMetricsGroup(context.data, 'interface', 60)
            for name, values in dimensions.items():
                group.add_dimension(PanoptesMetricDimension(name, values[index]))
            for name, values in counters.items():
                group.add_metric(PanoptesMetric(name, int(values[index]), PanoptesMetricType.COUNTER))
            groups.add(group)
        return groups
