"""What a check yields."""
from __future__ import annotations

import math
import re
from typing import Mapping, Union

from yahoo_panoptes.framework.metrics import PanoptesMetricType

# What a dimension may be given as; all of it becomes text.
DimensionValue = Union[str, int]

_NAME = re.compile(r'^[^\d\W]\w*\Z')
_KINDS = {PanoptesMetricType.GAUGE: 'gauge', PanoptesMetricType.COUNTER: 'counter'}


class Measurement(object):
    """One value of one metric, made by gauge() or counter(); immutable."""

    __slots__ = ('name', 'value', 'metric_type', 'unit', 'group', 'timestamp', 'dimensions')

    def __init__(self, name: str, value: float, metric_type: int, unit: str | None, group: str | None,
                 timestamp: float | None, dimensions: dict[str, str]) -> None:
        self.name = name
        self.value = value
        self.metric_type = metric_type
        self.unit = unit
        self.group = group
        self.timestamp = timestamp
        self.dimensions = dimensions

    @property
    def kind(self) -> str:
        return _KINDS[self.metric_type]

    def __repr__(self) -> str:
        labels = ''.join(', {}={!r}'.format(*item) for item in sorted(self.dimensions.items()))
        return '{}({!r}, {!r}{})'.format(self.kind, self.name, self.value, labels)


def gauge(name: str, value: float, /, *, unit: str | None = None, group: str | None = None,
          timestamp: float | None = None, dimensions: Mapping[str, DimensionValue] | None = None,
          **labels: DimensionValue) -> Measurement:
    """A value that goes up and down.

    Every other keyword is a dimension; one that is called like a parameter goes into dimensions. unit is UCUM's name,
    such as ``By`` or ``s``; group is the type of the metrics group, unless the check's; timestamp is in seconds since
    the epoch, now unless given.
    """
    return _measure(PanoptesMetricType.GAUGE, name, value, unit, group, timestamp, dimensions, labels)


def counter(name: str, value: float, /, *, unit: str | None = None, group: str | None = None,
            timestamp: float | None = None, dimensions: Mapping[str, DimensionValue] | None = None,
            **labels: DimensionValue) -> Measurement:
    """A value that only goes up, since some beginning; otherwise as gauge()."""
    return _measure(PanoptesMetricType.COUNTER, name, value, unit, group, timestamp, dimensions, labels)


def _measure(metric_type: int, name: str, value: float, unit: str | None, group: str | None, timestamp: float | None,
             dimensions: Mapping[str, DimensionValue] | None, labels: dict[str, DimensionValue]) -> Measurement:
    kind = _KINDS[metric_type]
    if not isinstance(name, str) or not _NAME.match(name):
        raise ValueError('{} {!r}: a name begins with a letter or "_" and goes on with letters, digits and "_"'.format(
            kind, name))
    where = '{} "{}"'.format(kind, name)
    _check_number(where, 'the value', value)
    if timestamp is not None:
        _check_number(where, 'timestamp', timestamp)
    for option, text in (('unit', unit), ('group', group)):
        if text is not None and (not isinstance(text, str) or not text):
            raise TypeError('{}: {} must be a text that is not empty, is {!r}'.format(where, option, text))
    if dimensions is not None and not isinstance(dimensions, Mapping):
        raise TypeError('{}: dimensions must be a dict of name to value, is {!r}'.format(where, dimensions))
    all_dimensions = {label: _dimension(where, label, value) for label, value in labels.items()}
    for label, given in (dimensions or {}).items():
        if label in all_dimensions:
            raise ValueError('{}: the dimension "{}" is given twice, as keyword and in dimensions'.format(where, label))
        all_dimensions[label] = _dimension(where, label, given)
    return Measurement(name, value, metric_type, unit, group, timestamp, all_dimensions)


def _check_number(where: str, what: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        hint = '; int() or float() makes a number of it' if isinstance(value, str) else ''
        raise TypeError('{}: {} must be a number, is {!r} of type {}{}'.format(
            where, what, value, type(value).__name__, hint))
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError('{}: {} is {!r}, which no consumer takes: leave the metric out'.format(where, what, value))


def _dimension(where: str, label: object, value: object) -> str:
    if not isinstance(label, str) or not _NAME.match(label):
        raise ValueError('{}: dimension {!r}: a name begins with a letter or "_" and goes on with letters, digits and '
                         '"_"'.format(where, label))
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise TypeError('{}: dimension "{}" must be a text or a whole number, is {!r} of type {}'.format(
            where, label, value, type(value).__name__))
    if not value:
        raise ValueError('{}: dimension "{}" is empty: leave it out or give it a value'.format(where, label))
    return value
