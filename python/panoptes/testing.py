"""Runs plugins without a collector; panoptes.pytest_plugin makes fixtures of it.

The module of a plugin file is executed by the very code that does so in the collector's workers.
"""
from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from typing import Any, Mapping, Union

from panoptes_worker.loader import Loader, Rejected
from yahoo_panoptes.enrichment.enrichment_plugin import PanoptesEnrichmentPlugin
from yahoo_panoptes.framework.context import PanoptesConfig, PanoptesContext
from yahoo_panoptes.framework.enrichment import (
    PanoptesEnrichmentCache,
    PanoptesEnrichmentCacheKeyValueStore,
    PanoptesEnrichmentGroupSet,
    PanoptesEnrichmentMultiGroupSet,
)
from yahoo_panoptes.framework.metrics import PanoptesMetricsGroup, PanoptesMetricsGroupSet
from yahoo_panoptes.framework.plugins.context import PanoptesPluginContext, PanoptesPluginWithEnrichmentContext
from yahoo_panoptes.framework.resources import PanoptesResource, PanoptesResourceSet
from yahoo_panoptes.framework.utilities.key_value_store import PanoptesKeyValueStore
from yahoo_panoptes.framework.utilities.secrets import PanoptesSecretsStore
from yahoo_panoptes.framework.values import plain_number
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

from panoptes.plugin_file import PluginFile

#: What a fake device answers with: a value, or its SNMP type and value, or what is raised.
SNMPValue = Union[str, int, bytes, Exception, 'tuple[str, str]']

_COMMUNITY = 'test'


class _PluginsStore(PanoptesKeyValueStore):
    def __init__(self, panoptes_context: PanoptesContext) -> None:
        super().__init__(panoptes_context, 'panoptes:plugins_kv')


def make_resource(**fields: Any) -> PanoptesResource:
    """A resource; what is not given is made up. The resource_ of the names may be left out: ``id='r1'``."""
    data: dict[str, Any] = {
        'resource_site': 'test_site', 'resource_class': 'test_class', 'resource_subclass': 'test_subclass',
        'resource_type': 'test_type', 'resource_id': 'test_id', 'resource_endpoint': 'localhost',
        'resource_metadata': {}, 'resource_creation_timestamp': time.time(), 'resource_plugin': 'test',
    }
    for name, value in fields.items():
        full = name if name.startswith('resource_') else 'resource_' + name
        if full not in data:
            raise TypeError('a resource has no {}; it has {}'.format(name, ', '.join(sorted(data))))
        data[full] = value
    return PanoptesResource.resource_from_dict(data)


def make_context(config: Mapping[str, Mapping[str, Any]] | None = None, resource: PanoptesResource | None = None,
                 kv: Mapping[str, str] | None = None, secrets: Mapping[str, str] | None = None,
                 enrichment: Mapping[str, Mapping[str, Any]] | None = None, discovery: bool = False,
                 site_snmp: Mapping[str, Any] | None = None,
                 site_x509: Mapping[str, Any] | None = None) -> PanoptesPluginWithEnrichmentContext:
    """What a plugin's run() is given.

    config is {section: {option: value}}; secrets is {name: text} or {name:site: text}; enrichment is
    {namespace: {key: value}} of the resource, or {resource id:namespace: ...}, and is there if config has
    ``[enrichment]``, or if it is given. With discovery there is no resource.
    """
    framework = PanoptesContext(
        key_value_store_class_list=[_PluginsStore, PanoptesSecretsStore, PanoptesEnrichmentCacheKeyValueStore],
        config=PanoptesConfig(['test_site'], dict({'community': _COMMUNITY}, **(site_snmp or {})),
                              dict(site_x509 or {})))
    conf: defaultdict[str, dict[str, str]] = defaultdict(dict)
    conf.update({'Core': {'name': 'Test Plugin'}, 'main': {'execute_frequency': '60'}})
    for section, options in (config or {}).items():
        conf[section] = dict(conf[section], **{option: str(value) for option, value in options.items()})
    data = None if discovery else resource or make_resource()
    store = framework.get_kv_store(_PluginsStore)
    for key, value in (kv or {}).items():
        store.set(key, value)
    secrets_store = framework.get_kv_store(PanoptesSecretsStore)
    for name, value in (secrets or {}).items():
        key = name if ':' in name else name + ':default'
        framework.key_value_backend.set(secrets_store.namespace, key, value, None)
    cache = None if data is None else _enrichment(framework, conf, data, enrichment)
    return PanoptesPluginWithEnrichmentContext(framework, 'panoptes.plugin', conf, store, secrets_store, data, cache)


