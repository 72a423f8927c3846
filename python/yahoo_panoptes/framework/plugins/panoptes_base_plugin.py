"""The base class of plugins, and what a plugin file says."""
from __future__ import annotations

import abc
import configparser
import hashlib
import os
from collections import defaultdict
from time import time
from typing import Any, NoReturn

from yapsy.IPlugin import IPlugin

from yahoo_panoptes.framework import const
from yahoo_panoptes.framework.context import PanoptesContext, PanoptesContextValidators
from yahoo_panoptes.framework.exceptions import PanoptesPluginConfigurationError, PanoptesPluginRuntimeError
from yahoo_panoptes.framework.utilities.helpers import get_module_mtime, normalize_plugin_name
from yahoo_panoptes.framework.utilities.key_value_store import PanoptesKeyValueStore, PanoptesKeyValueStoreValidators
from yahoo_panoptes.framework.validators import PanoptesValidators, check


class PanoptesBasePlugin(IPlugin, metaclass=abc.ABCMeta):
    """A class with a run() that does the work."""

    @abc.abstractmethod
    def run(self, context: Any) -> Any:
        """Does the work of one run; context is a PanoptesPluginContext."""


class PanoptesBasePluginValidators(object):
    @classmethod
    def valid_plugin_class(cls, plugin_class: object) -> bool:
        return isinstance(plugin_class, PanoptesBasePlugin)


class PanoptesPluginInfoValidators(object):
    @classmethod
    def valid_plugin_info_class(cls, plugin_info: object) -> bool:
        return isinstance(plugin_info, PanoptesPluginInfo)


