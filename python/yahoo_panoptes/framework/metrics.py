"""Metrics, dimensions, metrics groups and their sets; see docs/panoptes/python-api.md section 5."""
from __future__ import annotations

import json
import logging
import re
import threading
from time import time
from typing import Any, Iterable

from yahoo_panoptes.framework.exceptions import (
    PanoptesMetricDimensionException,
    PanoptesMetricDimensionNullException,
    PanoptesMetricsException,
    PanoptesMetricsNullException,
)
from yahoo_panoptes.framework.member_set import MemberSet as _MemberSet
from yahoo_panoptes.framework.resources import PanoptesResource
from yahoo_panoptes.framework.validators import PanoptesValidators, check
from yahoo_panoptes.framework.values import shown as _shown

# Decimals that timestamps of metrics and groups are rounded to.
METRICS_TIMESTAMP_PRECISION = 3
METRICS_GROUP_SCHEMA_VERSION = '0.2'

_VALID_NAME = re.compile(r'^[^\d\W]\w*\Z')
_logger = logging.getLogger('panoptes.yahoo_panoptes.framework.metrics')

# Guards the dimensions of every group. One for all rather than one each, so that groups stay cheap and can be copied.
_dimensions_lock = threading.Lock()


class PanoptesMetricType(object):
    GAUGE, COUNTER = 0, 1


METRIC_TYPE_NAMES = {PanoptesMetricType.GAUGE: 'GAUGE', PanoptesMetricType.COUNTER: 'COUNTER'}
_JSON_TYPE_NAMES = {0: 'gauge', 1: 'counter'}


class PanoptesMetricValidators(object):
    """Falsy input is returned as it is."""

    @classmethod
    def valid_panoptes_resource(cls, resource: PanoptesResource) -> Any:
        return resource and isinstance(resource, PanoptesResource)

    @classmethod
    def valid_panoptes_metric_type(cls, metric_type: int) -> bool:
        return metric_type in (PanoptesMetricType.GAUGE, PanoptesMetricType.COUNTER)

    @classmethod
    def valid_panoptes_metric(cls, metric: PanoptesMetric) -> Any:
        return metric and isinstance(metric, PanoptesMetric)

    @classmethod
    def valid_panoptes_metric_dimension(cls, dimension: PanoptesMetricDimension) -> Any:
        return dimension and isinstance(dimension, PanoptesMetricDimension)

    @classmethod
    def valid_panoptes_metrics_group(cls, metrics_group: PanoptesMetricsGroup) -> Any:
        return metrics_group and isinstance(metrics_group, PanoptesMetricsGroup)


# Names that were valid before: plugins give the same ones again and again.
_names: set[str] = set()
_MOST_NAMES = 10000


def _is_valid_name(name: str) -> bool:
    if not _VALID_NAME.match(name):
        return False
    if len(_names) >= _MOST_NAMES:
        _names.clear()
    _names.add(name)
    return True


