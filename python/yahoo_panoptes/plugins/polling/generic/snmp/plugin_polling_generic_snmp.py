"""Polls by SNMP what enrichment or a file says; see docs/panoptes/snmp.md section 3."""
from __future__ import annotations

import json
from typing import Any

from yahoo_panoptes.framework.exceptions import (
    PanoptesEnrichmentFileEmptyError,
    PanoptesMetricDimensionException,
    PanoptesMetricDimensionNullException,
    PanoptesPluginConfigurationError,
)
from yahoo_panoptes.framework.metrics import (
    PanoptesMetric,
    PanoptesMetricDimension,
    PanoptesMetricsGroup,
    PanoptesMetricsGroupSet,
    PanoptesMetricsNullException,
)
from yahoo_panoptes.framework.plugins.context import PanoptesPluginContext
from yahoo_panoptes.framework.utilities.snmp.connection import PanoptesSNMPConnection
from yahoo_panoptes.plugins.helpers.snmp_connections import PanoptesSNMPConnectionFactory
from yahoo_panoptes.plugins.polling.generic.snmp.configuration import VERSION_01, VERSION_02, Group, Target
from yahoo_panoptes.plugins.polling.generic.snmp.expressions import INDEX
from yahoo_panoptes.plugins.polling.utilities.polling_status import PanoptesPollingStatus
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

