"""The base class of plugins, and what a plugin file says."""
import abc
import configparser
import hashlib
import os
from collections import defaultdict
from time import time

from yapsy.IPlugin import IPlugin

from yahoo_panoptes.framework import const
from yahoo_panoptes.framework.context import PanoptesContextValidators
from yahoo_panoptes.framework.exceptions import PanoptesPluginConfigurationError, PanoptesPluginRuntimeError
from yahoo_panoptes.framework.utilities.helpers import get_module_mtime, normalize_plugin_name
from yahoo_panoptes.framework.utilities.key_value_store import PanoptesKeyValueStoreValidators
from yahoo_panoptes.framework.validators import PanoptesValidators, check


class PanoptesBasePlugin(IPlugin, metaclass=abc.ABCMeta):
    """A class with a run() that does the work."""

    @abc.abstractmethod
    def run(self, context):
        """Does the work of one run; context is a PanoptesPluginContext."""


class PanoptesBasePluginValidators(object):
    @classmethod
    def valid_plugin_class(cls, plugin_class):
        return isinstance(plugin_class, PanoptesBasePlugin)


class PanoptesPluginInfoValidators(object):
    @classmethod
    def valid_plugin_info_class(cls, plugin_info):
        return isinstance(plugin_info, PanoptesPluginInfo)


class PanoptesPluginInfo(object):
    """A plugin as its file describes it; path is that of the module. Whoever reads the file sets details."""

    def __init__(self, plugin_name, plugin_path):
        self.name = plugin_name
        self.path = plugin_path
        self.category = None
        self.plugin_object = None
        self.details = configparser.ConfigParser()
        self.config_filename = None
        self.__panoptes_context = None
        self.__kv_store_class = None
        self.__data = None
        self.__last = {}

    def __documentation(self, option, default):
        return self.details.get('Documentation', option, fallback=default)

    @property
    def version(self):
        """As the file has it; Panoptes gives an object that prints as this."""
        return self.__documentation('version', '0.0')

    @property
    def author(self):
        return self.__documentation('author', 'Unknown')

    @property
    def website(self):
        return self.__documentation('website', 'None')

    @property
    def copyright(self):
        return self.__documentation('copyright', 'Unknown')

    @property
    def description(self):
        return self.__documentation('description', '')

    @property
    def normalized_name(self):
        return normalize_plugin_name(self.name)

    @property
    def normalized_category(self):
        return normalize_plugin_name(self.category)

    @property
    def moduleMtime(self):
        return get_module_mtime(self.path)

    @property
    def configMtime(self):
        try:
            return int(os.path.getmtime(self.config_filename))
        except (OSError, TypeError):
            return 0

    def __seconds(self, option):
        try:
            return int(self.details.get('main', option))
        except (configparser.Error, ValueError):
            return 0

    @property
    def execute_frequency(self):
        """Seconds; 0 if the file says none."""
        return self.__seconds('execute_frequency')

    @property
    def results_cache_age(self):
        """Seconds; 0 if the file says none."""
        return self.__seconds('results_cache_age')

    @property
    def config(self):
        config = defaultdict(dict)
        for section in self.details.sections():
            config[section] = dict(self.details.items(section))
        return config

    @property
    def panoptes_context(self):
        if self.__panoptes_context is None:
            raise PanoptesPluginConfigurationError(
                'No Panoptes Context associated with plugin "{}"'.format(self.name))
        return self.__panoptes_context

    @panoptes_context.setter
    def panoptes_context(self, panoptes_context):
        check(PanoptesContextValidators.valid_panoptes_context(panoptes_context),
              'panoptes_context must be an instance of PanoptesContext')
        self.__panoptes_context = panoptes_context

    @property
    def kv_store_class(self):
        return self.__kv_store_class

    @kv_store_class.setter
    def kv_store_class(self, kv_store_class):
        check(PanoptesKeyValueStoreValidators.valid_kv_store_class(kv_store_class),
              'kv_store_class must be a subclass of PanoptesKeyValueStore')
        self.__kv_store_class = kv_store_class

    @property
    def metadata_kv_store(self):
        return self.panoptes_context.get_kv_store(self.kv_store_class)

    @property
    def data(self):
        return self.__data

    @data.setter
    def data(self, plugin_data):
        check(PanoptesValidators.valid_hashable_object(plugin_data), 'plugin_data must be a valid hashable object')
        self.__data = plugin_data

    @property
    def signature(self):
        """Names the plugin together with what it works on."""
        text = self.normalized_name + repr(self.data)
        return hashlib.md5(text.encode('utf-8', 'surrogatepass')).hexdigest()

    @property
    def last_executed_key(self):
        return self.__key('last_executed')

    @property
    def last_results_key(self):
        return self.__key('last_results')

    def __key(self, what):
        return const.KV_NAMESPACE_DELIMITER.join(
            ('plugin_metadata', self.normalized_name, self.signature, what))

    def __read(self, what):
        # The first time that is known stays for the life of this object.
        if not self.__last.get(what):
            try:
                self.__last[what] = int(self.metadata_kv_store.get(self.__key(what)))
            except Exception:
                self.__last[what] = 0
        return self.__last[what]

    def __write(self, what, timestamp):
        check(PanoptesValidators.valid_positive_integer(timestamp), 'timestamp must be a positive integer.')
        try:
            self.metadata_kv_store.set(self.__key(what), str(timestamp), const.PLUGIN_AGENT_PLUGIN_TIMESTAMPS_EXPIRE)
        except Exception:
            self.panoptes_context.logger.exception('Error trying to store %s of plugin "%s"', what, self.name)

    @property
    def last_executed(self):
        """Seconds since the epoch; 0 if that is not known."""
        return self.__read('last_executed')

    @last_executed.setter
    def last_executed(self, timestamp):
        self.__write('last_executed', timestamp)

    @property
    def last_executed_age(self):
        return int(time()) - self.last_executed

    @property
    def last_results(self):
        """Seconds since the epoch; 0 if that is not known."""
        return self.__read('last_results')

    @last_results.setter
    def last_results(self, timestamp):
        self.__write('last_results', timestamp)

    @property
    def last_results_age(self):
        return int(time()) - self.last_results

    @property
    def execute_now(self):
        """Whether a run is due; see docs/panoptes/runtime.md section 5."""
        skew = 1  # second
        newest = max(self.moduleMtime, self.configMtime)
        if self.last_executed_age + skew < self.execute_frequency and self.last_executed > newest:
            return False
        return not (self.last_results_age + skew < self.results_cache_age and self.last_results > newest)

    @property
    def lock(self):
        raise PanoptesPluginRuntimeError('the host keeps runs of plugin "{}" apart, there is no lock'.format(self.name))
