"""Enrichment: what is known about a resource besides its metadata; see docs/panoptes/python-api.md section 6."""
from __future__ import annotations

import copy
import json
import time
from typing import Any, Iterable

from cerberus import Validator

from yahoo_panoptes.framework import const
from yahoo_panoptes.framework.context import PanoptesContext, PanoptesContextValidators
from yahoo_panoptes.framework.exceptions import PanoptesEnrichmentCacheError, PanoptesEnrichmentException
from yahoo_panoptes.framework.resources import PanoptesResource, PanoptesResourceValidators
from yahoo_panoptes.framework.utilities.key_value_store import PanoptesKeyValueStore
from yahoo_panoptes.framework.validators import PanoptesValidators, check
from yahoo_panoptes.framework.values import plain_number

# The key of a schema that stands for the key of every set.
_LABEL = 'enrichment_label'

# Stands for the resource of the run.
_SELF = 'self'

# Stands for every namespace of a resource.
_ALL = '*'

_UNSET: Any = object()


class PanoptesEnrichmentEncoder(json.JSONEncoder):
    """Writes sets, groups, group sets and resources. Bytes become their ASCII characters and the suffix ``__decoded``,
    as Panoptes stores them."""

    def default(self, o: Any) -> Any:
        if isinstance(o, (set, frozenset)):
            return sorted(o)
        if isinstance(o, bytes):
            return o.decode('ascii', 'ignore') + '__decoded'
        for cls in (PanoptesResource, PanoptesEnrichmentSet, PanoptesEnrichmentGroup, PanoptesEnrichmentGroupSet,
                    PanoptesEnrichmentMultiGroupSet):
            if isinstance(o, cls):
                return getattr(o, f'_{cls.__name__}__data')
        number = plain_number(o)
        if number is not o:
            return number
        return json.JSONEncoder.default(self, o)


def _dump(data: Any) -> str:
    return json.dumps(data, cls=PanoptesEnrichmentEncoder, sort_keys=True)


class PanoptesEnrichmentSchemaValidator(object):
    """Checks the value of enrichment sets. Subclasses set schema, a Cerberus schema whose only key is
    ``enrichment_label``."""

    schema: dict[str, Any] = {}

    def __init__(self) -> None:
        check(isinstance(self.schema, dict) and len(self.schema) > 0,
              'schema must be a non empty Cerberus schema dict')
        # Refuses a schema that is not well-formed.
        Validator(copy.deepcopy(self.schema))

    def validate(self, enrichment_set: PanoptesEnrichmentSet) -> bool:
        check(isinstance(enrichment_set, PanoptesEnrichmentSet),
              'element set must be an instance of PanoptesEnrichmentSet')
        rules = self.schema.get(_LABEL, {})
        validator = Validator({enrichment_set.key: copy.deepcopy(rules)})
        return bool(validator.validate({enrichment_set.key: enrichment_set.value}))


class PanoptesEnrichmentValidators(object):
    @classmethod
    def valid_enrichment_schema_validator(cls, validator: object) -> bool:
        return isinstance(validator, PanoptesEnrichmentSchemaValidator)

    @classmethod
    def valid_enrichment_set(cls, enrichment_set: object) -> bool:
        return isinstance(enrichment_set, PanoptesEnrichmentSet)

    @classmethod
    def valid_enrichment_group(cls, enrichment_group: object) -> bool:
        return isinstance(enrichment_group, PanoptesEnrichmentGroup)

    @classmethod
    def valid_enrichment_group_set(cls, enrichment_group_set: object) -> bool:
        return isinstance(enrichment_group_set, PanoptesEnrichmentGroupSet)


