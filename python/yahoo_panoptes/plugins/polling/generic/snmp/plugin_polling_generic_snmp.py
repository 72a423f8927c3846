"""Polls by SNMP what enrichment or a file says; see docs/panoptes/snmp.md section 3. The host does it: plugin files that name
this module run no Python at all, and plugins that derive from its class have the host poll."""
from __future__ import annotations

from typing import Any

from yahoo_panoptes.framework.exceptions import (
    PanoptesEnrichmentFileEmptyError,
    PanoptesMetricDimensionException,
    PanoptesMetricDimensionNullException,
)
from yahoo_panoptes.framework.metrics import (
    PanoptesMetric,
    PanoptesMetricDimension,
    PanoptesMetricsGroup,
    PanoptesMetricsGroupSet,
    PanoptesMetricType,
)
from yahoo_panoptes.framework.plugins.context import PanoptesPluginContext
from yahoo_panoptes.framework.utilities.snmp import host
from yahoo_panoptes.framework.utilities.snmp.exceptions import _as_panoptes
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

_METRIC_TYPES = {'gauge': PanoptesMetricType.GAUGE, 'counter': PanoptesMetricType.COUNTER}


class PluginPollingGenericSNMPMetrics(PanoptesPollingPlugin):
    """The groups of the configuration, and one with the status of the poll."""

    def run(self, context: PanoptesPluginContext) -> PanoptesMetricsGroupSet:
        self._context = context
        self._conf = context.config
        self._logger = context.logger
        self._resource = context.data
        self._host = self._resource.resource_endpoint
        main = self._conf['main']
        self._namespace = main['namespace']
        self._execute_frequency = int(main['execute_frequency'])
        return self.get_device_metrics()

    def get_device_metrics(self) -> PanoptesMetricsGroupSet:
        """Polls the device; what run() returns."""
        try:
            answer = host.ask('snmp.poll_generic', {'config': self._conf})
        except Exception as e:
            raise _as_panoptes(e) from e
        for warning in answer['warnings']:
            self._logger.warning('%s', warning)
        results = PanoptesMetricsGroupSet()
        for group in answer['groups']:
            results.add(self._group(group))
        return results

    def _group(self, group: dict[str, Any]) -> PanoptesMetricsGroup:
        made = PanoptesMetricsGroup(self._resource, group['metrics_group_type'], self._execute_frequency)
        for metric in group['metrics']:
            made.add_metric(PanoptesMetric(metric['metric_name'], metric['metric_value'], _METRIC_TYPES[metric['metric_type']]))
        for dimension in group['dimensions']:
            made.add_dimension(PanoptesMetricDimension(dimension['dimension_name'], dimension['dimension_value']))
        return made
