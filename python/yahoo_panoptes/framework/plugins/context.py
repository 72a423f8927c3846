"""What a plugin's run() is given; see docs/panoptes/runtime.md section 6."""
from __future__ import annotations

import logging
from typing import Any

from yahoo_panoptes.framework.context import PanoptesContext, PanoptesContextValidators
from yahoo_panoptes.framework.utilities.key_value_store import PanoptesKeyValueStore, PanoptesKeyValueStoreValidators
from yahoo_panoptes.framework.utilities.secrets import PanoptesSecretsStore
from yahoo_panoptes.framework.validators import PanoptesValidators, check


class PanoptesPluginContext(object):
    """Configuration, logger, stores and the resource of one run."""

    def __init__(self, panoptes_context: PanoptesContext, logger_name: str, config: dict[str, Any],
                 key_value_store: PanoptesKeyValueStore, secrets_store: PanoptesKeyValueStore,
                 data: Any = None) -> None:
        check(PanoptesContextValidators.valid_panoptes_context(panoptes_context),
              'panoptes_context must be an instance of PanoptesContext')
        check(PanoptesValidators.valid_nonempty_string(logger_name), 'logger_name must be a non-empty str')
        check(isinstance(config, dict), 'config must be a dict')
        check(PanoptesKeyValueStoreValidators.valid_kv_store_instance(secrets_store),
              'secrets_store must be an instance of PanoptesKeyValueStore')
        check(PanoptesKeyValueStoreValidators.valid_kv_store_instance(key_value_store),
              'key_value_store must be an instance of PanoptesKeyValueStore')

        self.__logger = logging.getLogger(logger_name)
        self.__config = config
        self.__key_value_store = key_value_store
        self.__secrets_store: Any = secrets_store
        self.__data = data
        config_object = panoptes_context.config_object
        self.__snmp = config_object.snmp_defaults
        self.__x509 = config_object.x509_defaults
        self.__sites = config_object.sites
        self.__explicit_community = getattr(config_object, 'explicit_community', None)

    @property
    def config(self) -> dict[str, Any]:
        """The plugin file: {section: {option: text}}. A section that is missing reads as an empty one."""
        return self.__config

    @property
    def logger(self) -> logging.Logger:
        return self.__logger

    @property
    def kv(self) -> PanoptesKeyValueStore:
        """The store that all plugins share."""
        return self.__key_value_store

    @property
    def secrets(self) -> PanoptesSecretsStore:
        return self.__secrets_store

    @property
    def data(self) -> Any:
        """The resource to work on, or None."""
        return self.__data

    @property
    def sites(self) -> set[str]:
        return self.__sites

    @property
    def snmp(self) -> dict[str, Any]:
        """The site's SNMP defaults."""
        return self.__snmp

    @property
    def explicit_community(self) -> str | None:
        """The community that the site's configuration names, None if it names none; not of Panoptes."""
        return self.__explicit_community

    @property
    def x509(self) -> dict[str, Any]:
        """The site's certificate defaults."""
        return self.__x509


class PanoptesPluginContextValidators(object):
    @classmethod
    def valid_plugin_context(cls, plugin_context: object) -> bool:
        return isinstance(plugin_context, PanoptesPluginContext)


class PanoptesPluginWithEnrichmentContext(PanoptesPluginContext):
    """The context that every run gets."""

    def __init__(self, panoptes_context: PanoptesContext, logger_name: str, config: dict[str, Any],
                 key_value_store: PanoptesKeyValueStore, secrets_store: PanoptesKeyValueStore, data: Any = None,
                 enrichment: Any = None) -> None:
        super(PanoptesPluginWithEnrichmentContext, self).__init__(
            panoptes_context, logger_name, config, key_value_store, secrets_store, data)
        self.__enrichment = enrichment

    @property
    def enrichment(self) -> Any:
        """What is known about the resource besides, or None."""
        return self.__enrichment
