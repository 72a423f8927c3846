"""What a check is given."""
from __future__ import annotations

import logging
from typing import Any, Mapping, NamedTuple

from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentCache
from yahoo_panoptes.framework.plugins.context import PanoptesPluginContext
from yahoo_panoptes.framework.utilities.key_value_store import PanoptesKeyValueStore
from yahoo_panoptes.framework.utilities.secrets import PanoptesSecretsStore
from yahoo_panoptes.framework.utilities.snmp.connection import PanoptesSNMPConnection


class Resource(NamedTuple):
    """What the run is about."""

    site: str
    class_: str
    subclass: str
    type: str
    id: str
    endpoint: str
    metadata: Mapping[str, str]


class Context(object):
    """The context of one run."""

    def __init__(self, plugin_context: PanoptesPluginContext) -> None:
        #: The context as the classes of yahoo_panoptes know it.
        self.panoptes = plugin_context
        resource = plugin_context.data
        self.resource = Resource(
            resource.resource_site, resource.resource_class, resource.resource_subclass, resource.resource_type,
            resource.resource_id, resource.resource_endpoint, resource.resource_metadata)
        self._snmp: PanoptesSNMPConnection | None = None

    @property
    def config(self) -> Mapping[str, Mapping[str, str]]:
        """The plugin file: {section: {option: text}}. A section that is missing reads as an empty one."""
        return self.panoptes.config

    @property
    def interval(self) -> int:
        """Seconds between two runs."""
        return int(self.panoptes.config['main'].get('execute_frequency', 0))

    @property
    def log(self) -> logging.Logger:
        return self.panoptes.logger

    @property
    def kv(self) -> PanoptesKeyValueStore:
        """The store that all plugins share: ``get``, ``set(key, text, expire=seconds)``, ``delete`` ..."""
        return self.panoptes.kv

    @property
    def secrets(self) -> PanoptesSecretsStore:
        return self.panoptes.secrets

    def secret(self, name: str) -> str:
        """The secret of the resource's site, or the default one; LookupError if there is neither."""
        value = self.panoptes.secrets.get_by_site(name, self.resource.site)
        if not value:
            raise LookupError('there is no secret "{}", neither for the site "{}" nor a default one'.format(
                name, self.resource.site))
        return value

    @property
    def enrichment(self) -> PanoptesEnrichmentCache:
        """What enrichment plugins found out: ``get_enrichment('self', namespace)`` ...; LookupError if the plugin file
        asks for none."""
        enrichment: Any = getattr(self.panoptes, 'enrichment', None)
        if enrichment is None:
            raise LookupError('the plugin file asks for no enrichment: add [enrichment] with preload = self:NAMESPACE')
        cache: PanoptesEnrichmentCache = enrichment
        return cache

    @property
    def snmp(self) -> PanoptesSNMPConnection:
        """The connection to the resource's endpoint: ``get(oid)``, ``bulk_walk(oid)``. Opened at the first use."""
        if self._snmp is None:
            # Few checks need it.
            from yahoo_panoptes.framework.plugins.base_snmp_plugin import connect
            self._snmp = connect(self.panoptes)
        return self._snmp
