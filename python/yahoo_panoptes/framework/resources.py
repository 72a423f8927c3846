"""Resources, their sets and their store; see docs/panoptes/python-api.md section 4."""
from __future__ import annotations

import hashlib
import json
import re
from collections import OrderedDict
from time import time
from typing import Any, Iterator

from yahoo_panoptes.framework import const
from yahoo_panoptes.framework.context import PanoptesContext, PanoptesContextValidators
from yahoo_panoptes.framework.exceptions import PanoptesResourceCacheException, PanoptesResourceError
from yahoo_panoptes.framework.utilities.key_value_store import PanoptesKeyValueStore
from yahoo_panoptes.framework.validators import PanoptesValidators, check

_VALID_METADATA_KEY = re.compile(r'^[^\d\W]\w*\Z')

_STORE_KEY = re.compile(
    r'(^plugin\|)(?P<plugin>.*?)(\|site\|)(?P<site>.*?)(\|class\|)(?P<class>.*?)(\|subclass\|)(?P<subclass>.*?)'
    r'(\|type\|)(?P<type>.*?)(\|id\|)(?P<id>.*?)(\|endpoint\|)(?P<endpoint>.*?$)', re.DOTALL)
# Panoptes takes ten digits, a point and two decimals; whole seconds and more digits are taken here, too.
_STORE_VALUE = re.compile(r'timestamp\|(?P<timestamp>\d+(\.\d+)?)\|?(?P<meta>.*)$', re.DOTALL)
_STORE_METADATA = re.compile(r'(meta\.)(.*?)(\|)(.*?)(\||$)', re.DOTALL)


class PanoptesResourceValidators(object):
    @classmethod
    def valid_panoptes_resource(cls, resource: object) -> bool:
        return isinstance(resource, PanoptesResource)


class PanoptesResource(object):
    """What is polled: six texts that name it, and metadata."""

    def __init__(self, resource_site: str, resource_class: str, resource_subclass: str, resource_type: str,
                 resource_id: str, resource_endpoint: str, resource_creation_timestamp: Any = None,
                 resource_plugin: str | None = None,
                 resource_ttl: int = const.RESOURCE_MANAGER_RESOURCE_EXPIRE) -> None:
        nonempty = PanoptesValidators.valid_nonempty_string
        check(nonempty(resource_site), 'resource_site must be a non-empty str')
        check(nonempty(resource_class), 'resource_class must be a non-empty str')
        check(nonempty(resource_subclass), 'resource_subclass must be a non-empty')
        check(nonempty(resource_type), 'resource_type must be a non-empty str')
        check(nonempty(resource_id), 'resource_id must be a non-empty str')
        check(nonempty(resource_endpoint), 'resource_endpoint must be a non-empty str')
        check(PanoptesValidators.valid_none_or_nonempty_string(resource_plugin),
              'resource_plugin must be None or a non-empty str')
        check(PanoptesValidators.valid_nonzero_integer(resource_ttl), 'resource_ttl must be an integer greater than 0')

        self.__data: OrderedDict[str, Any] = OrderedDict((
            ('resource_site', resource_site),
            ('resource_class', resource_class),
            ('resource_subclass', resource_subclass),
            ('resource_type', resource_type),
            ('resource_id', resource_id),
            ('resource_endpoint', resource_endpoint),
            ('resource_metadata', OrderedDict(_resource_ttl=str(resource_ttl))),
            ('resource_creation_timestamp', resource_creation_timestamp or time()),
            ('resource_plugin', resource_plugin),
        ))
        self.__serialization_key: str | None = None

    @property
    def resource_site(self) -> str:
        return self.__data['resource_site']

    @property
    def resource_class(self) -> str:
        return self.__data['resource_class']

    @property
    def resource_subclass(self) -> str:
        return self.__data['resource_subclass']

    @property
    def resource_type(self) -> str:
        return self.__data['resource_type']

    @property
    def resource_id(self) -> str:
        return self.__data['resource_id']

    @property
    def resource_endpoint(self) -> str:
        return self.__data['resource_endpoint']

    @property
    def resource_metadata(self) -> OrderedDict[str, str]:
        return self.__data['resource_metadata']

    @property
    def resource_creation_timestamp(self) -> Any:
        return self.__data['resource_creation_timestamp']

    @property
    def resource_plugin(self) -> str | None:
        return self.__data['resource_plugin']

    @property
    def resource_ttl(self) -> str:
        """Seconds, as text."""
        return self.__data['resource_metadata']['_resource_ttl']

    @property
    def serialization_key(self) -> str:
        """Names the resource in the store; TypeError if it has no plugin."""
        if self.__serialization_key is None:
            data = self.__data
            self.__serialization_key = const.KV_STORE_DELIMITER.join([
                'plugin', data['resource_plugin'],
                'site', data['resource_site'],
                'class', data['resource_class'],
                'subclass', data['resource_subclass'],
                'type', data['resource_type'],
                'id', data['resource_id'],
                'endpoint', data['resource_endpoint'],
            ])
        return self.__serialization_key

    @property
    def json(self) -> str:
        return json.dumps(self.__data, cls=PanoptesResourceEncoder)

    @property
    def raw(self) -> OrderedDict[str, Any]:
        return self.__data

    def add_metadata(self, key: str, value: str) -> None:
        """Sets the metadata of this key."""
        check(PanoptesValidators.valid_nonempty_string(key), 'key must be a non-empty str or unicode')
        check(PanoptesValidators.valid_nonempty_string(value), 'value must be a non-empty str or unicode')
        if not _VALID_METADATA_KEY.match(key):
            raise ValueError('metadata key "%s" has to match pattern: (letter|"_") (letter | digit | "_")*' % key)
        if const.KV_STORE_DELIMITER in value:
            raise ValueError('metadata value "%s" cannot contain %s' % (value, const.KV_STORE_DELIMITER))
        self.__data['resource_metadata'][key] = value

    @staticmethod
    def resource_from_dict(resource_dict: dict[str, Any]) -> PanoptesResource:
        """Makes a resource of a dictionary as in the JSON form; KeyError if a key is missing."""
        check(isinstance(resource_dict, dict), 'resource_dict must be a dict')
        plugin = resource_dict['resource_plugin']
        identity: dict[str, Any] = {key: resource_dict[key] for key in (
            'resource_site', 'resource_class', 'resource_subclass', 'resource_type', 'resource_id',
            'resource_endpoint')}
        metadata = resource_dict['resource_metadata']
        ttl = int(metadata.get('_resource_ttl', const.RESOURCE_MANAGER_RESOURCE_EXPIRE))
        resource = PanoptesResource(
            **identity, resource_creation_timestamp=resource_dict['resource_creation_timestamp'],
            resource_plugin=plugin, resource_ttl=ttl)
        for key, value in metadata.items():
            resource.add_metadata(key, value)
        return resource

    def __repr__(self) -> str:
        return self.serialization_key

    def __str__(self) -> str:
        return self.serialization_key

    def __hash__(self) -> int:
        # Takes in plugin and endpoint, which equality does not: a set keeps resources that differ in these.
        return int(_md5(self.serialization_key.encode('utf-8', 'surrogatepass')).hexdigest(), 16)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PanoptesResource):
            return False
        return (self.resource_id == other.resource_id and self.resource_site == other.resource_site
                and self.resource_class == other.resource_class
                and self.resource_subclass == other.resource_subclass
                and self.resource_type == other.resource_type)

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, PanoptesResource):
            return False
        return self.resource_id < other.resource_id


