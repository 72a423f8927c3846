"""The context of the framework, from which that of plugins is made."""
from __future__ import annotations

import logging
from typing import Any, Callable, Iterable, NoReturn

from yahoo_panoptes.framework import const
from yahoo_panoptes.framework.exceptions import PanoptesContextError
from yahoo_panoptes.framework.utilities.key_value_store import Backend, InMemoryBackend, PanoptesKeyValueStore
from yahoo_panoptes.framework.validators import check

_SNMP_DEFAULTS = {
    'connection_factory_module': 'yahoo_panoptes.plugins.helpers.snmp_connections',
    'connection_factory_class': 'PanoptesSNMPConnectionFactory',
    'community': 'public',
    'timeout': 5,
    'retries': 1,
    'non_repeaters': 0,
    'max_repetitions': 25,
    'port': 161,
    'proxy_port': 10161,
    'community_string_key': 'snmp_community_string',
}

_X509_DEFAULTS = {
    'x509_cert_location': '/home/panoptes/x509/certs',
    'x509_cert_filename': 'panoptes.pem',
    'x509_key_location': '/home/panoptes/x509/keys',
    'x509_key_filename': 'panoptes.key',
    'x509_secured_requests': 0,
}


class PanoptesConfig(object):
    """The main configuration, as far as plugins see it."""

    def __init__(self, sites: Iterable[str] = (), snmp: dict[str, Any] | None = None,
                 x509: dict[str, Any] | None = None) -> None:
        self.sites = set(sites)
        self.snmp_defaults = dict(_SNMP_DEFAULTS, **(snmp or {}))
        self.x509_defaults = dict(_X509_DEFAULTS, **(x509 or {}))
        # What somebody chose, unlike the default.
        self.explicit_community = (snmp or {}).get('community')

    def get_config(self) -> dict[str, Any]:
        return {
            'main': {'sites': sorted(self.sites)},
            'snmp': self.snmp_defaults,
            'x509': self.x509_defaults,
        }


# What makes the configuration of the host, and the backend of its stores, for contexts that plugins make themselves.
_host: tuple[Callable[[], PanoptesConfig], Backend] | None = None


def use_host(config: Callable[[], PanoptesConfig] | None, backend: Backend | None = None) -> None:
    """Has contexts that are made without configuration and backend take those of the host; None for no host."""
    global _host
    _host = None if config is None or backend is None else (config, backend)


class PanoptesContextValidators(object):
    @classmethod
    def valid_panoptes_context(cls, panoptes_context: object) -> bool:
        return isinstance(panoptes_context, PanoptesContext)


class PanoptesContext(object):
    """Holds logger, configuration and stores.

    The arguments are Panoptes' own, which has this read a configuration file and connect to servers. Here the host does
    that: it passes the configuration in config, and in backend what the stores keep their data in. Without them, as where a
    plugin makes a context for stores of its own, both are those of the host, so that these stores live on it, too; a
    config_file is not read then. Where there is no host the data are in memory, and a config_file is refused.
    """

    def __init__(self, config_file: str | None = None,
                 key_value_store_class_list: Iterable[type[PanoptesKeyValueStore]] | None = None,
                 create_message_producer: bool = False, async_message_producer: bool = False,
                 create_zookeeper_client: bool = False, config: PanoptesConfig | None = None,
                 backend: Backend | None = None) -> None:
        self.__logger = logging.getLogger(const.DEFAULT_ROOT_LOGGER_NAME)
        if config_file is not None:
            if _host is None:
                raise PanoptesContextError(
                    'cannot read the configuration file "{}": the host passes the configuration'.format(config_file))
            self.__logger.warning('The configuration file "%s" is not read: that of the host counts, see context in the '
                                  'configuration of the receiver', config_file)
        if create_message_producer or async_message_producer or create_zookeeper_client:
            raise PanoptesContextError(_BELONGS_TO_THE_HOST.format(
                'message producers and coordination clients', 'return metrics groups, resources or enrichment from run()'))
        if config is None:
            config = PanoptesConfig() if _host is None else _host[0]()
        if backend is None:
            backend = InMemoryBackend() if _host is None else _host[1]
        self.__config_object = config
        self.__backend = backend
        self.__kv_stores: dict[str, PanoptesKeyValueStore] = {}
        for cls in key_value_store_class_list or []:
            check(isinstance(cls, type) and issubclass(cls, PanoptesKeyValueStore),
                  'key_value_store_class_list must be a list of classes derived from PanoptesKeyValueStore')
            make: Any = cls
            self.__kv_stores[cls.__name__] = make(self)

    @property
    def logger(self) -> logging.Logger:
        return self.__logger

    @property
    def config_object(self) -> PanoptesConfig:
        return self.__config_object

    @property
    def config_dict(self) -> dict[str, Any]:
        return self.__config_object.get_config()

    @property
    def kv_stores(self) -> dict[str, PanoptesKeyValueStore]:
        return self.__kv_stores

    @property
    def key_value_backend(self) -> Backend:
        """What key/value stores of this context keep their data in; the host's own, not of Panoptes."""
        return self.__backend

    def get_kv_store(self, cls: Any) -> Any:
        """The store of the class with this name."""
        store = self.__kv_stores.get(cls.__name__)
        if store is None:
            raise PanoptesContextError('No Key Value Store based on class {}'.format(cls))
        return store

    # What Panoptes' agents have here, and the host of a plugin has elsewhere.

    @property
    def message_producer(self) -> NoReturn:
        raise PanoptesContextError(_BELONGS_TO_THE_HOST.format(
            'message_producer', 'return metrics groups, resources or enrichment from run()'))

    @property
    def kafka_client(self) -> NoReturn:
        raise PanoptesContextError(_BELONGS_TO_THE_HOST.format(
            'kafka_client', 'return metrics groups, resources or enrichment from run(), or use a Kafka library'))

    @property
    def zookeeper_client(self) -> NoReturn:
        raise PanoptesContextError(_BELONGS_TO_THE_HOST.format(
            'zookeeper_client', 'runs of one plugin and resource never overlap, so that they need no lock'))

    @property
    def redis_pool(self) -> NoReturn:
        raise PanoptesContextError(_BELONGS_TO_THE_HOST.format('redis_pool', _USE_STORES))

    def get_redis_connection(self, group: str, shard: int = 0) -> NoReturn:
        raise PanoptesContextError(_BELONGS_TO_THE_HOST.format('get_redis_connection', _USE_STORES))

    def get_redis_shard_count(self, group: str, fallback_to_default: bool = True) -> int:
        """One: there is one store for all groups."""
        return 1

    def get_lock(self, path: str, timeout: int, retries: int = 1, identifier: str | None = None,
                 listener: Any = None) -> NoReturn:
        raise PanoptesContextError(_BELONGS_TO_THE_HOST.format(
            'get_lock', 'runs of one plugin and resource never overlap; for more use getset of a key/value store'))


_BELONGS_TO_THE_HOST = '{}: that belongs to the host; {}'
_USE_STORES = ('use context.kv of the plugin, or a class that derives from PanoptesKeyValueStore with '
               'PanoptesContext(key_value_store_class_list=[...])')