class PanoptesEnrichmentSet(object):
    """What is known under one key, such as an interface's index. The dict that is given is kept, not copied."""

    def __init__(self, key: str, value: dict[Any, Any] = _UNSET) -> None:
        check(PanoptesValidators.valid_nonempty_string(key), 'enrichment key must be a string')
        if value is _UNSET:
            value = {}
        check(isinstance(value, dict), 'enrichment value must be a dict')
        self.__data = {key: value}
        self.__key = key

    @property
    def key(self) -> str:
        return self.__key

    @property
    def value(self) -> dict[Any, Any]:
        return self.__data[self.__key]

    @property
    def _raw_data(self) -> dict[str, dict[Any, Any]]:
        return self.__data

    def add(self, enrichment_key: Any, enrichment_value: Any) -> None:
        """Sets one entry; nothing is checked before the set is added to a group."""
        self.value[enrichment_key] = enrichment_value

    def json(self) -> str:
        return _dump(self.__data)

    def __texts(self, delimiter: str) -> list[str]:
        return sorted(f'{key}{delimiter}{value}' for key, value in self.value.items())

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        return 'PanoptesEnrichmentSet[{}[{}]]'.format(self.key, ','.join(self.__texts(':')))

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PanoptesEnrichmentSet) and self.key == other.key

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, PanoptesEnrichmentSet):
            return False
        return self.__texts('|') < other.__texts('|')


class PanoptesEnrichmentGroup(object):
    """The sets of one namespace, which its schema describes. Lives enrichment_ttl seconds after it was stored."""

    def __init__(self, namespace: str, schema_validator: PanoptesEnrichmentSchemaValidator, enrichment_ttl: int,
                 execute_frequency: int) -> None:
        check(PanoptesValidators.valid_nonempty_string(namespace), 'enrichment namespace must be a string')
        check(PanoptesEnrichmentValidators.valid_enrichment_schema_validator(schema_validator),
              'schema_validator must be an instance of PanoptesEnrichmentSchemaValidator')
        check(PanoptesValidators.valid_nonzero_integer(enrichment_ttl),
              'enrichment_ttl must be a valid nonzero integer')
        check(PanoptesValidators.valid_nonzero_integer(execute_frequency),
              'execute_frequency must be a valid nonzero integer')
        self.__schema_validator = schema_validator
        self.__data: dict[str, Any] = {
            'data': set(),
            'metadata': {
                '_enrichment_group_creation_timestamp': time.time(),
                '_enrichment_ttl': enrichment_ttl,
                '_execute_frequency': execute_frequency,
            },
            'namespace': namespace,
        }

    def add_enrichment_set(self, enrichment_set: PanoptesEnrichmentSet) -> None:
        """Adds the set, in place of one with the same key."""
        check(PanoptesEnrichmentValidators.valid_enrichment_set(enrichment_set),
              'enrichment set must be an instance of PanoptesEnrichmentSet')
        check(self.__schema_validator.validate(enrichment_set), 'schema validation failed for enrichment_set data')
        self.data.discard(enrichment_set)
        self.data.add(enrichment_set)

    def bulk_add_enrichment_set(self) -> None:
        """Does nothing, as in Panoptes."""

    def upsert_metadata(self, metadata_key: str, metadata_value: str | int | float) -> None:
        """Sets metadata of the group; keys that begin with ``_`` belong to Panoptes."""
        check(PanoptesValidators.valid_nonempty_string(metadata_key), 'metadata_key must be a string')
        if metadata_key.startswith('_'):
            raise ValueError('Failed to update reserved metadata')
        valid = PanoptesValidators
        check(valid.valid_nonempty_string(metadata_value) or valid.valid_number(metadata_value),
              'metadata_value must be any of string / float / integer')
        self.metadata[metadata_key] = metadata_value

    @property
    def enrichment_schema(self) -> dict[str, Any]:
        return self.__schema_validator.schema

    @property
    def validator(self) -> PanoptesEnrichmentSchemaValidator:
        return self.__schema_validator

    @property
    def namespace(self) -> str:
        return str(self.__data['namespace'])

    @property
    def data(self) -> set[PanoptesEnrichmentSet]:
        sets: set[PanoptesEnrichmentSet] = self.__data['data']
        return sets

    @property
    def metadata(self) -> dict[str, Any]:
        metadata: dict[str, Any] = self.__data['metadata']
        return metadata

    @property
    def enrichment_ttl(self) -> int:
        """Seconds."""
        return int(self.metadata['_enrichment_ttl'])

    @property
    def execute_frequency(self) -> int:
        """Seconds."""
        return int(self.metadata['_execute_frequency'])

    @property
    def enrichment_group_creation_timestamp(self) -> float:
        return float(self.metadata['_enrichment_group_creation_timestamp'])

    def json(self) -> str:
        return _dump(self.__data)

    def serialize_data(self) -> str:
        """{key: value} of all sets."""
        return _dump(self.__values())

    def serialize(self) -> str:
        """The form that is stored."""
        return _dump({'data': self.__values(), 'metadata': self.metadata})

    def __values(self) -> dict[str, dict[Any, Any]]:
        return {enrichment_set.key: enrichment_set.value for enrichment_set in self.data}

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        parts = [f'namespace:{self.namespace}', f'enrichment_ttl:{self.enrichment_ttl}',
                 f'execute_frequency:{self.execute_frequency}',
                 f'enrichment_group_creation_timestamp:{self.enrichment_group_creation_timestamp}']
        parts += [repr(enrichment_set) for enrichment_set in sorted(self.data)]
        return '{}[{}]'.format(type(self).__name__, ','.join(parts))

    def __hash__(self) -> int:
        return hash(self.namespace)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PanoptesEnrichmentGroup) and self.namespace == other.namespace

    def __lt__(self, other: object) -> bool:
        return isinstance(other, PanoptesEnrichmentGroup) and self.namespace < other.namespace