def _md5(data: bytes) -> Any:
    try:
        return hashlib.md5(data, usedforsecurity=False)
    except TypeError:  # before Python 3.9
        return hashlib.md5(data)


class PanoptesResourceEncoder(json.JSONEncoder):
    def default(self, o: Any) -> Any:
        if isinstance(o, set):
            return list(o)
        if isinstance(o, PanoptesResource):
            return getattr(o, '_PanoptesResource__data')
        return json.JSONEncoder.default(self, o)


class PanoptesResourceSet(object):
    """What a discovery plugin returns."""

    def __init__(self) -> None:
        self.__data: dict[str, Any] = {
            'resources': set(),
            'resource_set_creation_timestamp': time(),
            'resource_set_schema_version': '0.1',
        }

    def add(self, resource: PanoptesResource) -> None:
        check(PanoptesResourceValidators.valid_panoptes_resource(resource),
              'resource must an instance of PanoptesResource')
        self.__data['resources'].add(resource)

    def remove(self, resource: PanoptesResource) -> None:
        """KeyError if the resource is not in the set."""
        check(PanoptesResourceValidators.valid_panoptes_resource(resource),
              'resource must an instance of PanoptesResource')
        self.__data['resources'].remove(resource)

    def get_resources_by_site(self) -> dict[str, list[PanoptesResource]]:
        """A dict from site to list of resources."""
        sites: dict[str, list[PanoptesResource]] = {}
        for resource in self.resources:
            sites.setdefault(resource.resource_site, []).append(resource)
        return sites

    @property
    def resources(self) -> set[PanoptesResource]:
        return self.__data['resources']

    @property
    def resource_set_creation_timestamp(self) -> float:
        return self.__data['resource_set_creation_timestamp']

    @resource_set_creation_timestamp.setter
    def resource_set_creation_timestamp(self, timestamp: float) -> None:
        check(PanoptesValidators.valid_timestamp(timestamp),
              'timestamp should be an Unix epoch int|float not more than 7 days old or more than 60 seconds in the '
              'future')
        self.__data['resource_set_creation_timestamp'] = timestamp

    @property
    def resource_set_schema_version(self) -> str:
        return self.__data['resource_set_schema_version']

    @property
    def json(self) -> str:
        return json.dumps(self.__data, cls=PanoptesResourceEncoder)

    def __iter__(self) -> Iterator[PanoptesResource]:
        return iter(self.resources)

    def __next__(self) -> PanoptesResource:
        return next(iter(self.resources))

    next = __next__

    def __len__(self) -> int:
        return len(self.resources)

    def __repr__(self) -> str:
        return repr(self.resources)