class PanoptesPluginInfo(object):
    """A plugin as its file describes it; path is that of the module. Whoever reads the file sets details."""

    #: The path of the plugin file, once it is known.
    config_filename: Any = None

    def __init__(self, plugin_name: str, plugin_path: str) -> None:
        self.name = plugin_name
        self.path = plugin_path
        self.category: Any = None
        self.plugin_object: Any = None
        self.details = configparser.ConfigParser()
        self.__panoptes_context: PanoptesContext | None = None
        self.__kv_store_class: type[PanoptesKeyValueStore] | None = None
        self.__data: Any = None
        self.__last: dict[str, int] = {}

    def __documentation(self, option: str, default: str) -> str:
        return self.details.get('Documentation', option, fallback=default)

    @property
    def version(self) -> str:
        """As the file has it; Panoptes gives an object that prints as this."""
        return self.__documentation('version', '0.0')

    @property
    def author(self) -> str:
        return self.__documentation('author', 'Unknown')

    @property
    def website(self) -> str:
        return self.__documentation('website', 'None')

    @property
    def copyright(self) -> str:
        return self.__documentation('copyright', 'Unknown')

    @property
    def description(self) -> str:
        return self.__documentation('description', '')

    @property
    def normalized_name(self) -> str:
        return normalize_plugin_name(self.name)

    @property
    def normalized_category(self) -> str:
        return normalize_plugin_name(self.category)

    @property
    def moduleMtime(self) -> int:
        return get_module_mtime(self.path)

    @property
    def configMtime(self) -> int:
        try:
            return int(os.path.getmtime(self.config_filename))
        except (OSError, TypeError):
            return 0

    def __seconds(self, option: str) -> int:
        try:
            return int(self.details.get('main', option))
        except (configparser.Error, ValueError):
            return 0

    @property
    def execute_frequency(self) -> int:
        """Seconds; 0 if the file says none."""
        return self.__seconds('execute_frequency')

    @property
    def results_cache_age(self) -> int:
        """Seconds; 0 if the file says none."""
        return self.__seconds('results_cache_age')

    @property
    def config(self) -> defaultdict[str, dict[str, str]]:
        config: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for section in self.details.sections():
            config[section] = dict(self.details.items(section))
        return config

    @property
    def panoptes_context(self) -> PanoptesContext:
        if self.__panoptes_context is None:
            raise PanoptesPluginConfigurationError(
                'No Panoptes Context associated with plugin "{}"'.format(self.name))
        return self.__panoptes_context

    @panoptes_context.setter
    def panoptes_context(self, panoptes_context: PanoptesContext) -> None:
        check(PanoptesContextValidators.valid_panoptes_context(panoptes_context),
              'panoptes_context must be an instance of PanoptesContext')
        self.__panoptes_context = panoptes_context

    @property
    def kv_store_class(self) -> type[PanoptesKeyValueStore] | None:
        return self.__kv_store_class

    @kv_store_class.setter
    def kv_store_class(self, kv_store_class: type[PanoptesKeyValueStore]) -> None:
        check(PanoptesKeyValueStoreValidators.valid_kv_store_class(kv_store_class),
              'kv_store_class must be a subclass of PanoptesKeyValueStore')
        self.__kv_store_class = kv_store_class

    @property
    def metadata_kv_store(self) -> PanoptesKeyValueStore:
        store: PanoptesKeyValueStore = self.panoptes_context.get_kv_store(self.kv_store_class)
        return store

    @property
    def data(self) -> Any:
        return self.__data

    @data.setter
    def data(self, plugin_data: Any) -> None:
        check(PanoptesValidators.valid_hashable_object(plugin_data), 'plugin_data must be a valid hashable object')
        self.__data = plugin_data

    @property
    def signature(self) -> str:
        """Names the plugin together with what it works on."""
        text = self.normalized_name + repr(self.data)
        return hashlib.md5(text.encode('utf-8', 'surrogatepass')).hexdigest()

    @property
    def last_executed_key(self) -> str:
        return self.__key('last_executed')

    @property
    def last_results_key(self) -> str:
        return self.__key('last_results')

    def __key(self, what: str) -> str:
        return const.KV_NAMESPACE_DELIMITER.join(
            ('plugin_metadata', self.normalized_name, self.signature, what))

    def __read(self, what: str) -> int:
        # The first time that is known stays for the life of this object.
        if not self.__last.get(what):
            try:
                self.__last[what] = int(self.metadata_kv_store.get(self.__key(what)) or 0)
            except Exception:
                self.__last[what] = 0
        return self.__last[what]

    def __write(self, what: str, timestamp: int) -> None:
        check(PanoptesValidators.valid_positive_integer(timestamp), 'timestamp must be a positive integer.')
        try:
            self.metadata_kv_store.set(self.__key(what), str(timestamp), const.PLUGIN_AGENT_PLUGIN_TIMESTAMPS_EXPIRE)
        except Exception:
            self.panoptes_context.logger.exception('Error trying to store %s of plugin "%s"', what, self.name)

    @property
    def last_executed(self) -> int:
        """Seconds since the epoch; 0 if that is not known."""
        return self.__read('last_executed')

    @last_executed.setter
    def last_executed(self, timestamp: int) -> None:
        self.__write('last_executed', timestamp)

    @property
    def last_executed_age(self) -> int:
        return int(time()) - self.last_executed

    @property
    def last_results(self) -> int:
        """Seconds since the epoch; 0 if that is not known."""
        return self.__read('last_results')

    @last_results.setter
    def last_results(self, timestamp: int) -> None:
        self.__write('last_results', timestamp)

    @property
    def last_results_age(self) -> int:
        return int(time()) - self.last_results

    @property
    def execute_now(self) -> bool:
        """Whether a run is due; see docs/panoptes/runtime.md section 5."""
        skew = 1  # second
        newest = max(self.moduleMtime, self.configMtime)
        if self.last_executed_age + skew < self.execute_frequency and self.last_executed > newest:
            return False
        return not (self.last_results_age + skew < self.results_cache_age and self.last_results > newest)

    @property
    def lock(self) -> NoReturn:
        raise PanoptesPluginRuntimeError('the host keeps runs of plugin "{}" apart, there is no lock'.format(self.name))