class PanoptesMetric(object):
    """One value of a name; immutable. It is kept as it is given; what is sent of a Decimal, a Fraction or a number of numpy
    is an int or float, exactly where that is possible (values.plain_number). json takes int and float alone, as in
    Panoptes."""

    def __init__(self, metric_name: str, metric_value: float, metric_type: int,
                 metric_creation_timestamp: float | None = None) -> None:
        # Nearly all of them need no closer look.
        if not (type(metric_name) is str and metric_name in _names
                and (type(metric_value) is int or type(metric_value) is float)
                and (metric_creation_timestamp is None or type(metric_creation_timestamp) is float)
                and type(metric_type) is int and metric_type in _JSON_TYPE_NAMES):
            self.__check(metric_name, metric_value, metric_type, metric_creation_timestamp)

        self.__metric_type = int(metric_type)
        self.__data: dict[str, Any] = {
            'metric_creation_timestamp': round(
                time() if metric_creation_timestamp is None else metric_creation_timestamp,
                METRICS_TIMESTAMP_PRECISION),
            'metric_name': metric_name,
            'metric_value': metric_value,
            'metric_type': _JSON_TYPE_NAMES[metric_type],
        }

    @staticmethod
    def __check(metric_name: str, metric_value: float, metric_type: int,
                metric_creation_timestamp: float | None) -> None:
        check(PanoptesValidators.valid_nonempty_string(metric_name), 'metric_name must be a non-empty str')
        if type(metric_value) is not float and type(metric_value) is not int:
            if not PanoptesValidators.valid_number(metric_value):
                error = AssertionError('metric_value must be number')
                # Beside the text, which is Panoptes' own.
                error.__notes__ = ['that of metric "{}" is {}'.format(metric_name, _shown(metric_value))]  # type: ignore
                raise error
        check(PanoptesMetricValidators.valid_panoptes_metric_type(metric_type),
              'metric_type must be an attribute of PanoptesMetricType')
        check(metric_creation_timestamp is None or PanoptesValidators.valid_number(metric_creation_timestamp),
              'metric_creation_timestamp should be None or a number')
        if not _is_valid_name(metric_name):
            raise ValueError(
                'metric name "%s" has to match pattern: (letter|"_") (letter | digit | "_")*' % metric_name)

    @property
    def metric_name(self) -> str:
        return self.__data['metric_name']

    @property
    def metric_value(self) -> float:
        return self.__data['metric_value']

    @property
    def metric_timestamp(self) -> float:
        return self.__data['metric_creation_timestamp']

    @property
    def metric_type(self) -> int:
        return self.__metric_type

    @property
    def json(self) -> str:
        return json.dumps(self.__data, sort_keys=True)

    def __repr__(self) -> str:
        return 'PanoptesMetric[{}|{}|{}|{}]'.format(
            self.metric_name, self.metric_value, METRIC_TYPE_NAMES[self.metric_type], self.metric_timestamp)

    def __str__(self) -> str:
        return '{}|{}|{}'.format(self.metric_name, self.metric_value, self.metric_type)

    def __hash__(self) -> int:
        # 1 and 1.0 are equal but differ here, as in Panoptes: a set keeps both.
        return hash(self.metric_name + str(self.metric_value))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PanoptesMetric):
            return False
        return (self.metric_name == other.metric_name and self.metric_value == other.metric_value
                and self.metric_type == other.metric_type)

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, PanoptesMetric):
            return False
        return self.metric_name < other.metric_name


def _check_dimension_name(name: str) -> None:
    if not PanoptesValidators.valid_nonempty_string(name):
        raise AssertionError('dimension name must be non-empty str or unicode, is type %s' % type(name))


class PanoptesMetricDimension(object):
    """A name and a value that tell groups of one type apart; immutable."""

    def __init__(self, name: str, value: str) -> None:
        _check_dimension_name(name)
        if not PanoptesValidators.valid_nonempty_string(value):
            raise AssertionError('dimension value for dimension "%s" must be non-empty str or unicode, is type %s' % (
                name, type(value)))
        if name not in _names and not _is_valid_name(name):
            raise ValueError('dimension name "%s" has to match pattern: (letter|"_") (letter | digit | "_")*' % name)

        self.__data = {'dimension_name': name, 'dimension_value': value}

    @property
    def name(self) -> str:
        return self.__data['dimension_name']

    @property
    def value(self) -> str:
        return self.__data['dimension_value']

    @property
    def json(self) -> str:
        return json.dumps(self.__data)

    def __repr__(self) -> str:
        return 'PanoptesMetricDimension[{}|{}]'.format(self.name, self.value)

    def __str__(self) -> str:
        return '{}|{}'.format(self.name, self.value)

    def __hash__(self) -> int:
        return hash(self.name + self.value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PanoptesMetricDimension):
            return False
        return self.name == other.name and self.value == other.value

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, PanoptesMetricDimension):
            return False
        return self.name < other.name


class PanoptesMetricsGroupEncoder(json.JSONEncoder):
    """Writes groups, metrics, dimensions, resources and sets; sets come sorted where they can be."""

    def default(self, o: Any) -> Any:
        if isinstance(o, (set, frozenset)):
            return sorted(o, key=str)
        for cls in (PanoptesResource, PanoptesMetric, PanoptesMetricDimension, PanoptesMetricsGroup):
            if isinstance(o, cls):
                data = getattr(o, '_{}__data'.format(cls.__name__))
                return data if cls is not PanoptesMetricsGroup else dict(data, metrics=set(data['metrics'].values()))
        # The text Python 3.6 gives, whatever Python runs.
        raise TypeError("Object of type '%s' is not JSON serializable" % o.__class__.__name__)


