"""The configuration JSON of the generic SNMP polling plugin, read and checked; see docs/panoptes/snmp.md section 3."""
from __future__ import annotations

from typing import Any, Callable

from yahoo_panoptes.framework.metrics import PanoptesMetricType
from yahoo_panoptes.plugins.polling.generic.snmp.expressions import Expression, ExpressionError

VERSION_01 = '0.1'
VERSION_02 = '0.2'

# What a text is under schema 0.1 although it is not quoted.
_BARE_TEXTS = ('data', 'ctrl', 'dram')

_METRIC_TYPES = {'gauge': PanoptesMetricType.GAUGE, 'counter': PanoptesMetricType.COUNTER}


def _text(value: Any) -> str:
    return value.decode('utf-8') if isinstance(value, bytes) else str(value)


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(('Integer', 'Integer32', 'UInteger32', 'Counter32', 'Counter64', 'Gauge32', 'TimeTicks', 'integer',
                     'int', 'long'), int),
    **dict.fromkeys(('float', 'double'), float),
    **dict.fromkeys(('Octet String', 'Object Identifier', 'Bit String', 'IpAddress', 'Opaque', 'NsapAddress', 'str'),
                    str),
    'string': _text,
}


class Target(object):
    """A metric or a dimension: how its value is found."""

    def __init__(self, name: str, spec: Any, default_type: str, version: str) -> None:
        """ValueError (such as ExpressionError) if spec is not what a target can be."""
        self.name = name
        if not isinstance(spec, dict):
            if isinstance(spec, float):
                default_type = 'float'
            elif isinstance(spec, int):
                default_type = 'integer'
            spec = {'value': spec}
        value = spec['value']
        self.text = str(value)
        self._constant = None if isinstance(value, str) else value
        self._expression = None
        if isinstance(value, str):
            quoted = repr(value) if version == VERSION_01 and value.strip() in _BARE_TEXTS else value
            self._expression = Expression(quoted)
        self._transform = Expression(spec['transform']) if spec.get('transform') else None
        kind = spec.get('type', default_type)
        if kind not in _CONVERSIONS:
            raise ValueError('unknown type "{}"; known are {}'.format(kind, ', '.join(sorted(_CONVERSIONS))))
        self._convert = _CONVERSIONS[kind]
        metric_type = spec.get('metric_type', 'gauge')
        if metric_type not in _METRIC_TYPES:
            raise ValueError('metric_type must be "gauge" or "counter", is "{}"'.format(metric_type))
        self.metric_type = _METRIC_TYPES[metric_type]
        self.indices = spec.get('indices')
        self.indices_from = spec.get('indices_from')
        self.is_indexed = self._indexed(spec, version)

    def _indexed(self, spec: dict[str, Any], version: str) -> bool:
        listed = self.indices is not None or self.indices_from is not None
        if version == VERSION_01:
            if 'top_level' in spec:
                return False
            listed = self.indices is not None and 'evaluate' not in spec or self.indices_from is not None
        return listed or (self._expression is not None and self._expression.indexed)

    @property
    def names(self) -> frozenset[str]:
        """The names that it speaks of."""
        return frozenset() if self._expression is None else self._expression.names

    def needs(self, oid_name: str) -> bool:
        """Whether its value depends on this table or scalar."""
        return oid_name in self.names or oid_name == self.indices_from

    def indexes(self, tables: dict[str, Any]) -> list[str]:
        """The indexes it is to be evaluated for."""
        if self.indices is not None:
            return [str(index) for index in self.indices]
        table = self.indices_from
        if table is None and self._expression is not None:
            table = self._expression.table()
        if table is None:
            return []
        if not isinstance(tables.get(table), dict):
            raise ValueError('there is no table "{}"'.format(table))
        return list(tables[table])

    def raw(self, names: dict[str, Any]) -> Any:
        """The value before it is converted."""
        return self._constant if self._expression is None else self._expression.evaluate(names)

    def convert(self, value: Any) -> Any:
        value = self._convert(value)
        if self._transform is None:
            return value
        function = self._transform.evaluate({})
        if not callable(function):
            raise ExpressionError('transform "{}" is no lambda'.format(self._transform.text))
        return function(value)


class Group(object):
    """A group to make."""

    def __init__(self, spec: dict[str, Any], version: str, skipped: Callable[[str, str, Exception], None]) -> None:
        """Targets that are not well-formed are left out; skipped(group, target, error) is called for each."""
        self.name: str = spec['group_name']
        self.ignore_empty_dimensions = version == VERSION_01 or bool(spec.get('ignore_empty_dimensions', False))
        self.metrics = self._targets(spec['metrics'], 'integer', version, skipped)
        self.dimensions = self._targets(spec.get('dimensions') or {}, 'string', version, skipped)

    def _targets(self, specs: dict[str, Any], default_type: str, version: str,
                 skipped: Callable[[str, str, Exception], None]) -> list[Target]:
        targets = []
        for name, spec in specs.items():
            try:
                targets.append(Target(name, spec, default_type, version))
            except (KeyError, ValueError) as e:
                skipped(self.name, name, e)
        return targets

    def speaks_of(self, oid_name: str) -> bool:
        return any(target.needs(oid_name) for target in self.metrics + self.dimensions)
