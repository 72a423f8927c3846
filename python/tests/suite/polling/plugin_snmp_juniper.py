"""Temperatures and CPUs of a Juniper, with star imports and cached properties."""
from cached_property import threaded_cached_property

from yahoo_panoptes.framework import const
from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricDimension, PanoptesMetricsGroup, \
    PanoptesMetricsGroupSet, PanoptesMetricsNullException, PanoptesMetricType
from yahoo_panoptes.framework.utilities.helpers import convert_celsius_to_fahrenheit
from yahoo_panoptes.framework.utilities.snmp.connection import *
from yahoo_panoptes.framework.utilities.snmp.exceptions import *
from yahoo_panoptes.framework.utilities.snmp.mibs.juniper import MibJuniper
from yahoo_panoptes.plugins.helpers.snmp_connections import PanoptesSNMPConnectionFactory
from yahoo_panoptes.plugins.polling.utilities.polling_status import PanoptesPollingStatus
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class PluginJuniper(PanoptesPollingPlugin):
    def __init__(self):
        super(PluginJuniper, self).__init__()
        self._connection = None

    @threaded_cached_property
    def descriptions(self):
        return {row.index: row.value for row in self._connection.bulk_walk(str(MibJuniper.jnxOperatingDescr))}

    def _column(self, oid):
        return {row.index: int(row.value) for row in self._connection.bulk_walk(str(oid))}

    def run(self, context):
        frequency = int(context.config['main']['execute_frequency'])
        status = PanoptesPollingStatus(resource=context.data, execute_frequency=frequency, logger=context.logger,
                                       metric_name='juniper_status', ping=False)
        results = PanoptesMetricsGroupSet()
        try:
            self._connection = PanoptesSNMPConnectionFactory.get_snmp_connection(context, context.data, timeout=5, retries=2)
            cpu = self._column(MibJuniper.jnxOperatingCPU)
            temperature = self._column(MibJuniper.jnxOperatingTemp)
            if not cpu:
                raise PanoptesMetricsNullException('no CPUs')
        except (PanoptesSNMPException, PanoptesMetricsNullException) as e:
            status.handle_exception('environment', e)
        else:
            for index, load in sorted(cpu.items()):
                group = PanoptesMetricsGroup(context.data, 'environment', frequency)
                group.add_dimension(PanoptesMetricDimension('component', self.descriptions.get(index, index)))
                group.add_metric(PanoptesMetric('cpu_used', load, PanoptesMetricType.GAUGE))
                if 0 < temperature.get(index, 0) < const.MELTING_POINT_STEEL:
                    group.add_metric(PanoptesMetric('temperature_fahrenheit',
                                                    convert_celsius_to_fahrenheit(temperature[index]),
                                                    PanoptesMetricType.GAUGE))
                results.add(group)
            status.handle_success('environment')
        results.add(status.device_status_metrics_group)
        return results