class PanoptesMetricsGroup(object):
    """Metrics of one resource that share a type, an interval and dimensions."""

    def __init__(self, resource: PanoptesResource, group_type: str, interval: int,
                 creation_timestamp: float | None = None) -> None:
        check(PanoptesMetricValidators.valid_panoptes_resource(resource),
              'resource must be an instance of PanoptesResource')
        check(PanoptesValidators.valid_nonempty_string(group_type), 'group_type must be a non-empty string')
        check(PanoptesValidators.valid_nonzero_integer(interval), 'interval must a integer greater than zero')

        self.__data: dict[str, Any] = {
            'metrics_group_type': group_type,
            'metrics_group_interval': interval,
            # A timestamp that is given is neither checked nor rounded, as in Panoptes.
            'metrics_group_creation_timestamp':
                round(time(), METRICS_TIMESTAMP_PRECISION) if creation_timestamp is None else creation_timestamp,
            'metrics_group_schema_version': METRICS_GROUP_SCHEMA_VERSION,
            'resource': resource,
            'metrics': {},  # by name and type
            'dimensions': set(),
        }

    def copy(self, retain_timestamp: bool = True) -> PanoptesMetricsGroup:
        """A group with the same resource, type and interval and the same metrics and dimensions."""
        group = PanoptesMetricsGroup(
            self.resource, self.group_type, self.interval, self.creation_timestamp if retain_timestamp else None)
        for dimension in self.dimensions:
            group.add_dimension(dimension)
        for metric in self.metrics:
            group.add_metric(metric)
        return group

    def add_metric(self, metric: PanoptesMetric) -> None:
        """KeyError if there is a metric of this name and type already."""
        if type(metric) is not PanoptesMetric:
            check(PanoptesMetricValidators.valid_panoptes_metric(metric), 'metric must be an instance of PanoptesMetric')
        key = (metric.metric_name, metric.metric_type)
        metrics = self.__data['metrics']
        if key in metrics:
            raise KeyError('Metric name "%s" (type "%s") for metrics group type "%s" already populated' % (
                metric.metric_name, METRIC_TYPE_NAMES[metric.metric_type], self.group_type))
        metrics[key] = metric

    def __find_dimension(self, name: str) -> PanoptesMetricDimension | None:
        for dimension in self.__data['dimensions']:
            if dimension.name == name:
                return dimension
        return None

    def add_dimension(self, dimension: PanoptesMetricDimension) -> None:
        """KeyError if there is a dimension of this name already."""
        check(PanoptesMetricValidators.valid_panoptes_metric_dimension(dimension),
              'dimension must be instance of PanoptesMetricDimension')
        with _dimensions_lock:
            if self.__find_dimension(dimension.name) is not None:
                raise KeyError('Dimension name %s already populated. '
                               'Please use upsert_dimension if you need to update dimensions' % dimension.name)
            self.__data['dimensions'].add(dimension)

    def upsert_dimension(self, dimension: PanoptesMetricDimension) -> None:
        """Adds the dimension, in place of the one of this name if there is one."""
        check(PanoptesMetricValidators.valid_panoptes_metric_dimension(dimension),
              'dimension must be instance of PanoptesMetricDimension')
        with _dimensions_lock:
            self.__data['dimensions'].discard(self.__find_dimension(dimension.name))
            self.__data['dimensions'].add(dimension)

    def get_dimension_by_name(self, dimension_name: str) -> PanoptesMetricDimension | None:
        """The dimension, or None."""
        _check_dimension_name(dimension_name)
        with _dimensions_lock:
            return self.__find_dimension(dimension_name)

    def contains_dimension_by_name(self, dimension_name: str) -> bool:
        return self.get_dimension_by_name(dimension_name) is not None

    def delete_dimension_by_name(self, dimension_name: str) -> None:
        """Removes the dimension if it is there."""
        _check_dimension_name(dimension_name)
        with _dimensions_lock:
            self.__data['dimensions'].discard(self.__find_dimension(dimension_name))

    @staticmethod
    def flatten_dimensions(dimensions: Iterable[dict[str, Any]]) -> dict[str, str]:
        """From a list as in the JSON form to {name: value}."""
        return {dimension['dimension_name']: dimension['dimension_value'] for dimension in dimensions}

    @staticmethod
    def flatten_metrics(metrics: Iterable[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
        """From a list as in the JSON form to {'counter': {name: {'value', 'timestamp'}}, 'gauge': {...}}."""
        flat: dict[str, dict[str, dict[str, Any]]] = {'counter': {}, 'gauge': {}}
        for metric in metrics:
            flat[metric['metric_type']][metric['metric_name']] = {
                'value': metric['metric_value'], 'timestamp': metric['metric_creation_timestamp']}
        return flat

    @property
    def resource(self) -> PanoptesResource:
        return self.__data['resource']

    @property
    def metrics(self) -> list[PanoptesMetric]:
        metrics = self.__data['metrics']
        return [metrics[key] for key in sorted(metrics)]

    @property
    def dimensions(self) -> list[PanoptesMetricDimension]:
        with _dimensions_lock:
            return sorted(self.__data['dimensions'])

    @property
    def group_type(self) -> str:
        return self.__data['metrics_group_type']

    @property
    def interval(self) -> int:
        return self.__data['metrics_group_interval']

    @property
    def schema_version(self) -> str:
        return self.__data['metrics_group_schema_version']

    @property
    def creation_timestamp(self) -> float:
        return self.__data['metrics_group_creation_timestamp']

    @property
    def json(self) -> str:
        return json.dumps(self, cls=PanoptesMetricsGroupEncoder)

    def __repr__(self) -> str:
        return ('PanoptesMetricsGroup[resource:{},interval:{},schema_version:{},group_type:{},creation_timestamp:{},'
                'dimensions:[{}],metrics:[{}]]').format(
            repr(self.resource), self.interval, self.schema_version, self.group_type, self.creation_timestamp,
            ','.join(repr(dimension) for dimension in self.dimensions),
            ','.join(repr(metric) for metric in self.metrics))

    def __kind(self) -> tuple[str, int] | None:
        """Type and interval, which tell no two groups apart that have no metrics: such a group says nothing."""
        return (self.group_type, self.interval) if self.__data['metrics'] else None

    def __hash__(self) -> int:
        metrics = self.__data['metrics']
        values = tuple([(key, str(metrics[key].metric_value)) for key in sorted(metrics)])
        # Texts, because the text of a resource holds plugin and endpoint, too, which its equality leaves out.
        return hash((self.__kind(), str(self.resource), values, tuple(map(str, self.dimensions))))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PanoptesMetricsGroup):
            return False
        return (self.resource == other.resource and self.__kind() == other.__kind() and self.metrics == other.metrics
                and self.dimensions == other.dimensions)

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, PanoptesMetricsGroup):
            return False
        return self.group_type < other.group_type


