"""Makes a polling plugin of a function."""
from __future__ import annotations

import inspect
from typing import Any, Callable, Iterable, overload

from yahoo_panoptes.framework.metrics import (
    PanoptesMetric,
    PanoptesMetricDimension,
    PanoptesMetricsGroup,
    PanoptesMetricsGroupSet,
)
from yahoo_panoptes.framework.plugins.context import PanoptesPluginContext
from yahoo_panoptes.framework.values import shown
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

from panoptes.context import Context
from panoptes.measurement import Measurement

# Seconds between two runs where neither decorator nor plugin file says it; a group cannot be without an interval.
_DEFAULT_INTERVAL = 60

Function = Callable[..., Any]


@overload
def check(function: Function, /) -> type[PanoptesPollingPlugin]: ...
@overload
def check(*, every: int | None = None, resources: str | None = None, rates: Iterable[str] = (),
          group: str | None = None) -> Callable[[Function], type[PanoptesPollingPlugin]]: ...


def check(function: Function | None = None, /, *, every: int | None = None, resources: str | None = None,
          rates: Iterable[str] = (), group: str | None = None) -> Any:
    """Decorates the generator function that is the plugin.

    every is the number of seconds between two runs, resources the filter of what it runs against, rates the counters
    that become rates, too; what the plugin file says of these comes first. group is the type of the metrics groups, the
    function's name unless given.
    """
    if function is not None and not inspect.isroutine(function):
        raise TypeError('check takes keywords only, such as @check(every=60), not {!r}'.format(function))
    settings = _settings(every, resources)
    names = _names(rates)

    def decorate(function: Function) -> type[PanoptesPollingPlugin]:
        if not inspect.isroutine(function):
            raise TypeError('@check goes above a function, not {!r}'.format(function))
        kind = group or function.__name__
        wanted: dict[str, dict[str, str]] = {}
        if settings:
            wanted['main'] = settings
        if names:
            wanted['transforms'] = {kind: 'rate:{}:{}'.format(kind, ','.join(names))}
        metaclass: Any = type(PanoptesPollingPlugin)
        return metaclass(function.__name__, (_Check,), {
            '__doc__': function.__doc__,
            '__module__': function.__module__,
            '__qualname__': function.__qualname__,
            'function': staticmethod(function),
            'group_type': kind,
            'panoptes_settings': wanted,
            '_takes_context': _takes_context(function),
        })

    return decorate if function is None else decorate(function)


def _settings(every: int | None, resources: str | None) -> dict[str, str]:
    settings = {}
    if every is not None:
        if isinstance(every, bool) or not isinstance(every, int) or every <= 0:
            raise ValueError('check: every must be a whole number of seconds greater than zero, is {!r}'.format(every))
        settings['execute_frequency'] = str(every)
    if resources is not None:
        if not isinstance(resources, str) or not resources.strip():
            raise ValueError('check: resources must be a filter such as \'resource_class = "host"\', is {!r}'.format(
                resources))
        settings['resource_filter'] = resources
    return settings


def _names(rates: Iterable[str]) -> list[str]:
    if isinstance(rates, str):
        raise TypeError('check: rates must be a list of names, such as [{!r}]'.format(rates))
    names = list(rates)
    for name in names:
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError('check: rates: {!r} is no name of a metric'.format(name))
    return names


def _takes_context(function: Function) -> bool:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return True
    needed = [parameter for parameter in parameters if parameter.default is parameter.empty
              and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)]
    if len(needed) > 1 or any(parameter.kind is parameter.KEYWORD_ONLY for parameter in needed):
        raise TypeError('check "{}": a check has one parameter, the context, or none; {}{} has more'.format(
            function.__name__, function.__name__, inspect.signature(function)))
    return bool(needed)


class _Check(PanoptesPollingPlugin):
    """The class that a decorated function becomes."""

    #: The function that was decorated.
    function: Function
    #: The type of the metrics groups, where a metric names none.
    group_type: str
    #: What the decorator says, in the form of a plugin file: {section: {option: text}}.
    panoptes_settings: dict[str, dict[str, str]]
    _takes_context: bool

    def run(self, context: PanoptesPluginContext) -> PanoptesMetricsGroupSet | None:
        function = type(self).function
        found = function(Context(context)) if self._takes_context else function()
        if found is None and not inspect.isgeneratorfunction(function):
            return None
        groups: dict[tuple[str, frozenset[tuple[str, str]]], PanoptesMetricsGroup] = {}
        interval = self._interval(context)
        result = _CheckedSet()
        for measurement in self._measurements(found, result.dropped):
            kind = measurement.group or self.group_type
            key = kind, frozenset(measurement.dimensions.items())
            group = groups.get(key)
            if group is None:
                group = groups[key] = PanoptesMetricsGroup(context.data, kind, interval)
                for name, value in measurement.dimensions.items():
                    group.add_dimension(PanoptesMetricDimension(name, value))
            self._add(group, measurement, result.dropped)
        for group in groups.values():
            result.add(group)
        return result

    def _interval(self, context: PanoptesPluginContext) -> int:
        for main in (context.config.get('main') or {}, self.panoptes_settings.get('main', {})):
            if 'execute_frequency' in main:
                return int(main['execute_frequency'])
        return _DEFAULT_INTERVAL

    def _measurements(self, found: Any, dropped: list[dict[str, str]]) -> Iterable[Measurement]:
        """Those that can be used; the others are added to dropped."""
        if isinstance(found, Measurement):
            found = [found]
        if isinstance(found, (str, bytes)) or not hasattr(found, '__iter__'):
            raise TypeError('check "{}" returned {!r:.80}: yield gauge(...) and counter(...)'.format(
                type(self).__name__, found))
        for item in found:
            if not isinstance(item, Measurement):
                self._drop(dropped, 'invalid', 'yielded {}, which is no metric: yield gauge(...) or counter(...)'.format(
                    shown(item)))
            elif item.fault is not None:
                reason, message = item.fault
                self._drop(dropped, reason, 'yielded ' + message, item)
            else:
                yield item

    def _drop(self, dropped: list[dict[str, str]], reason: str, message: str, item: Measurement | None = None) -> None:
        found = {'reason': reason, 'message': 'check "{}" {}'.format(type(self).__name__, message),
                 'group': item.group or self.group_type if item else self.group_type}
        if item is not None and item.name:
            found['metric'] = item.name
        dropped.append(found)

    def _add(self, group: PanoptesMetricsGroup, measurement: Measurement, dropped: list[dict[str, str]]) -> None:
        metric = PanoptesMetric(measurement.name, measurement.value, measurement.metric_type, measurement.timestamp)
        if measurement.unit is not None:
            # Panoptes has no units; the collector takes this one for OpenTelemetry and leaves it out of Panoptes' JSON.
            getattr(metric, '_PanoptesMetric__data')['metric_unit'] = measurement.unit
        try:
            group.add_metric(metric)
        except KeyError:
            self._drop(dropped, 'duplicate', 'yielded {} {} twice, the second time with the value {}: give the two different '
                       'dimensions'.format(measurement.kind, _name(measurement), measurement.value), measurement)


class _CheckedSet(PanoptesMetricsGroupSet):
    """What a check came to, and what was left out of it, as objects for the host."""

    def __init__(self) -> None:
        super(_CheckedSet, self).__init__()
        self.dropped: list[dict[str, str]] = []


def _name(measurement: Measurement) -> str:
    text = '"{}"'.format(measurement.name)
    if measurement.dimensions:
        text += ' with {}'.format(', '.join('{}={}'.format(*item) for item in sorted(measurement.dimensions.items())))
    return text