class PanoptesEnrichmentGroupSet(object):
    """The groups of one resource; what an enrichment plugin returns."""

    def __init__(self, resource: PanoptesResource) -> None:
        check(PanoptesResourceValidators.valid_panoptes_resource(resource),
              'resource must be an instance of PanoptesResource')
        self.__data: dict[str, Any] = {
            'resource': resource,
            'enrichment': set(),
            'enrichment_group_set_creation_timestamp': time.time(),
        }

    def add_enrichment_group(self, enrichment_group: PanoptesEnrichmentGroup) -> None:
        """Adds the group, in place of one with the same namespace."""
        check(PanoptesEnrichmentValidators.valid_enrichment_group(enrichment_group),
              'enrichment_group must be an instance of PanoptesEnrichmentGroup')
        check(len(enrichment_group) > 0, 'enrichment_group must hold at least one data set')
        self.enrichment.discard(enrichment_group)
        self.enrichment.add(enrichment_group)

    def bulk_add_enrichment_group(self, enrichment_groups: Iterable[PanoptesEnrichmentGroup] = ()) -> None:
        """Adds each of the groups."""
        for enrichment_group in enrichment_groups:
            self.add_enrichment_group(enrichment_group)

    @property
    def resource(self) -> PanoptesResource:
        resource: PanoptesResource = self.__data['resource']
        return resource

    @property
    def enrichment(self) -> set[PanoptesEnrichmentGroup]:
        groups: set[PanoptesEnrichmentGroup] = self.__data['enrichment']
        return groups

    @property
    def enrichment_group_set_creation_timestamp(self) -> float:
        return float(self.__data['enrichment_group_set_creation_timestamp'])

    def json(self) -> str:
        return _dump(self.__data)

    def __identity(self) -> tuple[str, tuple[str, ...]]:
        return self.resource.resource_id, tuple(sorted(group.namespace for group in self.enrichment))

    def __len__(self) -> int:
        return len(self.enrichment)

    def __repr__(self) -> str:
        parts = [f'resource:{self.resource!r}',
                 f'enrichment_group_set_creation_timestamp:{self.enrichment_group_set_creation_timestamp}']
        parts += [repr(group) for group in sorted(self.enrichment)]
        return '{}[{}]'.format(type(self).__name__, ','.join(parts))

    def __hash__(self) -> int:
        return hash(self.__identity())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PanoptesEnrichmentGroupSet) and self.__identity() == other.__identity()

    def __lt__(self, other: object) -> bool:
        return isinstance(other, PanoptesEnrichmentGroupSet) and self.resource < other.resource


