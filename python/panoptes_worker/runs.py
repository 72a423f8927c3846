"""One run of a plugin; see docs/panoptes/runtime.md section 5."""
import logging
from collections import defaultdict
from time import perf_counter, process_time

from yahoo_panoptes.framework.context import PanoptesConfig, PanoptesContext
from yahoo_panoptes.framework.metrics import PanoptesMetricsGroupSet
from yahoo_panoptes.framework.plugins.context import PanoptesPluginWithEnrichmentContext
from yahoo_panoptes.framework.resources import PanoptesResource
from yahoo_panoptes.framework.utilities.secrets import PanoptesSecretsStore

from panoptes_worker import logs, results
from panoptes_worker.loader import Rejected
from panoptes_worker.stores import HostBackend, PluginsKeyValueStore

try:
    import resource as _resource_usage
except ImportError:  # Windows
    _resource_usage = None


class Host:
    """What the host gave for all runs."""

    def __init__(self, channel, context):
        self._sites = list(context.get('sites') or ())
        self._snmp = dict(context.get('snmp') or {})
        self._x509 = dict(context.get('x509') or {})
        self._backend = HostBackend(channel)

    def context(self):
        """A context for one run. What a plugin does to these dictionaries ends with its run."""
        return PanoptesContext(
            config=PanoptesConfig(self._sites, self._snmp, self._x509),
            backend=self._backend,
            key_value_store_class_list=[PluginsKeyValueStore, PanoptesSecretsStore])


class Prepared:
    """A run whose parameters have been checked."""

    def __init__(self, plugin, kind, resource, original, context):
        self.plugin = plugin
        self.kind = kind
        self.resource = resource
        self.original = original
        self.context = context


class Runner:
    """Runs plugins."""

    def __init__(self, loader):
        self._loader = loader
        self._logger = logging.getLogger(logs.AGENT_LOGGER)

    def prepare(self, host, params, plugin, kind):
        """Checks the parameters and makes the context; any exception says what is wrong with them."""
        resource = PanoptesResource.resource_from_dict(params['resource'])
        config = defaultdict(dict)
        for section, options in params['config'].items():
            config[section] = dict(options)
        panoptes_context = host.context()
        context = PanoptesPluginWithEnrichmentContext(
            panoptes_context, logs.PLUGIN_LOGGER, config, panoptes_context.get_kv_store(PluginsKeyValueStore),
            panoptes_context.get_kv_store(PanoptesSecretsStore), resource)
        return Prepared(plugin, kind, resource, results.snapshot(resource), context)

    def run(self, prepared, settle):
        """Loads and runs the plugin and returns the result to send, run_id aside. settle is called as soon as the
        plugin has returned."""
        result = {'groups': [], 'members': 0, 'dropped': []}
        plugin = prepared.plugin
        loaded = returned = error = None
        wall, cpu = perf_counter(), _cpu_seconds()
        try:
            loaded = self._loader.load(plugin['name'], plugin['module'], prepared.kind, plugin.get('source'))
            returned = loaded.instance.run(prepared.context)
        # All of them, SystemExit and KeyboardInterrupt, too: a plugin must not end the worker.
        except BaseException as e:
            error = e
        try:
            settle()
            result['wall_seconds'] = round(perf_counter() - wall, 6)
            result['cpu_seconds'] = round(max(0.0, _cpu_seconds() - cpu), 6)
            if error is None:
                self._take(result, returned, prepared)
            elif loaded is None and isinstance(error, Rejected):
                result['outcome'] = 'rejected'
                result['error'] = error.detail
                self._logger.error('Unable to load plugin: %s', error)
            else:
                self._raised(result, error)
        finally:
            # Or the frames of its traceback would keep each other alive until the next collection.
            error = None
            if loaded is not None:
                loaded.unload()
        return result

    def _raised(self, result, error):
        result['outcome'] = 'raised'
        result['error'] = logs.describe(error, skip=1)
        trace = error.__traceback__
        self._logger.error('Failed to execute plugin:', exc_info=(
            type(error), error, trace.tb_next if trace is not None else None))
        self._logger.warning('Plugin did not return any results')

    def _take(self, result, returned, prepared):
        if returned is None:
            result['outcome'] = 'none'
            self._logger.warning('Plugin did not return any results')
        elif not isinstance(returned, PanoptesMetricsGroupSet):
            result['outcome'] = 'wrong_type'
            result['result_type'] = type(returned).__name__
            self._logger.warning('Plugin returned an unexpected result type: "%s"', type(returned).__name__)
        else:
            # A copy: threads that the plugin left behind may go on adding.
            groups = list(returned.metrics_groups)
            self._logger.info('Plugin returned a result set with %d members', len(groups))
            result['members'] = len(groups)
            result['groups'], result['dropped'] = results.serialise(groups, prepared.resource, prepared.original)
            result['outcome'] = 'ok'


def _cpu_seconds():
    """Seconds of CPU this process and the programs it waited for have used."""
    seconds = process_time()
    if _resource_usage is not None:
        usage = _resource_usage.getrusage(_resource_usage.RUSAGE_CHILDREN)
        seconds += usage.ru_utime + usage.ru_stime
    return seconds