def _enrichment(framework: PanoptesContext, conf: defaultdict[str, dict[str, str]], resource: PanoptesResource,
                given: Mapping[str, Mapping[str, Any]] | None) -> PanoptesEnrichmentCache | None:
    if not given and not conf.get('enrichment'):
        return None
    store = framework.get_kv_store(PanoptesEnrichmentCacheKeyValueStore)
    for name, data in (given or {}).items():
        key = name if ':' in name else '{}:{}'.format(resource.resource_id, name)
        store.set(key, json.dumps({'data': data, 'metadata': {}}))
    if not conf.get('enrichment'):
        conf['enrichment'] = {'preload': 'self:*'}
    return PanoptesEnrichmentCache(framework, conf, resource)


class FakeDevice(object):
    """Answers in the place of the collector's SNMP; to be given to yahoo_panoptes.framework.utilities.snmp.host.use.

    objects is {object identifier: value}; an exception of a table's own identifier is raised when it is walked.
    opening is raised when a plugin connects, as where the endpoint does not resolve.
    """

    def __init__(self, objects: Mapping[str, SNMPValue], opening: Exception | None = None) -> None:
        self.objects = dict(objects)
        self.opening = opening
        #: (method, params) of all that was asked.
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((method, params))
        if method == 'snmp.open':
            if self.opening is not None:
                raise self.opening
            return {'version': '2c'}
        if method == 'snmp.get':
            return self._answer([self.objects.get(oid, ('NOSUCHOBJECT', 'NOSUCHOBJECT')) for oid in params['oids']])
        oid = params['oid']
        if isinstance(self.objects.get(oid), Exception):
            self._answer([self.objects[oid]])
        start = _arcs(oid)
        after = sorted((name for name in self.objects if _arcs(name) > start), key=_arcs)
        if method == 'snmp.get_bulk':
            after = after[:params['max_repetitions']]
            return dict(self._answer([self.objects[name] for name in after]), oids=after)
        below = [name for name in after if _arcs(name)[:len(start)] == start]
        return dict(self._answer([self.objects[name] for name in below]),
                    indexes=[name[len(oid) + 1:] for name in below])

    @staticmethod
    def _answer(found: list[SNMPValue]) -> dict[str, Any]:
        types, values = [], []
        for value in found:
            if isinstance(value, Exception):
                raise value
            if isinstance(value, bytes):
                value = value.decode('latin-1')
            kind, text = value if isinstance(value, tuple) else (
                'INTEGER' if isinstance(value, int) else 'OCTETSTR', str(value))
            types.append(kind)
            values.append(text)
        return {'types': types[0] if len(set(types)) == 1 else types, 'values': values}


def _arcs(oid: str) -> tuple[int, ...]:
    return tuple(int(arc) for arc in oid.strip('.').split('.'))


class Run(object):
    """What a run came to."""

    def __init__(self, returned: Any, context: PanoptesPluginContext) -> None:
        self.returned = returned
        self.context = context

    @property
    def dropped(self) -> list[str]:
        """What the collector would leave out of what a check yielded, and why."""
        return [item['message'] for item in getattr(self.returned, 'dropped', ())]

    @property
    def groups(self) -> list[PanoptesMetricsGroup]:
        """The metrics groups, by type and dimensions."""
        return sorted(self.returned or (), key=lambda group: (group.group_type, [str(d) for d in group.dimensions],
                                                              str(group.resource)))

    def group(self, group_type: str, **dimensions: str) -> PanoptesMetricsGroup:
        """The one group of this type that has these dimensions; LookupError if it is not just one."""
        found = [group for group in self.groups if group.group_type == group_type and all(
            (group.get_dimension_by_name(name) or _NONE).value == value for name, value in dimensions.items())]
        if len(found) != 1:
            raise LookupError('{} groups of type "{}" with {} among {}'.format(
                len(found), group_type, dimensions or 'any dimensions', self.data()))
        return found[0]

    def value(self, metric: str, group_type: str | None = None, **dimensions: str) -> float:
        """The value of the one metric of this name; LookupError if it is not just one."""
        values = [found.metric_value for group in self.groups for found in group.metrics
                  if found.metric_name == metric and group_type in (None, group.group_type) and all(
                      (group.get_dimension_by_name(name) or _NONE).value == value
                      for name, value in dimensions.items())]
        if len(values) != 1:
            raise LookupError('{} metrics "{}" among {}'.format(len(values), metric, self.data()))
        return values[0]

    def data(self) -> Any:
        """All of it without times, as JSON has it: what golden files hold."""
        if self.returned is None:
            return None
        if isinstance(self.returned, PanoptesResourceSet):
            return [_resource_data(resource) for resource in sorted(self.returned.resources, key=str)]
        if isinstance(self.returned, (PanoptesEnrichmentGroupSet, PanoptesEnrichmentMultiGroupSet)):
            return _enrichment_data(self.returned)
        return [self._group_data(group) for group in self.groups]

    def _group_data(self, group: PanoptesMetricsGroup) -> dict[str, Any]:
        data: dict[str, Any] = {
            'type': group.group_type, 'interval': group.interval,
            'dimensions': {dimension.name: dimension.value for dimension in group.dimensions}}
        for kind, name in enumerate(('gauges', 'counters')):
            metrics = {metric.metric_name: plain_number(metric.metric_value)
                       for metric in group.metrics if metric.metric_type == kind}
            if metrics:
                data[name] = metrics
        if group.resource != self.context.data:
            data['resource'] = _resource_data(group.resource)
        return data


