"""The expressions of the generic SNMP polling plugin; the language is described in docs/panoptes/snmp.md section 4.

They look like Python and mean what they mean there, but nothing is executed: the syntax tree is walked, and it may hold
nothing but what is listed here. So they can come from a device's data, and cannot run for ever.
"""
from __future__ import annotations

import ast
import operator
import re
from typing import Any, Callable, Iterator

MAX_LENGTH = 4096
MAX_DEPTH = 32
# Steps of one evaluation: nodes and iterations.
MAX_STEPS = 1000000
# Members of a text or a collection, and bits of a number, that an operator may make.
_MAX_SIZE = 1000000
_MAX_BITS = 4096

# What $index becomes.
INDEX = 'index'


class ExpressionError(ValueError):
    """An expression is not one of the language, or went past a limit."""


_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    'int': int, 'float': float, 'str': str, 'len': len, 'sum': sum, 'min': min, 'max': max, 'round': round,
    'abs': abs, 'sorted': sorted, 'any': any, 'all': all, 'bool': bool, 'range': range, 'list': list, 'tuple': tuple,
    'dict': dict, 'set': set, 'zip': zip, 'enumerate': enumerate,
}
_METHODS = {
    dict: ('values', 'items', 'keys', 'get'),
    str: ('split', 'strip', 'lstrip', 'rstrip', 'replace', 'startswith', 'endswith', 'upper', 'lower', 'join'),
}
_ALL_METHODS = frozenset(name for names in _METHODS.values() for name in names)

# Literals of text, so that what looks like an index within one stays.
_TOKENS = re.compile(r"""('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")|\.\$index\b|\$index\b""")


class Expression(object):
    """An expression, parsed and checked; ExpressionError if it is not one of the language."""

    def __init__(self, text: str) -> None:
        text = text.strip()
        self.text = text
        if len(text) > MAX_LENGTH:
            raise ExpressionError('the expression has {} characters, the limit is {}'.format(len(text), MAX_LENGTH))
        try:
            self._tree = ast.parse(_TOKENS.sub(_replace_index, text), mode='eval').body
        except (SyntaxError, ValueError, MemoryError, RecursionError) as e:
            raise ExpressionError('"{}" is no expression: {}'.format(text, getattr(e, 'msg', None) or e)) from None
        _check(self._tree, text)
        self.names = frozenset(node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name))

    @property
    def indexed(self) -> bool:
        """Whether it speaks of $index."""
        return INDEX in self.names

    def table(self) -> str | None:
        """The first name that is followed by ``.$index``."""
        found = [(node.lineno, node.col_offset, node.value.id) for node in ast.walk(self._tree)
                 if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)
                 and any(isinstance(part, ast.Name) and part.id == INDEX for part in ast.walk(node.slice))]
        return min(found)[2] if found else None

    def evaluate(self, names: dict[str, Any]) -> Any:
        """The value where names are what they stand for; errors are those that Python would give."""
        return _Evaluation().value(self._tree, names)


def _replace_index(match: re.Match[str]) -> str:
    if match.group(1):
        return match.group(1)
    return '[{}]'.format(INDEX) if match.group(0).startswith('.') else INDEX


def _check(tree: ast.expr, text: str, depth: int = 0) -> None:
    if depth > MAX_DEPTH:
        raise ExpressionError('"{}" is nested deeper than {}'.format(text, MAX_DEPTH))
    for child in _children(tree, text):
        _check(child, text, depth + 1)


def _children(node: ast.expr, text: str) -> list[ast.expr]:
    """The expressions in an expression; ExpressionError if it is of a kind that is not in the language."""
    if isinstance(node, ast.Constant):
        if node.value is None or isinstance(node.value, (int, float, str)):
            return []
    elif isinstance(node, ast.Name):
        if node.id.startswith('__') or node.id == 'self':
            raise ExpressionError('"{}": the name {} is not allowed'.format(text, node.id))
        return []
    elif isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return list(node.elts)
    elif isinstance(node, ast.Dict):
        if None not in node.keys:
            return [key for key in node.keys if key is not None] + list(node.values)
    elif isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return [node.left, node.right]
    elif isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        return [node.operand]
    elif isinstance(node, ast.BoolOp):
        return list(node.values)
    elif isinstance(node, ast.Compare):
        return [node.left] + list(node.comparators)
    elif isinstance(node, ast.IfExp):
        return [node.test, node.body, node.orelse]
    elif isinstance(node, ast.Subscript):
        return [node.value] + _slice_parts(node.slice)
    elif isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
        return _comprehension_parts(node, text)
    elif isinstance(node, ast.Call):
        return _call_parts(node, text)
    elif isinstance(node, ast.Lambda):
        arguments = node.args
        if len(arguments.args) == 1 and not (arguments.defaults or arguments.vararg or arguments.kwarg
                                             or arguments.kwonlyargs or arguments.posonlyargs):
            return [node.body]
        raise ExpressionError('"{}": a lambda must have one argument'.format(text))
    raise ExpressionError('"{}": {} is not allowed in an expression'.format(text, type(node).__name__))


