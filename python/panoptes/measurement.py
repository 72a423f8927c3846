"""What a check yields."""
from __future__ import annotations

import math
import re
from typing import Any, Mapping, Union

from yahoo_panoptes.framework.metrics import PanoptesMetricType
from yahoo_panoptes.framework.values import plain_number, shown

# What a dimension may be given as; all of it becomes text.
DimensionValue = Union[str, int]

_NAME = re.compile(r'^[^\d\W]\w*\Z')
_KINDS = {PanoptesMetricType.GAUGE: 'gauge', PanoptesMetricType.COUNTER: 'counter'}


class Measurement(object):
    """One value of one metric, made by gauge() or counter(); immutable.

    One that cannot be sent has the reason and what is wrong with it in fault: it is left out of the run, and the rest of
    the run is as ever.
    """

    __slots__ = ('name', 'value', 'metric_type', 'unit', 'group', 'timestamp', 'dimensions', 'fault')

    fault: tuple[str, str] | None

    def __init__(self, name: str, value: float, metric_type: int, unit: str | None, group: str | None,
                 timestamp: float | None, dimensions: dict[str, str]) -> None:
        self.name = name
        self.value = value
        self.metric_type = metric_type
        self.unit = unit
        self.group = group
        self.timestamp = timestamp
        self.dimensions = dimensions
        self.fault = None

    @property
    def kind(self) -> str:
        return _KINDS[self.metric_type]

    def __repr__(self) -> str:
        if self.fault is not None:
            return '<{}>'.format(self.fault[1])
        labels = ''.join(', {}={!r}'.format(*item) for item in sorted(self.dimensions.items()))
        return '{}({!r}, {!r}{})'.format(self.kind, self.name, self.value, labels)


def gauge(name: str, value: float, /, *, unit: str | None = None, group: str | None = None,
          timestamp: float | None = None, dimensions: Mapping[str, DimensionValue] | None = None,
          **labels: DimensionValue) -> Measurement:
    """A value that goes up and down: an int, a float, or a number of another type that becomes one of them, such as a
    Decimal or one of numpy. A wrong argument costs this metric, not the run (see Measurement).

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


class _Wrong(Exception):
    """An argument is wrong."""

    def __init__(self, message: str, reason: str = 'invalid') -> None:
        super().__init__(message)
        self.reason = reason


def _measure(metric_type: int, name: str, value: float, unit: str | None, group: str | None, timestamp: float | None,
             dimensions: Mapping[str, DimensionValue] | None, labels: dict[str, DimensionValue]) -> Measurement:
    try:
        return _checked(metric_type, name, value, unit, group, timestamp, dimensions, labels)
    except _Wrong as e:
        made = Measurement(name if isinstance(name, str) else '', 0, metric_type, None,
                           group if isinstance(group, str) else None, None, {})
        made.fault = e.reason, str(e)
        return made


def _checked(metric_type: int, name: str, value: float, unit: str | None, group: str | None, timestamp: float | None,
             dimensions: Mapping[str, DimensionValue] | None, labels: dict[str, DimensionValue]) -> Measurement:
    kind = _KINDS[metric_type]
    if not isinstance(name, str) or not _NAME.match(name):
        raise _Wrong('{} {}: a name begins with a letter or "_" and goes on with letters, digits and "_"'.format(
            kind, shown(name)))
    where = '{} "{}"'.format(kind, name)
    value = _number(where, 'the value', value)
    if timestamp is not None:
        timestamp = _number(where, 'timestamp', timestamp)
    for option, text in (('unit', unit), ('group', group)):
        if text is not None and (not isinstance(text, str) or not text):
            raise _Wrong('{}: {} must be a text that is not empty, is {}'.format(where, option, shown(text)))
    if dimensions is not None and not isinstance(dimensions, Mapping):
        raise _Wrong('{}: dimensions must be a dict of name to value, is {}'.format(where, shown(dimensions)))
    all_dimensions = {label: _dimension(where, label, value) for label, value in labels.items()}
    for label, given in (dimensions or {}).items():
        if label in all_dimensions:
            raise _Wrong('{}: the dimension "{}" is given twice, as keyword and in dimensions'.format(where, label))
        all_dimensions[label] = _dimension(where, label, given)
    return Measurement(name, value, metric_type, unit, group, timestamp, all_dimensions)


def _number(where: str, what: str, value: Any) -> float:
    number = plain_number(value)
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        hint = '; int() or float() makes a number of it' if isinstance(value, str) else ''
        raise _Wrong('{}: {} must be a number, is {}{}'.format(where, what, shown(value), hint))
    if isinstance(number, float) and not math.isfinite(number):
        raise _Wrong('{}: {} is {!r}, which no consumer takes: leave the metric out'.format(where, what, number),
                     'not_finite')
    return number


def _dimension(where: str, label: object, value: object) -> str:
    if not isinstance(label, str) or not _NAME.match(label):
        raise _Wrong('{}: dimension {}: a name begins with a letter or "_" and goes on with letters, digits and "_"'.format(
            where, shown(label)))
    if not isinstance(value, str):
        number = plain_number(value)
        if isinstance(number, int) and not isinstance(number, bool) and abs(number) < 10 ** 100:
            return str(number)
        raise _Wrong('{}: dimension "{}" must be a text or a whole number, is {}'.format(where, label, shown(value)))
    if not value:
        raise _Wrong('{}: dimension "{}" is empty: leave it out or give it a value'.format(where, label))
    return value
