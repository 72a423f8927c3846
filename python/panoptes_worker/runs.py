"""One run of a plugin; see docs/panoptes/runtime.md section 5."""
import json
import logging
from collections import defaultdict
from contextvars import Context

from yahoo_panoptes.framework.context import PanoptesConfig, PanoptesContext, use_host
from yahoo_panoptes.framework.enrichment import (
    PanoptesEnrichmentCache, PanoptesEnrichmentCacheKeyValueStore, PanoptesEnrichmentGroupSet,
    PanoptesEnrichmentMultiGroupSet)
from yahoo_panoptes.framework.metrics import PanoptesMetricsGroupSet
from yahoo_panoptes.framework.plugins.context import PanoptesPluginWithEnrichmentContext
from yahoo_panoptes.framework.resources import PanoptesResource, PanoptesResourceSet
from yahoo_panoptes.framework.utilities.secrets import PanoptesSecretsStore
from yahoo_panoptes.framework.utilities.snmp import host as snmp_host

from panoptes_worker import logs, results
from panoptes_worker.clock import Clock
from panoptes_worker.finder import Beside
from panoptes_worker.loader import Rejected
from panoptes_worker.stores import HostBackend, PluginsKeyValueStore
from panoptes_worker.usage import Usage

# What run() of each type of plugin returns.
_RESULTS = {
    'polling': PanoptesMetricsGroupSet,
    'discovery': PanoptesResourceSet,
    'enrichment': (PanoptesEnrichmentGroupSet, PanoptesEnrichmentMultiGroupSet),
}


def packages_of(plugin):
    """The folders that stand for packages in what this plugin imports."""
    return [Beside(package['path'], package.get('source'), package['name']) for package in plugin.get('packages') or ()]


class Host:
    """What the host gave for all runs."""

    def __init__(self, channel, context, current_run):
        """current_run() is the number of the run that a thread belongs to."""
        self._config = (list(context.get('sites') or ()), dict(context.get('snmp') or {}),
                        dict(context.get('x509') or {}))
        self._backend = HostBackend(channel)
        use_host(lambda: PanoptesConfig(*self._config), self._backend)
        snmp_host.use(lambda method, params: channel.call(method, dict(params, run_id=current_run())))

    def context(self):
        """A context for one run. What a plugin does to these dictionaries ends with its run."""
        return PanoptesContext(
            config=PanoptesConfig(*self._config), backend=self._backend,
            key_value_store_class_list=[
                PluginsKeyValueStore, PanoptesSecretsStore, PanoptesEnrichmentCacheKeyValueStore])


class Prepared:
    """A run whose parameters have been checked."""

    def __init__(self, plugin, kind, resource, original, context, config, clock=None):
        self.plugin = plugin
        self.kind = kind
        self.resource = resource
        self.original = original
        self.context = context
        self.config = config
        self.clock = clock  # of a run that is recorded or repeated


class Runner:
    """Runs plugins."""

    def __init__(self, loader):
        self._loader = loader
        self._usage = Usage()
        self._loggers = {kind: logging.getLogger(name) for kind, name in logs.AGENTS.items()}

    def prepare(self, host, params, plugin, kind):
        """Checks the parameters; any exception says what is wrong with them."""
        resource = original = None
        if kind != 'discovery':
            resource = PanoptesResource.resource_from_dict(params['resource'])
            original = results.snapshot(resource)
        config = defaultdict(dict)
        for section, options in params['config'].items():
            config[section] = dict(options)
        clock = params.get('clock')
        if clock is not None:
            clock = Clock(self._loader.belongs, clock.get('readings'))
        return Prepared(plugin, kind, resource, original, host.context(), config, clock)

    def run(self, prepared, settle):
        """Loads and runs the plugin and returns the result to send, run_id aside. settle is called as soon as the
        plugin has returned."""
        clock = prepared.clock
        # What it sets in a context variable, such as the precision of decimals, ends with the run.
        run = Context().run
        if clock is None:
            return run(self._run, prepared, settle)
        with clock:
            result = run(self._run, prepared, settle)
        result['clock'] = clock.readings
        return result

    def _run(self, prepared, settle):
        result = {'groups': [], 'dropped': []}
        plugin, logger = prepared.plugin, self._loggers[prepared.kind]
        context = loaded = returned = error = None
        self._usage.begin()
        try:
            loaded = self._loader.load(plugin['name'], plugin['module'], prepared.kind, plugin.get('source'),
                                       plugin.get('sys_path'), plugin.get('sys_path_source'), packages_of(plugin))
            context = self._context(prepared)
            returned = loaded.instance.run(context)
        # All of them, SystemExit and KeyboardInterrupt, too: a plugin must not end the worker.
        except BaseException as e:
            error = e
        try:
            settle()
            result['cpu_seconds'], result['peak_bytes'] = self._usage.end()
            if error is None:
                self._take(result, returned, prepared, logger)
            elif loaded is None and isinstance(error, Rejected):
                result['outcome'] = 'rejected'
                result['error'] = error.detail
                logger.error('Unable to load plugin: %s', error, extra=logs.IN_RESULT)
            else:
                self._raised(result, error, context is None, logger)
        finally:
            # Or the frames of its traceback would keep each other alive until the next collection.
            error = None
            if loaded is not None:
                loaded.unload()
        return result

    @staticmethod
    def _context(prepared):
        made, config = prepared.context, prepared.config
        enrichment = None
        if config.get('enrichment') and prepared.resource is not None:
            enrichment = PanoptesEnrichmentCache(made, config, prepared.resource)
        return PanoptesPluginWithEnrichmentContext(
            made, logs.PLUGINS[prepared.kind], config, made.get_kv_store(PluginsKeyValueStore),
            made.get_kv_store(PanoptesSecretsStore), prepared.resource, enrichment)

    @staticmethod
    def _raised(result, error, in_setup, logger):
        result['outcome'] = 'raised'
        result['error'] = logs.describe(error, skip=1)
        trace = error.__traceback__
        logger.error('Could not setup context for plugin' if in_setup else 'Failed to execute plugin:', exc_info=(
            type(error), error, trace.tb_next if trace is not None else None), extra=logs.IN_RESULT)
        if not in_setup:
            logger.warning('Plugin did not return any results', extra=logs.IN_RESULT)

    @staticmethod
    def _take(result, returned, prepared, logger):
        kind = prepared.kind
        if returned is None:
            result['outcome'] = 'none'
            logger.warning('Plugin did not return any results', extra=logs.IN_RESULT)
            return
        if not isinstance(returned, _RESULTS[kind]):
            result['outcome'] = 'wrong_type'
            result['result_type'] = logs.shorten(type(returned).__name__, logs.MAX_NAME)
            logger.warning('Plugin returned an unexpected result type: "%s"', result['result_type'], extra=logs.IN_RESULT)
            return
        result['outcome'] = 'ok'
        if kind == 'polling':
            # A copy: threads that the plugin left behind may go on adding.
            members = list(returned.metrics_groups)
        else:
            members = list(returned.resources) if kind == 'discovery' else results.enrichment_groups(returned)
        if logger.isEnabledFor(logging.DEBUG):  # Panoptes logs it at info; a run that went well is no news
            logger.info('Plugin returned a result set with %d members', len(members), extra=logs.IN_RESULT)
        if kind == 'polling':
            result['groups'], result['dropped'] = results.serialise(
                members, prepared.resource, prepared.original, getattr(returned, 'dropped', ()))
        elif kind == 'discovery':
            result['resources'], result['dropped'] = results.serialise_resources(members)
        else:
            result['enrichment'], result['dropped'] = results.serialise_enrichment(members)