def _slice_parts(node: Any) -> list[ast.expr]:
    if isinstance(node, ast.Slice):
        return [part for part in (node.lower, node.upper, node.step) if part is not None]
    # Before Python 3.9 an index lies in a node of its own.
    return [node if isinstance(node, ast.expr) else node.value]


def _comprehension_parts(node: Any, text: str) -> list[ast.expr]:
    parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
    for generator in node.generators:
        targets = generator.target.elts if isinstance(generator.target, ast.Tuple) else [generator.target]
        if generator.is_async or not all(isinstance(target, ast.Name) for target in targets):
            raise ExpressionError('"{}": a comprehension must have names as targets'.format(text))
        parts += [generator.iter] + generator.ifs
    return parts


def _call_parts(node: ast.Call, text: str) -> list[ast.expr]:
    if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
        raise ExpressionError('"{}": a call may have positional arguments only'.format(text))
    if isinstance(node.func, ast.Name):
        if node.func.id not in _FUNCTIONS:
            raise ExpressionError('"{}": the function {} is not allowed'.format(text, node.func.id))
        return list(node.args)
    if isinstance(node.func, ast.Attribute) and node.func.attr in _ALL_METHODS:
        return [node.func.value] + list(node.args)
    name = node.func.attr if isinstance(node.func, ast.Attribute) else type(node.func).__name__
    raise ExpressionError('"{}": a call of {} is not allowed'.format(text, name))


