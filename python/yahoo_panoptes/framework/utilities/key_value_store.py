"""Key/value stores: arguments are checked here, the data lies in a backend that the context has."""
from __future__ import annotations

import json
import re
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, Set

from yahoo_panoptes.framework import const
from yahoo_panoptes.framework.exceptions import PanoptesKeyValueStoreException
from yahoo_panoptes.framework.validators import PanoptesValidators, check

if TYPE_CHECKING:
    from yahoo_panoptes.framework.context import PanoptesContext

DEFAULT_EXPIRE = 604800  # seconds

# Signals of a missing expiry and a missing key, as redis gives them.
_NO_EXPIRY, _MISSING = -1, -2


class Backend(Protocol):
    """What keeps the data of stores; called with checked arguments and from any thread. expire is in seconds, None for
    ever."""

    def get(self, namespace: str, key: str) -> str | None: ...
    def set(self, namespace: str, key: str, value: str, expire: int | None) -> Any: ...
    def getset(self, namespace: str, key: str, value: str, expire: int | None) -> str | None: ...
    def ttl(self, namespace: str, key: str) -> int: ...
    def find_keys(self, namespace: str, pattern: str) -> list[str]: ...
    def find_values(self, namespace: str, pattern: str) -> dict[str, str]: ...
    def delete(self, namespace: str, key: str) -> Any: ...
    def set_members(self, namespace: str, name: str) -> Set[str]: ...
    def set_add(self, namespace: str, name: str, member: str) -> Any: ...

    def get_secret(self, namespace: str, name: str, site: str, fallback: bool) -> str | None:
        """The secret of a site or, where there is none and fallback is set, the default one; None if neither is."""

    def get_enrichment(self, namespace: str, resource_id: str, enrichment_namespace: str) -> dict[str, Any]:
        """{enrichment namespace: stored object} of the resource; of all its namespaces for ``*``."""


class PanoptesKeyValueStore(object):
    """A store of texts by key; keys of stores with different namespaces do not meet."""

    redis_group = const.DEFAULT_REDIS_GROUP_NAME

    def __init__(self, panoptes_context: PanoptesContext, namespace: str) -> None:
        self.__namespace = namespace
        self._backend = panoptes_context.key_value_backend

    @property
    def namespace(self) -> str:
        return self.__namespace

    def get(self, key: str) -> str | None:
        """The value, or None."""
        _check_key(key)
        return self._backend.get(self.__namespace, key)

    def set(self, key: str, value: str, expire: int | None = DEFAULT_EXPIRE) -> Any:
        """Keeps the value for expire seconds, for ever if that is None; returns True."""
        _check_key(key)
        _check_value(value)
        check(expire is None or PanoptesValidators.valid_nonzero_integer(expire),
              'expire must be an integer greater than zero')
        self._backend.set(self.__namespace, key, value, expire)
        return True

    def getset(self, key: str, value: str, expire: int | None = DEFAULT_EXPIRE) -> str | None:
        """Keeps the value and returns the one before, or None."""
        _check_key(key)
        _check_value(value)
        check(PanoptesValidators.valid_nonzero_integer(expire), 'expire must be an integer greater than zero')
        return self._backend.getset(self.__namespace, key, value, expire)

    def ttl(self, key: str) -> int:
        """Seconds the key still lives: -1 for ever, -2 there is none."""
        _check_key(key)
        return self._backend.ttl(self.__namespace, key)

    def find_keys(self, pattern: str | None = None) -> list[str]:
        """The keys that match the glob pattern (as redis has it), in any order; TypeError without a pattern."""
        if pattern is None:
            raise TypeError('find_keys needs a pattern')
        return self._backend.find_keys(self.__namespace, pattern)

    def delete(self, key: str) -> Any:
        check(PanoptesValidators.valid_nonempty_string(key), 'key must be a non-empty str or unicode')
        return self._backend.delete(self.__namespace, key)

    def set_members(self, set_name: str) -> Any:
        """A set of str, empty if there is no set of this name."""
        check(PanoptesValidators.valid_nonempty_string(set_name), 'set_name must be a non-empty str')
        return self._backend.set_members(self.__namespace, set_name)

    def set_add(self, set_name: str, member: str) -> Any:
        """Adds to the set of this name, which does not expire."""
        check(PanoptesValidators.valid_nonempty_string(set_name), 'set_name must be a non-empty str')
        check(PanoptesValidators.valid_nonempty_string(member), 'member must be a non-empty str')
        return self._backend.set_add(self.__namespace, set_name, member)


def _check_key(key: str) -> None:
    check(PanoptesValidators.valid_nonempty_string(key), 'key must be a non-empty str')


def _check_value(value: str) -> None:
    check(PanoptesValidators.valid_nonempty_string(value), 'key value be a non-empty str')


