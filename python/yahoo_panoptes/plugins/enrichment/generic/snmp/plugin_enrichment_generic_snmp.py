"""Base of enrichment plugins that tell the generic SNMP polling plugin what to poll on a device."""
from __future__ import annotations

import logging
from typing import Any

from yahoo_panoptes.enrichment.enrichment_plugin import PanoptesEnrichmentPlugin, PanoptesEnrichmentPluginError
from yahoo_panoptes.enrichment.schema.generic.snmp import PanoptesGenericSNMPMetricsEnrichmentGroup
from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentGroup, PanoptesEnrichmentGroupSet
from yahoo_panoptes.framework.plugins.context import PanoptesPluginContext
from yahoo_panoptes.framework.resources import PanoptesResource
from yahoo_panoptes.framework.utilities.snmp.connection import PanoptesSNMPConnection
from yahoo_panoptes.plugins.helpers.snmp_connections import PanoptesSNMPConnectionFactory


class PanoptesEnrichmentGenericSNMPPlugin(PanoptesEnrichmentPlugin):
    """Subclasses define get_enrichment(), which fills enrichment_group_set and returns it; they set _oids_map and
    _metrics_groups on the way."""

    _plugin_context: PanoptesPluginContext
    _device_resource: PanoptesResource
    _logger: logging.Logger
    _plugin_conf: dict[str, Any]
    _plugin_name: str
    _device_fqdn: str
    _execute_frequency: int
    _enrichment_ttl: int
    _enrichment_namespace: str
    _snmp_timeout: int
    _snmp_retries: int
    _snmp_non_repeaters: int
    _snmp_max_repetitions: int
    _snmp_connection: PanoptesSNMPConnection
    _enrichment_group: PanoptesEnrichmentGroup
    _enrichment_group_set: PanoptesEnrichmentGroupSet
    _metrics_groups: Any
    _oids_map: Any

    @property
    def metrics_enrichment_class(self) -> Any:
        """The class of the enrichment group, with the namespace that the plugin file names."""
        return type('PanoptesGenericSNMPMetricsEnrichmentGroup', (PanoptesGenericSNMPMetricsEnrichmentGroup,),
                    {'METRICS_SCHEMA_NAMESPACE': self._enrichment_namespace})

    @property
    def oids_map(self) -> Any:
        return self._oids_map

    @property
    def metrics_groups(self) -> Any:
        return self._metrics_groups

    @property
    def device_fqdn(self) -> str:
        """The resource's endpoint."""
        return self._device_fqdn

    @property
    def enrichment_group(self) -> PanoptesEnrichmentGroup:
        return self._enrichment_group

    @property
    def enrichment_group_set(self) -> PanoptesEnrichmentGroupSet:
        return self._enrichment_group_set

    @staticmethod
    def decode_bytes(value: Any) -> Any:
        """Bytes as their ASCII characters; anything else as it is."""
        return value.decode('ascii', 'ignore') if isinstance(value, bytes) else value

    def get_enrichment(self) -> PanoptesEnrichmentGroupSet:
        """What run() is to return."""
        return self._enrichment_group_set

    def run(self, context: PanoptesPluginContext) -> PanoptesEnrichmentGroupSet:
        self._configure(context)
        self._enrichment_group = self.metrics_enrichment_class(
            enrichment_ttl=self._enrichment_ttl, execute_frequency=self._execute_frequency)
        self._enrichment_group_set = PanoptesEnrichmentGroupSet(self._device_resource)
        self._metrics_groups = None
        try:
            self._snmp_connection = PanoptesSNMPConnectionFactory.get_snmp_connection(
                plugin_context=context, resource=self._device_resource, timeout=self._snmp_timeout,
                retries=self._snmp_retries)
        except Exception as e:
            raise PanoptesEnrichmentPluginError(
                '[{}] Error while creating SNMP connection for the device "{}": {}'.format(
                    self._plugin_name, self._device_fqdn, repr(e)))
        self._oids_map = None
        enrichment = self.get_enrichment()
        self._logger.info('[%s] Made %d enrichment groups for the device "%s"', self._plugin_name,
                          len(enrichment or ()), self._device_fqdn)
        return enrichment

    def _configure(self, context: PanoptesPluginContext) -> None:
        self._plugin_context = context
        self._device_resource = context.data
        self._logger = context.logger
        self._plugin_conf = conf = context.config
        self._plugin_name = conf['Core']['name']
        self._device_fqdn = self._device_resource.resource_endpoint
        try:
            main, snmp = conf['main'], conf.get('snmp') or {}
            self._execute_frequency = int(main['execute_frequency'])
            self._enrichment_ttl = int(main['enrichment_ttl'])
            self._enrichment_namespace = main.get('enrichment_namespace',
                                                  PanoptesGenericSNMPMetricsEnrichmentGroup.METRICS_SCHEMA_NAMESPACE)
            self._snmp_timeout = int(snmp.get('timeout', 5))
            self._snmp_retries = int(snmp.get('retries', 1))
            self._snmp_non_repeaters = int(snmp.get('non_repeaters', 0))
            self._snmp_max_repetitions = int(snmp.get('max_repetitions', 25))
        except Exception as e:
            raise PanoptesEnrichmentPluginError(
                '[{}] Error while parsing configuration for device "{}": {}'.format(
                    self._plugin_name, self._device_fqdn, repr(e)))