class PanoptesMetricsGroupSet(_MemberSet[PanoptesMetricsGroup]):
    """What a polling plugin returns."""

    def __init__(self) -> None:
        self._metrics_groups: set[PanoptesMetricsGroup] = set()

    def _check(self, member: Any) -> None:
        check(PanoptesMetricValidators.valid_panoptes_metrics_group(member),
              'metrics_group must be an instance of PanoptesMetricsGroup')

    def _members(self) -> set[PanoptesMetricsGroup]:
        return self._metrics_groups

    def _empty(self) -> PanoptesMetricsGroupSet:
        return PanoptesMetricsGroupSet()

    @property
    def metrics_groups(self) -> set[PanoptesMetricsGroup]:
        return self._metrics_groups

    def add(self, metrics_group: PanoptesMetricsGroup) -> None:
        """Adds the group; one that equals a group of the set already is dropped, which is logged."""
        before = len(self._metrics_groups)
        super(PanoptesMetricsGroupSet, self).add(metrics_group)
        if len(self._metrics_groups) == before and not any(
                metrics_group is member for member in self._metrics_groups):
            _logger.warning('Metrics group "%s" of resource "%s" equals one that is in the set already, dropping it',
                            metrics_group.group_type, metrics_group.resource)


class PanoptesMetricSet(_MemberSet[PanoptesMetric]):
    """A set of metrics."""

    def __init__(self) -> None:
        self._metrics: set[PanoptesMetric] = set()

    def _check(self, member: Any) -> None:
        check(PanoptesMetricValidators.valid_panoptes_metric(member), 'metric must be an instance of PanoptesMetric')

    def _members(self) -> set[PanoptesMetric]:
        return self._metrics

    def _empty(self) -> PanoptesMetricSet:
        return PanoptesMetricSet()

    @property
    def metrics(self) -> set[PanoptesMetric]:
        return self._metrics
