"""Checks of arguments, which say yes or no and leave the message to the caller."""
from __future__ import annotations

import logging
import numbers
import os
import re
import time
from typing import Any

string_types = (str,)
integer_types = (int,)

NUMERIC_OID = re.compile(r'\.(\d+)(\.\d+)*')


def check(condition: object, message: str) -> None:
    """Raises AssertionError(message) unless condition holds; an assert statement would vanish under ``-O``."""
    if not condition:
        raise AssertionError(message)


class PanoptesValidators(object):
    """All of these are class methods and none raises, except where it says so."""

    @classmethod
    def valid_logger(cls, logger: Any) -> bool:
        return isinstance(logger, logging.Logger)

    @classmethod
    def valid_callback(cls, callback: Any) -> Any:
        return callback and hasattr(callback, '__call__')

    @classmethod
    def valid_hashable_object(cls, hashable_object: Any) -> bool:
        return getattr(hashable_object, '__hash__', None) is not None

    @classmethod
    def valid_port(cls, port: Any) -> bool:
        return type(port) is int and 1 <= port <= 65535

    @classmethod
    def valid_number(cls, value: Any) -> bool:
        return isinstance(value, numbers.Number) and not isinstance(value, bool)

    @classmethod
    def valid_nonzero_integer(cls, value: Any) -> bool:
        return type(value) is int and value > 0

    @classmethod
    def valid_positive_integer(cls, value: Any) -> bool:
        return type(value) is int and value >= 0

    @classmethod
    def valid_nonempty_string(cls, value: Any) -> bool:
        return isinstance(value, str) and len(value) > 0

    @classmethod
    def valid_none_or_string(cls, value: Any) -> bool:
        return value is None or cls.valid_nonempty_string(value)

    @classmethod
    def valid_none_or_nonempty_string(cls, value: Any) -> bool:
        return value is None or cls.valid_nonempty_string(value)

    @classmethod
    def valid_readable_path(cls, path: Any) -> bool:
        try:
            return os.path.isdir(path) and os.access(path, os.R_OK)
        except Exception:
            return False

    @classmethod
    def valid_readable_file(cls, path: Any) -> bool:
        try:
            return os.path.isfile(path) and os.access(path, os.R_OK)
        except Exception:
            return False

    @classmethod
    def valid_nonempty_iterable_of_strings(cls, value: Any) -> bool:
        return (
            not isinstance(value, str)
            and hasattr(value, '__iter__') and hasattr(value, '__len__') and len(value) > 0
            and all(cls.valid_nonempty_string(item) for item in value))

    @classmethod
    def valid_timestamp(cls, timestamp: Any, max_age: float = 604800, max_skew: float = 60) -> bool:
        """Not older than max_age seconds, and not more than max_skew seconds in the future."""
        if any(type(value) not in (int, float) for value in (timestamp, max_age, max_skew)):
            return False
        now = time.time()
        return now - max_age <= timestamp <= now + max_skew

    @classmethod
    def valid_numeric_snmp_oid(cls, oid: str) -> bool:
        """Looks at the start of the text only, as Panoptes does; TypeError if oid is no text."""
        return NUMERIC_OID.match(oid) is not None
