"""What a plugin's run() is given; see docs/panoptes/runtime.md section 6."""
import logging

from yahoo_panoptes.framework.context import PanoptesContextValidators
from yahoo_panoptes.framework.utilities.key_value_store import PanoptesKeyValueStoreValidators
from yahoo_panoptes.framework.validators import PanoptesValidators, check


class PanoptesPluginContext(object):
    """Configuration, logger, stores and the resource of one run."""

    def __init__(self, panoptes_context, logger_name, config, key_value_store, secrets_store, data=None):
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
        self.__secrets_store = secrets_store
        self.__data = data
        config_object = panoptes_context.config_object
        self.__snmp = config_object.snmp_defaults
        self.__x509 = config_object.x509_defaults
        self.__sites = config_object.sites

    @property
    def config(self):
        """The plugin file: {section: {option: text}}. A section that is missing reads as an empty one."""
        return self.__config

    @property
    def logger(self):
        return self.__logger

    @property
    def kv(self):
        """The store that all plugins share."""
        return self.__key_value_store

    @property
    def secrets(self):
        return self.__secrets_store

    @property
    def data(self):
        """The resource to work on, or None."""
        return self.__data

    @property
    def sites(self):
        return self.__sites

    @property
    def snmp(self):
        """The site's SNMP defaults."""
        return self.__snmp

    @property
    def x509(self):
        """The site's certificate defaults."""
        return self.__x509


class PanoptesPluginWithEnrichmentContext(PanoptesPluginContext):
    """The context that every run gets."""

    def __init__(self, panoptes_context, logger_name, config, key_value_store, secrets_store, data=None,
                 enrichment=None):
        super(PanoptesPluginWithEnrichmentContext, self).__init__(
            panoptes_context, logger_name, config, key_value_store, secrets_store, data)
        self.__enrichment = enrichment

    @property
    def enrichment(self):
        """What is known about the resource besides, or None."""
        return self.__enrichment