_DEFAULT_MAX_REPETITIONS = 25
_DEFAULT_NON_REPEATERS = 0



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
        self._version = main.get('enrichment_schema_version', VERSION_01)
        self._status = PanoptesPollingStatus(
            resource=self._resource, execute_frequency=self._execute_frequency, logger=self._logger,
            metric_name=main['polling_status_metric_name'], context=context)
        self._groups: list[Group] = []
        # What expressions may name: tables, {index: value}, and values of gets.
        self._names: dict[str, Any] = {}
        # Those of them that the device did not give: nothing is known of what they are needed for.
        self._missing: set[str] = set()
        return self.get_device_metrics()

    def get_device_metrics(self) -> PanoptesMetricsGroupSet:
        """Polls the device; what run() returns."""
        results = PanoptesMetricsGroupSet()
        self._poll(results)
        results.add(self._status.device_status_metrics_group)
        return results

    def _poll(self, results: PanoptesMetricsGroupSet) -> None:
        try:
            connection = PanoptesSNMPConnectionFactory.get_snmp_connection(
                plugin_context=self._context, resource=self._resource)
        except Exception as e:
            self._status.handle_exception('device', e)
            return
        try:
            configuration = self._configuration()
        except Exception as e:
            self._status.handle_exception('enrichment', e)
            return
        try:
            self._groups = [Group(spec, self._version, self._skipped) for spec in configuration['metrics_groups']]
            self._collect(connection, configuration)
            for group in self._groups:
                self._build(group, results)
        except Exception as e:
            self._status.handle_exception('metrics', e)

    def _skipped(self, group: str, target: str, error: Exception) -> None:
        self._logger.warning('Error on "%s" (%s) in namespace "%s": "%s" of group "%s" is left out: %s', self._host,
                             self._model, self._namespace, target, group, repr(error))

    @property
    def _model(self) -> str:
        return str(self._resource.resource_metadata.get('model', self._resource.resource_type))

    # Configuration

    def _configuration(self) -> dict[str, Any]:
        file = (self._conf.get('enrichment') or {}).get('file')
        enrichment = getattr(self._context, 'enrichment', None)
        if enrichment is not None and file and not getattr(enrichment, '_preload_conf', True):
            enrichment = None  # made for the file's section, with nothing to load
        if enrichment is not None:
            if file:
                raise PanoptesPluginConfigurationError('Enrichment defined in both config and via Key-Value store.')
            found = enrichment.get_enrichment_value('self', self._namespace, self._resource.resource_endpoint)
            return dict(found)
        if not file:
            raise PanoptesPluginConfigurationError('Enrichment file not specified in configuration file.')
        try:
            with open(file, encoding='utf-8') as opened:
                return dict(json.load(opened))
        except Exception as e:
            raise PanoptesEnrichmentFileEmptyError('Failure trying to read JSON from file {}: {}'.format(file, repr(e)))

    def _number(self, configuration: dict[str, Any], name: str, default: int) -> int:
        snmp = self._conf.get('snmp') or {}
        return int((configuration.get('snmp') or {}).get(name, snmp.get(name, default)))

    # Collecting

    def _collect(self, connection: PanoptesSNMPConnection, configuration: dict[str, Any]) -> None:
        max_repetitions = self._number(configuration, 'max_repetitions', _DEFAULT_MAX_REPETITIONS)
        non_repeaters = self._number(configuration, 'non_repeaters', _DEFAULT_NON_REPEATERS)
        for name, oid in configuration['oids'].items():
            method = oid['method']
            if method == 'static':
                self._names[name] = oid['values']
            elif method == 'get':
                self._names[name] = self._get(connection, name, oid['oid'])
            elif method == 'bulk_walk':
                self._names[name] = self._walk(connection, name, oid, non_repeaters, max_repetitions)
            else:
                raise ValueError('self._config["oids"][oid_name]["method"] for oid_name: {} is not "static", '
                                 '"bulk_walk", or "get". It is {}'.format(name, method))

    def _get(self, connection: PanoptesSNMPConnection, name: str, oid: str) -> Any:
        try:
            value = connection.get(oid=oid).value
        except Exception as e:
            self._failed(name, e, of_device=True)
            self._missing.add(name)
            return None
        self._succeeded(name)
        return value

    def _walk(self, connection: PanoptesSNMPConnection, name: str, oid: dict[str, Any], non_repeaters: int,
              max_repetitions: int) -> dict[str, Any]:
        transform = oid.get('index_transform') or {}
        try:
            variables = connection.bulk_walk(oid['oid'], non_repeaters=non_repeaters, max_repetitions=max_repetitions)
        except Exception as e:
            self._failed(name, e, of_device=True)
            self._missing.add(name)
            return {}
        if variables:
            self._succeeded(name)
        else:
            self._failed(name, PanoptesMetricsNullException(
                'walk of {} ({}) gave nothing'.format(name, oid['oid'])), of_device=False)
        return {transform.get(variable.index, variable.index): variable.value for variable in variables}

    def _failed(self, oid_name: str, error: Exception, of_device: bool) -> None:
        if of_device:
            self._status.handle_exception('device', error)
        for group in self._groups:
            if group.speaks_of(oid_name):
                self._status.handle_exception(group.name, error)

    def _succeeded(self, oid_name: str) -> None:
        for group in self._groups:
            if group.speaks_of(oid_name):
                self._status.handle_success(group.name)

    # Evaluating

    def _rows(self, targets: list[Target]) -> dict[str, dict[Target, Any]]:
        """The values of the indexed targets, by index."""
        rows: dict[str, dict[Target, Any]] = {}
        for target in self._known(targets):
            if not target.is_indexed:
                continue
            try:
                indexes = target.indexes(self._names)
            except ValueError as e:
                self._lost(target, e)
                continue
            for index in indexes:
                try:
                    value = target.convert(target.raw(dict(self._names, **{INDEX: index})))
                except Exception as e:
                    self._logger.warning(
                        'Error on "%s" (%s) in namespace "%s" while processing index "%s" for expression "%s": %s',
                        self._host, self._model, self._namespace, index, target.text, repr(e))
                else:
                    rows.setdefault(index, {})[target] = value
        return rows

    def _top_level(self, targets: list[Target]) -> dict[Target, Any]:
        """The values of the targets that are not indexed."""
        values = {}
        for target in self._known(targets):
            if target.is_indexed:
                continue
            try:
                value = target.raw(self._names)
                if value is None or value == '':
                    self._logger.warning('%s value: %s was None', self._about(target), value)
                    continue
            except Exception as e:
                self._logger.warning('%s: %s', self._about(target), repr(e))
                continue
            try:
                values[target] = target.convert(value)
            except Exception as e:
                self._lost(target, e)
        return values

    def _known(self, targets: list[Target]) -> list[Target]:
        """Those that need nothing that is missing: where a table did not come, a count of its rows is not 0."""
        return [target for target in targets if not any(target.needs(name) for name in self._missing)]

    def _about(self, target: Target) -> str:
        return 'Error on "{}" ({}) in namespace "{}" while processing expression "{}"'.format(
            self._host, self._model, self._namespace, target.text)

    def _lost(self, target: Target, error: Exception) -> None:
        """A target has no value for a reason that lies in the configuration: the status tells of it."""
        self._logger.warning('%s: %s', self._about(target), repr(error))
        self._status.handle_exception('metrics', error)

    # Building

    def _build(self, group: Group, results: PanoptesMetricsGroupSet) -> None:
        rows = self._rows(group.metrics)
        row_dimensions = self._rows(group.dimensions)
        metrics, dimensions = self._top_level(group.metrics), self._top_level(group.dimensions)
        for index, row in rows.items():
            both = {**row, **metrics} if self._version == VERSION_02 else row
            self._emit(group, both, {**row_dimensions.get(index, {}), **dimensions}, results)
        if not rows and (metrics or self._version != VERSION_01):
            self._emit(group, metrics, dimensions if metrics else {}, results)
        elif rows and metrics and self._version == VERSION_01:
            self._emit(group, metrics, dimensions, results)

    def _emit(self, group: Group, metrics: dict[Target, Any], dimensions: dict[Target, Any],
              results: PanoptesMetricsGroupSet) -> None:
        made = PanoptesMetricsGroup(self._resource, group.name, self._execute_frequency)
        for target, value in metrics.items():
            made.add_metric(PanoptesMetric(target.name, value, target.metric_type))
        complete = True
        for target, value in dimensions.items():
            text = value if isinstance(value, str) else str(value)
            if text:
                made.add_dimension(PanoptesMetricDimension(target.name, text))
            elif not group.ignore_empty_dimensions:
                complete = False
                self._status.handle_exception(group.name, PanoptesMetricDimensionNullException(
                    'dimension "{}" of group "{}" is empty'.format(target.name, group.name)))
        if complete:
            results.add(made)