class _NoDimension(object):
    value = None


_NONE = _NoDimension()


def _resource_data(resource: PanoptesResource) -> dict[str, Any]:
    return {name: value for name, value in resource.raw.items() if name != 'resource_creation_timestamp'}


def _enrichment_data(returned: Any) -> dict[str, Any]:
    group_sets = returned.enrichment_group_sets if isinstance(returned, PanoptesEnrichmentMultiGroupSet) else [returned]
    return {group_set.resource.resource_id: {
        group.namespace: {'ttl': group.enrichment_ttl, 'data': json.loads(group.serialize_data())}
        for group in group_set.enrichment} for group_set in group_sets}


_RESULTS: tuple[tuple[type, tuple[type, ...]], ...] = (
    (PanoptesEnrichmentPlugin, (PanoptesEnrichmentGroupSet, PanoptesEnrichmentMultiGroupSet)),
    (PanoptesPollingPlugin, (PanoptesMetricsGroupSet,)),
    (object, (PanoptesResourceSet,)),
)


def run(plugin: str | os.PathLike[str] | type, context: PanoptesPluginContext | None = None, drops: bool = False,
        **options: Any) -> Run:
    """Runs the plugin once. It is a class, a plugin file or a module; context, or the options of make_context, are
    what it is given. What the plugin raises comes out, and a result of the wrong type is a TypeError. With drops, a check
    may yield what cannot be sent, which Run.dropped has then; without, that is a ValueError."""
    if isinstance(plugin, type):
        return _finish(plugin(), context or make_context(**options), drops)
    path = os.fspath(plugin)
    file = PluginFile(path) if path.endswith('.panoptes-plugin') else None
    loader = _loader()
    loaded = _load(loader, file.name if file else os.path.basename(path), file.module_path() if file else path)
    try:
        if context is None:
            # What a check's decorator says, the plugin file, the test: the later counts.
            layers = [getattr(loaded.instance, 'panoptes_settings', {}), file.config if file else {},
                      options.pop('config', None) or {}]
            config: dict[str, dict[str, Any]] = {}
            for layer in layers:
                for section, values in layer.items():
                    config.setdefault(section, {}).update(values)
            options['config'] = config
            discovery = not isinstance(loaded.instance, PanoptesPollingPlugin)
            context = make_context(discovery=discovery, **options)
        return _finish(loaded.instance, context, drops)
    finally:
        loaded.unload()


def _load(loader: Loader, name: str, path: str) -> Any:
    """Enrichment plugins are polling plugins, too, so that this finds all three types."""
    try:
        return loader.load(name, path, 'polling')
    except Rejected as e:
        if e.kind != 'no_class':
            raise
        return loader.load(name, path, 'discovery')


_the_loader: Loader | None = None


def _loader() -> Loader:
    # One for all: each adds itself to the import system.
    global _the_loader
    if _the_loader is None:
        _the_loader = Loader()
    return _the_loader


def _finish(instance: Any, context: PanoptesPluginContext, drops: bool) -> Run:
    returned = instance.run(context)
    expected = next(results for base, results in _RESULTS if isinstance(instance, base))
    if returned is not None and not isinstance(returned, expected):
        raise TypeError('run() of {} returned a {}, it must return a {}'.format(
            type(instance).__name__, type(returned).__name__, ' or a '.join(cls.__name__ for cls in expected)))
    found = Run(returned, context)
    if found.dropped and not drops:
        raise ValueError('; '.join(found.dropped))
    return found