class _Evaluation(object):
    """One evaluation, which counts its steps."""

    def __init__(self) -> None:
        self._steps = 0

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise ExpressionError('the evaluation takes more than {} steps'.format(MAX_STEPS))

    def value(self, node: Any, names: dict[str, Any]) -> Any:
        self._step()
        return getattr(self, '_' + type(node).__name__)(node, names)

    def _Constant(self, node: ast.Constant, names: dict[str, Any]) -> Any:
        return node.value

    def _Name(self, node: ast.Name, names: dict[str, Any]) -> Any:
        try:
            return names[node.id]
        except KeyError:
            raise NameError("name '{}' is not defined".format(node.id)) from None

    def _List(self, node: ast.List, names: dict[str, Any]) -> Any:
        return [self.value(item, names) for item in node.elts]

    def _Tuple(self, node: ast.Tuple, names: dict[str, Any]) -> Any:
        return tuple(self.value(item, names) for item in node.elts)

    def _Set(self, node: ast.Set, names: dict[str, Any]) -> Any:
        return {self.value(item, names) for item in node.elts}

    def _Dict(self, node: ast.Dict, names: dict[str, Any]) -> Any:
        return {self.value(key, names): self.value(value, names) for key, value in zip(node.keys, node.values)}

    def _BinOp(self, node: ast.BinOp, names: dict[str, Any]) -> Any:
        left, right = self.value(node.left, names), self.value(node.right, names)
        _bound(node.op, left, right)
        return _BINARY[type(node.op)](left, right)

    def _UnaryOp(self, node: ast.UnaryOp, names: dict[str, Any]) -> Any:
        return _UNARY[type(node.op)](self.value(node.operand, names))

    def _BoolOp(self, node: ast.BoolOp, names: dict[str, Any]) -> Any:
        stop_at = isinstance(node.op, ast.Or)
        result: Any = None
        for value in node.values:
            result = self.value(value, names)
            if bool(result) is stop_at:
                break
        return result

    def _Compare(self, node: ast.Compare, names: dict[str, Any]) -> Any:
        left = self.value(node.left, names)
        result: Any = True
        for kind, comparator in zip(node.ops, node.comparators):
            right = self.value(comparator, names)
            result = _COMPARE[type(kind)](left, right)
            if not result:
                break
            left = right
        return result

    def _IfExp(self, node: ast.IfExp, names: dict[str, Any]) -> Any:
        return self.value(node.body if self.value(node.test, names) else node.orelse, names)

    def _Subscript(self, node: ast.Subscript, names: dict[str, Any]) -> Any:
        value = self.value(node.value, names)
        index: Any = node.slice
        if isinstance(index, ast.Slice):
            lower, upper, step = (None if part is None else self.value(part, names)
                                  for part in (index.lower, index.upper, index.step))
            return value[lower:upper:step]
        return value[self.value(_slice_parts(index)[0], names)]

    def _items(self, iterable: Any) -> Iterator[Any]:
        for item in iterable:
            self._step()
            yield item

    def _scopes(self, generators: list[ast.comprehension], names: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The names for each turn of a comprehension."""
        if not generators:
            yield names
            return
        first, rest = generators[0], generators[1:]
        for item in self._items(self.value(first.iter, names)):
            scope = dict(names)
            if isinstance(first.target, ast.Tuple):
                values = tuple(item)
                if len(values) != len(first.target.elts):
                    raise ValueError('cannot take {} values as {}'.format(len(values), len(first.target.elts)))
                scope.update((target.id, value) for target, value in zip(first.target.elts, values)
                             if isinstance(target, ast.Name))
            elif isinstance(first.target, ast.Name):
                scope[first.target.id] = item
            if all(self.value(condition, scope) for condition in first.ifs):
                yield from self._scopes(rest, scope)

    def _ListComp(self, node: ast.ListComp, names: dict[str, Any]) -> Any:
        return [self.value(node.elt, scope) for scope in self._scopes(node.generators, names)]

    _GeneratorExp = _ListComp

    def _SetComp(self, node: ast.SetComp, names: dict[str, Any]) -> Any:
        return {self.value(node.elt, scope) for scope in self._scopes(node.generators, names)}

    def _DictComp(self, node: ast.DictComp, names: dict[str, Any]) -> Any:
        return {self.value(node.key, scope): self.value(node.value, scope)
                for scope in self._scopes(node.generators, names)}

    def _Call(self, node: ast.Call, names: dict[str, Any]) -> Any:
        arguments = [self.value(argument, names) for argument in node.args]
        if isinstance(node.func, ast.Attribute):
            return self._method(self.value(node.func.value, names), node.func.attr, arguments)
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        _bound_call(name, arguments)
        self._steps += sum(len(argument) for argument in arguments if hasattr(argument, '__len__'))
        self._step()
        return _FUNCTIONS[name](*arguments)

    def _method(self, value: Any, name: str, arguments: list[Any]) -> Any:
        for kind, methods in _METHODS.items():
            if isinstance(value, kind) and name in methods:
                break
        else:
            raise ExpressionError('{} has no method {} in an expression'.format(type(value).__name__, name))
        if name == 'replace' and len(arguments) > 1:
            if (value.count(arguments[0]) + 1) * len(arguments[1]) > _MAX_SIZE:
                raise ExpressionError('a text would have more than {} characters'.format(_MAX_SIZE))
        if name == 'join' and arguments:
            if sum(len(value) + len(part) for part in arguments[0]) > _MAX_SIZE:
                raise ExpressionError('a text would have more than {} characters'.format(_MAX_SIZE))
        return getattr(value, name)(*arguments)

    def _Lambda(self, node: ast.Lambda, names: dict[str, Any]) -> Callable[[Any], Any]:
        name = node.args.args[0].arg

        def function(value: Any) -> Any:
            return self.value(node.body, dict(names, **{name: value}))
        return function


def _bound_call(name: str, arguments: list[Any]) -> None:
    """ExpressionError if the function would make something far larger than what it is given."""
    first = arguments[0] if arguments else None
    if name == 'range' and len(range(*arguments)) > _MAX_SIZE:
        raise ExpressionError('a range has more than {} members'.format(_MAX_SIZE))
    if name == 'str' and not isinstance(first, (str, bytes, int, float, type(None))):
        raise ExpressionError('str takes a text or a number in an expression')
    if name == 'int' and isinstance(first, (str, bytes)) and len(first) > MAX_LENGTH:
        raise ExpressionError('a number has more than {} digits'.format(MAX_LENGTH))
    if name == 'sum' and len(arguments) > 1 and not isinstance(arguments[1], (int, float)):
        raise ExpressionError('sum adds numbers in an expression')


def _bound(kind: ast.operator, left: Any, right: Any) -> None:
    """ExpressionError if the result would be too large."""
    if isinstance(kind, ast.Pow):
        if isinstance(left, int) and isinstance(right, int) and abs(right) * max(left.bit_length(), 1) > _MAX_BITS:
            raise ExpressionError('a power has more than {} bits'.format(_MAX_BITS))
    elif isinstance(kind, ast.Mult):
        for text, times in ((left, right), (right, left)):
            if isinstance(text, (list, tuple)):
                raise ExpressionError('lists cannot be multiplied in an expression')
            if isinstance(times, int) and isinstance(text, (str, bytes)) and len(text) * times > _MAX_SIZE:
                raise ExpressionError('a text would have more than {} characters'.format(_MAX_SIZE))
        if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > _MAX_BITS:
            raise ExpressionError('a product has more than {} bits'.format(_MAX_BITS))
    elif isinstance(kind, ast.Mod) and isinstance(left, str):
        raise ExpressionError('texts cannot be formatted in an expression')
    elif isinstance(kind, ast.Add) and hasattr(left, '__len__') and hasattr(right, '__len__'):
        if len(left) + len(right) > _MAX_SIZE:
            raise ExpressionError('a sum has more than {} members'.format(_MAX_SIZE))