class PanoptesEnrichmentMultiGroupSet(object):
    """Group sets of several resources; an enrichment plugin may return it, too."""

    def __init__(self) -> None:
        self.__data: dict[str, set[PanoptesEnrichmentGroupSet]] = {'group_sets': set()}

    def add_enrichment_group_set(self, enrichment_group_set: PanoptesEnrichmentGroupSet) -> None:
        """Adds the group set, in place of an equal one."""
        check(PanoptesEnrichmentValidators.valid_enrichment_group_set(enrichment_group_set),
              'enrichment_group_set must be an instance of PanoptesEnrichmentGroupSet')
        check(len(enrichment_group_set) > 0, 'enrichment_group_set must hold at least one data set')
        # Compared one by one: a group set changes its hash as groups are added to it.
        others = [other for other in self.enrichment_group_sets if other != enrichment_group_set]
        self.enrichment_group_sets.clear()
        self.enrichment_group_sets.update(others)
        self.enrichment_group_sets.add(enrichment_group_set)

    @property
    def enrichment_group_sets(self) -> set[PanoptesEnrichmentGroupSet]:
        return self.__data['group_sets']

    def json(self) -> str:
        return _dump(self.__data)

    def __len__(self) -> int:
        return len(self.enrichment_group_sets)

    def __repr__(self) -> str:
        return '{}[{}]'.format(
            type(self).__name__, ','.join(repr(group_set) for group_set in sorted(self.enrichment_group_sets)))


class PanoptesEnrichmentCacheKeyValueStore(PanoptesKeyValueStore):
    """Where enrichment is kept: ``<resource id>:<namespace>`` to the text of PanoptesEnrichmentGroup.serialize()."""

    redis_group = const.ENRICHMENT_REDIS_GROUP

    def __init__(self, panoptes_context: PanoptesContext) -> None:
        super(PanoptesEnrichmentCacheKeyValueStore, self).__init__(
            panoptes_context, const.ENRICHMENT_PLUGIN_RESULTS_KEY_VALUE_NAMESPACE)

    def get_enrichment(self, resource_id: str, namespace: str) -> dict[str, Any]:
        """{namespace: what is stored} of the resource; of all its namespaces if namespace is ``*``."""
        return self._backend.get_enrichment(self.namespace, resource_id, namespace)