class PanoptesKeyValueStoreValidators(object):
    @classmethod
    def valid_kv_store_class(cls, kv_store_class: object) -> bool:
        return isinstance(kv_store_class, type) and issubclass(kv_store_class, PanoptesKeyValueStore)

    @classmethod
    def valid_kv_store_instance(cls, kv_store_instance: object) -> bool:
        return isinstance(kv_store_instance, PanoptesKeyValueStore)


class InMemoryBackend(object):
    """A Backend that keeps the data of all namespaces in this process."""

    def __init__(self) -> None:
        self.__lock = threading.Lock()
        # {full key: (value, end of its life on the monotonic clock or None)}; a value is a str or a set of str.
        self.__entries: dict[str, tuple[Any, float | None]] = {}

    def __entry(self, key: str) -> tuple[Any, float | None] | None:
        entry = self.__entries.get(key)
        if entry is not None and entry[1] is not None and entry[1] <= monotonic():
            del self.__entries[key]
            return None
        return entry

    def get(self, namespace: str, key: str) -> str | None:
        with self.__lock:
            entry = self.__entry(_full(namespace, key))
            return entry[0] if entry else None

    def set(self, namespace: str, key: str, value: str, expire: int | None) -> None:
        self.getset(namespace, key, value, expire)

    def getset(self, namespace: str, key: str, value: str, expire: int | None) -> str | None:
        key = _full(namespace, key)
        with self.__lock:
            before = self.__entry(key)
            self.__entries[key] = (value, None if expire is None else monotonic() + expire)
            return before[0] if before else None

    def ttl(self, namespace: str, key: str) -> int:
        with self.__lock:
            entry = self.__entry(_full(namespace, key))
            if entry is None:
                return _MISSING
            return _NO_EXPIRY if entry[1] is None else int(round(entry[1] - monotonic()))

    def find_keys(self, namespace: str, pattern: str) -> list[str]:
        matches = re.compile(_glob(_full(namespace, pattern)), re.DOTALL).match
        with self.__lock:
            return [key[len(namespace) + 1:] for key in list(self.__entries) if matches(key) and self.__entry(key)]

    def find_values(self, namespace: str, pattern: str) -> dict[str, str]:
        found = {key: self.get(namespace, key) for key in self.find_keys(namespace, pattern)}
        return {key: value for key, value in found.items() if value is not None}

    def delete(self, namespace: str, key: str) -> int:
        with self.__lock:
            return int(self.__entries.pop(_full(namespace, key), None) is not None)

    def set_members(self, namespace: str, name: str) -> Set[str]:
        with self.__lock:
            entry = self.__entry(_full(namespace, name))
            return set(entry[0]) if entry else set()

    def set_add(self, namespace: str, name: str, member: str) -> int:
        with self.__lock:
            members = self.__entries.setdefault(_full(namespace, name), (set(), None))[0]
            before = len(members)
            members.add(member)
            return len(members) - before

    def get_secret(self, namespace: str, name: str, site: str, fallback: bool) -> str | None:
        value = self.get(namespace, '{}:{}'.format(name, site))
        if value is None and fallback:
            value = self.get(namespace, name + ':default')
        return value

    def get_enrichment(self, namespace: str, resource_id: str, enrichment_namespace: str) -> dict[str, Any]:
        """ValueError if what is stored is no JSON."""
        if enrichment_namespace == '*':
            prefix = resource_id + const.KV_NAMESPACE_DELIMITER
            with self.__lock:
                full = _full(namespace, prefix)
                names = [key[len(full):] for key in self.__entries if key.startswith(full)]
        else:
            names = [enrichment_namespace]
        found = {name: self.get(namespace, _full(resource_id, name)) for name in sorted(names)}
        return {name: json.loads(value) for name, value in found.items() if value is not None}


def _full(namespace: str, key: str) -> str:
    return namespace + const.KV_NAMESPACE_DELIMITER + key


def _glob(pattern: str) -> str:
    """The regular expression for a glob of redis: ``*``, ``?``, ``[a-c]``, ``[^a]``, a backslash before what counts
    as itself."""
    expression = []
    i = 0
    while i < len(pattern):
        c = pattern[i]
        i += 1
        if c == '*':
            expression.append('.*')
        elif c == '?':
            expression.append('.')
        elif c == '\\' and i < len(pattern):
            expression.append(re.escape(pattern[i]))
            i += 1
        elif c == '[':
            end = pattern.find(']', i)
            if end < 0:
                end = len(pattern)
            inside = pattern[i:end]
            negated = inside.startswith('^')
            inside = re.sub(r'([\[\]\\^&|~])', r'\\\1', inside[1:] if negated else inside)
            if inside:
                expression.append('[{}{}]'.format('^' if negated else '', inside))
            else:
                expression.append('.' if negated else '(?!)')
            i = end + 1
        else:
            expression.append(re.escape(c))
    return ''.join(expression) + r'\Z'