class PanoptesResourcesKeyValueStore(PanoptesKeyValueStore):
    """Where resources are kept."""

    redis_group = const.RESOURCE_MANAGER_REDIS_GROUP

    def __init__(self, panoptes_context: PanoptesContext) -> None:
        super(PanoptesResourcesKeyValueStore, self).__init__(
            panoptes_context, const.RESOURCE_MANAGER_KEY_VALUE_NAMESPACE)

    def find_values(self, pattern: str) -> dict[str, str]:
        """{key: value} of the keys that match the glob pattern, asked for together; not of Panoptes."""
        return self._backend.find_values(self.namespace, pattern)


_HOST_FILTERS = (
    'the host filters resources: it takes the filter from resource_filter in [main] of the plugin file, and "panoptes resources '
    'match --filter" tries it; the resource of a run is context.data, and PanoptesResourceStore reads others')


class PanoptesResourceDSL(object):
    """Would read a resource filter, which the host does."""

    def __init__(self, query: str, panoptes_context: PanoptesContext) -> None:
        raise PanoptesResourceError('PanoptesResourceDSL is not there: ' + _HOST_FILTERS)


class PanoptesResourceCache(object):
    """Would filter all resources, which the host does."""

    def __init__(self, panoptes_context: PanoptesContext) -> None:
        raise PanoptesResourceCacheException('PanoptesResourceCache is not there: ' + _HOST_FILTERS)


class PanoptesResourceStore(object):
    """Reads and writes resources in their key/value form (docs/panoptes/formats.md section 2). On a host they are those
    that it knows, and cannot be written."""

    def __init__(self, panoptes_context: PanoptesContext) -> None:
        check(PanoptesContextValidators.valid_panoptes_context(panoptes_context),
              'panoptes_context must be an instance of PanoptesContext')
        self.__kv = panoptes_context.get_kv_store(PanoptesResourcesKeyValueStore)

    def get_resources(self, site: str | None = None, plugin_name: str | None = None) -> PanoptesResourceSet:
        """The resources of a plugin and, of these, of a site; a site alone matches nothing, as in Panoptes."""
        pattern = ''
        if plugin_name:
            pattern += 'plugin|{}|'.format(plugin_name)
        if site:
            pattern += 'site|{}|'.format(site)
        resources = PanoptesResourceSet()
        for key, value in self.__kv.find_values(pattern + '*').items():
            resources.add(self.__deserialize(key, value))
        return resources

    def get_resource(self, resource_key: str) -> PanoptesResource:
        """PanoptesResourceError if it is not there or cannot be read."""
        value = self.__value(resource_key)
        if not value:
            raise PanoptesResourceError('No resource found for key "{}"'.format(resource_key))
        return self.__deserialize(resource_key, value)

    def __value(self, key: str) -> str | None:
        try:
            value: str | None = self.__kv.get(key)
        except Exception as e:
            raise PanoptesResourceError('Error trying to fetch value for key "{}": {} '.format(key, repr(e)))
        return value

    def add_resource(self, plugin_signature: str, resource: PanoptesResource) -> None:
        """Writes the resource for as long as its TTL says."""
        try:
            value = ['timestamp', str(resource.resource_creation_timestamp)]
            for key, text in resource.resource_metadata.items():
                value += ['meta.' + key, text]
            self.__kv.set(resource.serialization_key, '|'.join(value) + '|', expire=int(resource.resource_ttl))
        except Exception as e:
            raise PanoptesResourceError('Error trying to add resource "{}": {}'.format(resource, e))

    def delete_resource(self, plugin_signature: str, resource: PanoptesResource) -> None:
        try:
            self.__kv.delete(resource.serialization_key)
        except Exception as e:
            raise PanoptesResourceError('Error trying to delete resource "{}": {}'.format(resource, e))

    @staticmethod
    def __deserialize(key: str, value: str) -> PanoptesResource:
        names = _STORE_KEY.match(key)
        if not names:
            raise PanoptesResourceError('Resource key "{}" does not match pattern'.format(key))
        contents = _STORE_VALUE.match(value)
        if not contents:
            raise PanoptesResourceError('Value for resource "{}" does not match pattern'.format(value))
        metadata = OrderedDict((match[1], match[3]) for match in _STORE_METADATA.findall(contents.group('meta')))
        # Panoptes cuts to two decimals.
        timestamp = re.sub(r'(\.\d\d)\d*', r'\1', contents.group('timestamp'))
        resource = PanoptesResource(
            names.group('site'), names.group('class'), names.group('subclass'), names.group('type'),
            names.group('id'), names.group('endpoint'), float(timestamp), names.group('plugin'),
            int(metadata.get('_resource_ttl', const.RESOURCE_MANAGER_RESOURCE_EXPIRE)))
        for name, text in metadata.items():
            resource.add_metadata(name, text)
        return resource
