"""Stand-in for the package cerberus: the part of it that enrichment schemas use, with the answers of its version 1.3.

A schema says {field: rules}; see docs/panoptes/python-api.md section 6 for the rules and types.
"""
import datetime
import re
from collections.abc import Mapping, Sequence

__version__ = '1.3.0'


class DocumentError(Exception):
    """What is to be validated is no mapping."""


class SchemaError(Exception):
    """A schema is not well-formed."""


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


TYPES = {
    'binary': lambda value: isinstance(value, (bytes, bytearray)),
    'boolean': lambda value: isinstance(value, bool),
    'date': lambda value: isinstance(value, datetime.date),
    'datetime': lambda value: isinstance(value, datetime.datetime),
    'dict': lambda value: isinstance(value, Mapping),
    'float': lambda value: isinstance(value, (float, int)),
    'integer': lambda value: isinstance(value, int),
    'list': lambda value: isinstance(value, Sequence) and not isinstance(value, str),
    'number': _is_number,
    'set': lambda value: isinstance(value, set),
    'string': lambda value: isinstance(value, str),
}

# The rules whose argument is one set of rules, and those whose argument is a list of such.
_NESTED = ('keysrules', 'valuesrules')
_ALTERNATIVES = ('anyof', 'allof', 'oneof', 'noneof')
_RULES = ('type', 'schema', 'required', 'allowed', 'min', 'max', 'nullable', 'empty', 'regex', 'minlength',
          'maxlength', 'allow_unknown') + _NESTED + _ALTERNATIVES


class Validator:
    """Tells whether documents keep to a schema; errors holds what was wrong with the last one, {field: [texts]}."""

    def __init__(self, schema=None, allow_unknown=False):
        self.allow_unknown = allow_unknown
        self.errors = {}
        self.schema = schema
        if schema is not None:
            _check_schema(schema)

    def validate(self, document, schema=None):
        if schema is not None:
            _check_schema(schema)
            self.schema = schema
        if self.schema is None:
            raise SchemaError('validation schema missing')
        if not isinstance(document, Mapping):
            raise DocumentError('{!r} is not a document, must be a dict'.format(document))
        self.errors = _fields(document, self.schema, self.allow_unknown)
        return not self.errors

    __call__ = validate


def _check_schema(schema):
    if not isinstance(schema, Mapping):
        raise SchemaError('schema definition {!r} must be a dict'.format(schema))
    for field, rules in schema.items():
        _check_rules(field, rules)


def _check_rules(field, rules):
    if not isinstance(rules, Mapping):
        raise SchemaError('{}: the rules {!r} must be a dict'.format(field, rules))
    for rule, argument in rules.items():
        if rule not in _RULES:
            raise SchemaError('{}: unknown rule {!r}'.format(field, rule))
        if rule == 'type':
            for name in _listed(argument):
                if not isinstance(name, str) or name not in TYPES:
                    raise SchemaError('{}: unsupported type {!r}'.format(field, name))
        elif rule == 'schema':
            if not isinstance(argument, Mapping):
                raise SchemaError('{}: schema {!r} must be a dict'.format(field, argument))
            if _is_fields(rules, argument):
                _check_schema(argument)
            else:
                _check_rules(field, argument)
        elif rule in _NESTED:
            _check_rules(field, argument)
        elif rule in _ALTERNATIVES:
            if not isinstance(argument, Sequence) or isinstance(argument, str):
                raise SchemaError('{}: {} must be a list of rules'.format(field, rule))
            for alternative in argument:
                _check_rules(field, alternative)


def _listed(argument):
    return argument if isinstance(argument, (list, tuple)) else [argument]


def _is_fields(rules, schema):
    """Whether a nested schema is one of fields, rather than the rules of a list's items."""
    kinds = _listed(rules.get('type', ()))
    if 'list' in kinds:
        return False
    return 'dict' in kinds or all(isinstance(value, Mapping) for value in schema.values())


def _fields(document, schema, allow_unknown):
    errors = {}
    for field, value in document.items():
        if field in schema:
            wrong = _value(value, schema[field], allow_unknown)
            if wrong:
                errors[field] = wrong
        elif not allow_unknown:
            errors[field] = ['unknown field']
    for field, rules in schema.items():
        if rules.get('required') and field not in document:
            errors[field] = ['required field']
    return errors


def _value(value, rules, allow_unknown):
    """What is wrong with one value."""
    if value is None:
        if rules.get('nullable'):
            return []
        # Alternatives may allow None where the rules themselves do not speak of it.
        if 'type' in rules or not any(name in rules for name in _ALTERNATIVES):
            return ['null value not allowed']
    if 'type' in rules and not any(TYPES[name](value) for name in _listed(rules['type'])):
        return ['must be of {} type'.format(' or '.join(_listed(rules['type'])))]
    wrong = _simple(value, rules)
    wrong += _nested(value, rules, rules.get('allow_unknown', allow_unknown))
    for name in _ALTERNATIVES:
        if name in rules:
            valid = sum(not _value(value, alternative, allow_unknown) for alternative in rules[name])
            if not {'anyof': valid > 0, 'allof': valid == len(rules[name]), 'oneof': valid == 1,
                    'noneof': valid == 0}[name]:
                wrong.append('no definitions validate' if valid == 0 else 'wrong number of definitions validate')
    return wrong


def _simple(value, rules):
    wrong = []
    if 'allowed' in rules:
        values = value if isinstance(value, (list, tuple, set)) else [value]
        if any(item not in rules['allowed'] for item in values):
            wrong.append('unallowed value {}'.format(value))
    try:
        if 'min' in rules and value < rules['min']:
            wrong.append('min value is {}'.format(rules['min']))
        if 'max' in rules and value > rules['max']:
            wrong.append('max value is {}'.format(rules['max']))
    except TypeError:
        pass  # as in Cerberus: what has no order has no bounds
    if isinstance(value, str) and 'regex' in rules and not re.match(rules['regex'].rstrip('$') + '$', value):
        wrong.append("value does not match regex '{}'".format(rules['regex']))
    if hasattr(value, '__len__'):
        if rules.get('empty') is False and not len(value):
            wrong.append('empty values not allowed')
        if len(value) < rules.get('minlength', 0):
            wrong.append('min length is {}'.format(rules['minlength']))
        if 'maxlength' in rules and len(value) > rules['maxlength']:
            wrong.append('max length is {}'.format(rules['maxlength']))
    return wrong


def _nested(value, rules, allow_unknown):
    wrong = []
    if isinstance(value, Mapping):
        if 'schema' in rules and _is_fields(rules, rules['schema']):
            inner = _fields(value, rules['schema'], allow_unknown)
            wrong += [inner] if inner else []
        for rule, items in (('keysrules', list(value)), ('valuesrules', list(value.values()))):
            if rule in rules and any(_value(item, rules[rule], allow_unknown) for item in items):
                wrong.append("one or more {} of a mapping don't validate".format(rule[:-5]))
    elif isinstance(value, Sequence) and not isinstance(value, str) and 'schema' in rules:
        inner = {i: _value(item, rules['schema'], allow_unknown) for i, item in enumerate(value)}
        inner = {i: errors for i, errors in inner.items() if errors}
        wrong += [inner] if inner else []
    return wrong