class PanoptesEnrichmentCache(object):
    """What a run may read of enrichment: loaded at its start as ``[enrichment] preload`` says, or when it is asked
    for. 'self' stands for the run's resource."""

    def __init__(self, panoptes_context: PanoptesContext, plugin_conf: dict[str, Any],
                 resource: PanoptesResource) -> None:
        check(PanoptesContextValidators.valid_panoptes_context(panoptes_context),
              'panoptes_context must be an instance of PanoptesContext')
        check(PanoptesResourceValidators.valid_panoptes_resource(resource),
              'resource must be an instance of PanoptesResource')
        check(isinstance(plugin_conf, dict), 'plugin_conf value must be a dict')
        self._logger = panoptes_context.logger
        self._plugin_name = plugin_conf['Core']['name']
        self._resource_id = resource.resource_id
        self._store = panoptes_context.get_kv_store(PanoptesEnrichmentCacheKeyValueStore)
        # {resource id: {namespace: {key: value}}}
        self._enrichment_data: dict[str, dict[str, dict[str, Any]]] = {}
        self._preload_conf = self._parse(plugin_conf)
        for resource_id, namespace in sorted(self._preload_conf):
            self._load(resource_id, namespace)

    def _parse(self, plugin_conf: dict[str, Any]) -> set[tuple[str, str]]:
        """The (resource id, namespace) pairs to load at once."""
        section = plugin_conf.get('enrichment') or {}
        try:
            if 'preload' not in section and 'file' in section:
                return set()
            wanted = set()
            for item in section['preload'].split(','):
                if item.strip():
                    resource_id, namespace = [part.strip() for part in item.split(':')[:2]]
                    wanted.add((self._id(resource_id), namespace))
            return wanted
        except Exception as e:
            raise PanoptesEnrichmentCacheError(
                'Failed while parsing preload enrichment configuration from plugin conf for plugin '
                f'{self._plugin_name}: {e!r}')

    def _id(self, resource_id: str) -> str:
        return self._resource_id if resource_id == _SELF else resource_id

    def _load(self, resource_id: str, namespace: str) -> None:
        """Reads from the store; IOError if that fails, an error is logged if nothing is there."""
        about = f'for plugin {self._plugin_name} resource {resource_id} namespace {namespace}'
        try:
            found = {name: stored['data']
                     for name, stored in self._store.get_enrichment(resource_id, namespace).items()}
        except Exception as e:
            message = f'Failed while pre-loading enrichment from KV store {about}: {e!r}'
            if namespace != _ALL:
                raise IOError(message)
            self._logger.error(message)
            return
        if not found:
            self._logger.error(
                f'No enrichment data found on KV store {about} using key {resource_id}:{namespace}')
            return
        self._enrichment_data.setdefault(resource_id, {}).update(found)

    def _data(self, resource_id: str, namespace: str) -> dict[str, Any]:
        """The data of a namespace, loaded if it has not been; KeyError if there is none."""
        resource_id = self._id(resource_id)
        if namespace not in self._enrichment_data.get(resource_id, {}):
            self._load(resource_id, namespace)
        return self._enrichment_data[resource_id][namespace]

    def get_enrichment(self, resource_id: str, namespace: str) -> dict[str, Any]:
        """{key: value} of the namespace; PanoptesEnrichmentCacheError if there is none."""
        _check_names(resource_id, namespace)
        try:
            return dict(self._data(resource_id, namespace))
        except Exception as e:
            raise PanoptesEnrichmentCacheError(
                f'Failed to get data for resource {resource_id} namespace {namespace} from enrichment resource '
                f'object: {e!r} plugin_name: {self._plugin_name}')

    def get_enrichment_value(self, resource_id: str, namespace: str, enrichment_key: str) -> Any:
        """The value itself: what a plugin changes in it lasts until the end of the run.
        PanoptesEnrichmentCacheError if there is none."""
        _check_names(resource_id, namespace)
        check(PanoptesValidators.valid_nonempty_string(enrichment_key), 'enrichment_key must be a string')
        try:
            try:
                return self._data(resource_id, namespace)[enrichment_key]
            except KeyError:
                self._load(self._id(resource_id), namespace)
                return self._data(resource_id, namespace)[enrichment_key]
        except Exception as e:
            raise PanoptesEnrichmentCacheError(
                f'Failed to get data for resource {resource_id} namespace {namespace} enrichment_key '
                f'{enrichment_key} from enrichment cache object: {e!r} plugin_name: {self._plugin_name}')

    def get_enrichment_keys(self, resource_id: str, namespace: str) -> list[str]:
        """The keys of the namespace, in the order in which they are stored; PanoptesEnrichmentCacheError if there is
        none."""
        _check_names(resource_id, namespace)
        try:
            return list(self._data(resource_id, namespace))
        except Exception as e:
            raise PanoptesEnrichmentCacheError(
                f'Failed to get data for resource {resource_id} namespace {namespace} from enrichment cache object: '
                f'{e!r} plugin_name')


def _check_names(resource_id: object, namespace: object) -> None:
    check(PanoptesValidators.valid_nonempty_string(resource_id), 'resource_id must be a string')
    check(PanoptesValidators.valid_nonempty_string(namespace), 'enrichment namespace must be a string')
