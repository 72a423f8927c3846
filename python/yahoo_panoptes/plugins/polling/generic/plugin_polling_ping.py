"""Polls a resource by ping."""
from __future__ import annotations

from yahoo_panoptes.framework.metrics import (
    PanoptesMetric,
    PanoptesMetricsGroup,
    PanoptesMetricsGroupSet,
    PanoptesMetricType,
)
from yahoo_panoptes.framework.plugins.context import PanoptesPluginContext
from yahoo_panoptes.framework.utilities.ping import PanoptesPingConnectionFactory
from yahoo_panoptes.plugins.polling.utilities.polling_status import DEVICE_METRICS_STATES
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin, PanoptesPollingPluginConfigurationError

# Packets, and seconds they may take together.
DEFAULT_PING_COUNT = 10
DEFAULT_PING_TIMEOUT = 10

# Metric by the property of the ping that it comes from.
_METRICS = (
    ('packet_loss_percent', 'packet_loss_pct'),
    ('round_trip_minimum', 'round_trip_min'),
    ('round_trip_maximum', 'round_trip_max'),
    ('round_trip_average', 'round_trip_avg'),
    ('round_trip_standard_deviation', 'round_trip_stddev'),
)


class PluginPollingPing(PanoptesPollingPlugin):
    """One group ``ping``; its gauge ping_status is 0, or 7 if nothing came back."""

    def run(self, context: PanoptesPluginContext) -> PanoptesMetricsGroupSet:
        host = context.data.resource_endpoint
        count = self._option(context, 'count', DEFAULT_PING_COUNT)
        timeout = self._option(context, 'timeout', DEFAULT_PING_TIMEOUT)
        group = PanoptesMetricsGroup(context.data, 'ping', int(context.config['main']['execute_frequency']))
        status = DEVICE_METRICS_STATES.SUCCESS
        try:
            ping = PanoptesPingConnectionFactory.get_ping_connection(
                context.data, context, count=count, timeout=timeout)
            if ping.packet_loss_pct == 100.0:
                status = DEVICE_METRICS_STATES.PING_FAILURE
            for metric, name in _METRICS:
                group.add_metric(PanoptesMetric(metric, getattr(ping, name), PanoptesMetricType.GAUGE))
        except Exception as e:
            context.logger.warning('For device %s, ping failed: %s', host, repr(e))
            status = DEVICE_METRICS_STATES.PING_FAILURE
        group.add_metric(PanoptesMetric('ping_status', status, PanoptesMetricType.GAUGE))
        groups = PanoptesMetricsGroupSet()
        groups.add(group)
        return groups

    @staticmethod
    def _option(context: PanoptesPluginContext, name: str, default: int) -> int:
        host = context.data.resource_endpoint
        value = context.config['main'].get(name)
        if value is None:
            context.logger.info('For device %s, %s is not configured, using %d', host, name, default)
            return default
        try:
            return int(value)
        except ValueError:
            raise PanoptesPollingPluginConfigurationError(
                'For device {}, configured {} is not an integer: {}'.format(host, name, value))
