"""Numbers of other types than int and float, as libraries give them."""
from __future__ import annotations

import numbers
from decimal import Decimal
from typing import Any

# Decimal digits of the longest whole number that a Decimal becomes; more of them no consumer can read.
_MAX_DIGITS = 4000


def plain_number(value: Any) -> Any:
    """The int or float that a number is: exactly if it is whole or a float can hold it, else the nearest float. What is
    no real number, bool among it, is returned as it is.

    A Decimal is whole as it is written: 5 and 1E+3 are int, 5.0 is float.
    """
    kind = type(value)
    if kind is float or kind is int or kind is bool:
        return value
    try:
        if isinstance(value, numbers.Integral):
            return int(value)
        if isinstance(value, Decimal):
            return _of_decimal(value)
        if isinstance(value, numbers.Rational):
            numerator, denominator = int(value.numerator), int(value.denominator)
            return numerator if denominator == 1 else numerator / denominator
        if isinstance(value, numbers.Real):
            return float(value)
    except OverflowError:
        return float('inf') if value > 0 else float('-inf')
    return value


def _of_decimal(value: Decimal) -> int | float:
    if value.is_snan():
        return float('nan')
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent >= 0 and value.adjusted() < _MAX_DIGITS:
        return int(value)
    return float(value)


def shown(value: Any) -> str:
    """The value for a message: its repr(), cut, and its type."""
    try:
        text = repr(value)
    except Exception:
        text = 'a value that cannot be shown'
    if len(text) > 80:
        text = text[:77] + '...'
    return '{} of type {}'.format(text, type(value).__name__)
