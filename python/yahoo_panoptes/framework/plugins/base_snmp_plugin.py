"""Bases of plugins that poll by SNMP; see docs/panoptes/python-api.md section 7."""
from __future__ import annotations

import importlib
import logging
from time import time
from typing import Any

from yahoo_panoptes.framework.exceptions import PanoptesPluginConfigurationError, PanoptesPluginRuntimeError
from yahoo_panoptes.framework.plugins.context import PanoptesPluginContext
from yahoo_panoptes.framework.plugins.panoptes_base_plugin import PanoptesBasePlugin
from yahoo_panoptes.framework.resources import PanoptesResource
from yahoo_panoptes.framework.utilities.snmp.configuration import PanoptesSNMPPluginConfiguration
from yahoo_panoptes.framework.utilities.snmp.connection import PanoptesSNMPConnection
from yahoo_panoptes.plugins.helpers.snmp_connections import PanoptesSNMPConnectionFactory


def connect(context: PanoptesPluginContext,
            configuration: PanoptesSNMPPluginConfiguration | None = None) -> PanoptesSNMPConnection:
    """A connection to the run's resource, made by the factory that plugin file or site name."""
    configuration = configuration or PanoptesSNMPPluginConfiguration(context)
    module = importlib.import_module(configuration.connection_factory_module)
    factory = getattr(module, configuration.connection_factory_class)
    if not (isinstance(factory, type) and issubclass(factory, PanoptesSNMPConnectionFactory)):
        raise PanoptesPluginConfigurationError('{}.{} must be a subclass of PanoptesSNMPConnectionFactory'.format(
            configuration.connection_factory_module, configuration.connection_factory_class))
    return factory.get_snmp_connection(
        plugin_context=context, resource=context.data, timeout=configuration.timeout,
        retries=configuration.retries, port=configuration.port)


class PanoptesSNMPBasePlugin(PanoptesBasePlugin):
    """Opens the connection and calls get_results(), which subclasses define. To be named first among the bases:
    ``class X(PanoptesSNMPBasePlugin, PanoptesPollingPlugin)``."""

    _plugin_context: PanoptesPluginContext
    _plugin_config: dict[str, Any]
    _logger: logging.Logger
    _resource: PanoptesResource
    _enrichment: Any
    _execute_frequency: int
    _host: str
    _snmp_configuration: PanoptesSNMPPluginConfiguration
    _snmp_connection: PanoptesSNMPConnection

    @property
    def plugin_context(self) -> PanoptesPluginContext:
        return self._plugin_context

    @property
    def plugin_config(self) -> dict[str, Any]:
        return self._plugin_config

    @property
    def logger(self) -> logging.Logger:
        return self._logger

    @property
    def resource(self) -> PanoptesResource:
        return self._resource

    @property
    def enrichment(self) -> Any:
        return self._enrichment

    @property
    def execute_frequency(self) -> int:
        """Seconds."""
        return self._execute_frequency

    @property
    def host(self) -> str:
        """The resource's endpoint."""
        return self._host

    @property
    def snmp_configuration(self) -> PanoptesSNMPPluginConfiguration:
        return self._snmp_configuration

    @property
    def snmp_connection(self) -> PanoptesSNMPConnection:
        return self._snmp_connection

    def get_results(self) -> Any:
        """What run() is to return."""
        return None

    def run(self, context: PanoptesPluginContext) -> Any:
        self._plugin_context = context
        self._plugin_config = context.config
        self._logger = context.logger
        self._resource = context.data
        self._enrichment = getattr(context, 'enrichment', None)
        self._host = context.data.resource_endpoint
        self._execute_frequency = int(context.config['main']['execute_frequency'])
        try:
            self._snmp_configuration = PanoptesSNMPPluginConfiguration(context)
        except Exception as e:
            raise PanoptesPluginConfigurationError('Error parsing SNMP configuration: {}'.format(repr(e)))
        try:
            self._snmp_connection = connect(context, self._snmp_configuration)
        except Exception as e:
            raise PanoptesPluginRuntimeError('Error creating SNMP connection: {}'.format(repr(e)))

        self._logger.info('Going to poll device "%s:%s" for metrics', self._host, self._snmp_configuration.port)
        start = time()
        results = self.get_results()
        if results:
            self._logger.info('Done polling metrics for device "%s" in %.2f seconds, %d metrics groups',
                              self._host, time() - start, len(results))
        else:
            self._logger.warning('Error polling metrics for device %s', self._host)
        return results


class PanoptesSNMPBaseEnrichmentPlugin(PanoptesSNMPBasePlugin):
    """The same for enrichment plugins, whose file says ``enrichment_ttl``, too."""

    _enrichment_ttl: int

    @property
    def enrichment_ttl(self) -> int:
        """Seconds."""
        return self._enrichment_ttl

    def run(self, context: PanoptesPluginContext) -> Any:
        self._enrichment_ttl = int(context.config['main']['enrichment_ttl'])
        return super(PanoptesSNMPBaseEnrichmentPlugin, self).run(context)
